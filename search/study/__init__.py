"""A study: made from a checked study file, and read back from the database."""
