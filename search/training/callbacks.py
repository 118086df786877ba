"""The Keras callback that observes `model.fit` for one epoch."""

from __future__ import annotations

import time
from typing import Any

import keras
import numpy as np


class Watch(keras.callbacks.Callback):  # type: ignore[misc]
    """The observer of an epoch: logs, and seconds of the first batch and of the validation."""

    def __init__(self) -> None:
        super().__init__()
        self.logs: dict[str, float] = {}
        self.first_batch_s = self.validation_s = self._began = 0.0

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if batch == 0:
            self.first_batch_s = time.perf_counter() - self._began

    def on_test_begin(self, logs: Any = None) -> None:
        self._began = time.perf_counter()

    def on_test_end(self, logs: Any = None) -> None:
        self.validation_s = time.perf_counter() - self._began

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.logs = {name: float(np.mean(value)) for name, value in (logs or {}).items()}
