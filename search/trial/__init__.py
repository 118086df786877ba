"""The life of one trial: sampling, building, training, checkpoints and result."""
