"""The best model: its choice, its proof, its scores and its export."""
