"""The training engine: whole compiled epochs, models used again, exact checkpoints."""
