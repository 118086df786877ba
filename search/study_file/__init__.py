"""The study file: its keys, its mistakes, its changes, and the commented one for a start."""
