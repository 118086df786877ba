"""Hyperparameter search for Keras models: the package that users install and import."""
