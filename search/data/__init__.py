"""The data of a study: read, coded, split once, normalised."""
