"""The callback that lets a tuner's own methods follow a training."""

from __future__ import annotations

from typing import Any

import keras


class TunerCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Passes the events of a `fit` on to the tuner, whose methods a script may override.

    Args:
        tuner: the `Tuner`.
        trial: the `Trial`.
    """

    def __init__(self, tuner: Any, trial: Any) -> None:
        super().__init__()
        self.tuner, self.trial = tuner, trial

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Pass on the begin of an epoch."""
        self.tuner.on_epoch_begin(self.trial, self.model, epoch, logs=logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Pass on the end of an epoch."""
        self.tuner.on_epoch_end(self.trial, self.model, epoch, logs=logs)

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Pass on the begin of a batch."""
        self.tuner.on_batch_begin(self.trial, self.model, batch, logs)

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """Pass on the end of a batch."""
        self.tuner.on_batch_end(self.trial, self.model, batch, logs)
