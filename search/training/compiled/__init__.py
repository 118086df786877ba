"""Whole epochs compiled into one graph, and models that trials share."""
