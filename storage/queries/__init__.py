"""The read-only queries about a study."""
