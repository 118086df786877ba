"""The store of checkpoints, models and figures, and the rules for deleting them."""
