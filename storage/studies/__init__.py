"""A study's own rows: creation, names, notices, trash."""
