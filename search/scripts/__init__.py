"""Studies of scripts: code of the user's own that searches, run unchanged."""
