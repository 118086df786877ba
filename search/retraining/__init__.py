"""The retraining of trials outside of the search: confirmations, replays, and data curves."""
