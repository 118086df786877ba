"""The best model: which it is, its proof, its scores, its file."""
