"""The training engine: whole compiled epochs, reused models, exact checkpoints."""
