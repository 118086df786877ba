"""The `hp` of KerasTuner: hyperparameters that code declares while it builds a model."""
