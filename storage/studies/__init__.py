"""The rows of a study itself: creation, names, limits, notices, scorings, trash."""
