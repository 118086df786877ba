"""Trials trained anew, apart from the search: confirmed, replayed, or on less data."""
