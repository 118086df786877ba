"""Telling somebody elsewhere what happens to a study: what is worth it, and how it is delivered."""
