"""Questions about a study that change nothing."""
