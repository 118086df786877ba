"""Checkpoints, models and pictures: where they lie, and when they go."""
