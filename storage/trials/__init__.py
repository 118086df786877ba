"""The life of a trial in the database, from its claim to its result."""
