"""The compiled path: whole epochs in one graph, and models that trials share."""
