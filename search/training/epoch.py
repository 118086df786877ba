"""The result of one epoch of training."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Epoch:
    """One epoch of one training.

    Attributes:
        number: Counted from 1.
        value: The objective, with the sign that makes less better: the validation loss of the data,
            without penalties, unless another metric is asked for; NaN where the training diverged.
        metrics: loss and val_loss (the data's), keras_loss and keras_val_loss (as Keras reports
            them, with penalties), the model's metrics, val_<metric>, learning_rate.
        seconds: Wall time.
    """

    number: int
    value: float
    metrics: dict[str, float]
    seconds: float
