"""Hyperparameter search for Keras models: the package that users install and import."""

__version__ = "0.1.0"
__all__ = ["__version__"]
