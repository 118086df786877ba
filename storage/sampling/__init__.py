"""The samplers and pruners, and the results of a study that they learn from."""
