"""The observers of an epoch by `fit`: its logs, its seconds, and what its validation measured."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import numpy as np

from studyhall.search.training.fit_input import Counted
from studyhall.spaces.failures import UserCodeError


class Noted(NamedTuple):
    """The facts noted of an epoch as soon as it is validated.

    Attributes:
        loss: Validation loss without penalties.
        penalties: The penalties of the weights.
        rate: Learning rate.
        weights: Copies of the weights, if callbacks may change them before the epoch ends.
    """

    loss: float
    penalties: float
    rate: float
    weights: list[np.ndarray]


class Watch(keras.callbacks.Callback):  # type: ignore[misc]
    """The observer of an epoch: logs, and seconds of the first batch and of the validation.

    It must not listen to ends of batches: `fit` would then wait for the device after each of them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.logs: dict[str, float] = {}
        self.first_batch_s = self.validation_s = self._began = 0.0

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if batch == 0:
            self._began = time.perf_counter()
        elif not self.first_batch_s:
            self._first_batch_ended()

    def on_test_begin(self, logs: Any = None) -> None:
        if not self.first_batch_s:  # there was only one
            self._first_batch_ended()
        self._began = time.perf_counter()

    def _first_batch_ended(self) -> None:
        self.first_batch_s = time.perf_counter() - self._began

    def on_test_end(self, logs: Any = None) -> None:
        self.validation_s = time.perf_counter() - self._began

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.logs = numbers(logs or {})


class CountingWatch(Watch):
    """The observer of an epoch of unknown length, which it ends after the last batch.

    Attributes:
        counted: The batches of the epoch.
    """

    def __init__(self) -> None:
        super().__init__()
        self.counted: Counted | None = None
        self._asked: bool | None = None  # whether the training is to stop, while an epoch ends

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        last = None if self.counted is None else self.counted.total
        if last is not None and batch + 1 >= last:
            self._asked, self.model.stop_training = self.model.stop_training, True

    def on_test_begin(self, logs: Any = None) -> None:
        super().on_test_begin(logs)
        self._ended()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        super().on_epoch_end(epoch, logs)
        self._ended()

    def _ended(self) -> None:
        """Put back whether the training, and not the epoch alone, is to stop."""
        if self._asked is not None:
            self.model.stop_training, self._asked = self._asked, None


class Validated(keras.callbacks.Callback):  # type: ignore[misc]
    """The first callback: notes what a validation has measured, before others change anything.

    Args:
        measure: Returns what is to be noted, from the logs of a validation.

    Attributes:
        found: What `measure` returned last.
        logs: The logs of the last epoch.
    """

    def __init__(self, measure: Any) -> None:
        super().__init__()
        self.found: Any = None
        self.logs: dict[str, Any] = {}
        self._measure = measure

    def on_test_end(self, logs: Any = None) -> None:
        """Measure the model in the very state in which it was validated."""
        self.found = self._measure(logs or {})

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Keep the logs as `fit` has made them."""
        self.logs = dict(logs or {})


def numbers(logs: Mapping[str, Any]) -> dict[str, float]:
    """Return logs as numbers.

    Raises:
        UserCodeError: there is something else among them, which a callback has put there.
    """
    found = {}
    for name, value in logs.items():
        try:
            found[name] = float(np.mean(keras.ops.convert_to_numpy(value)))
        except (TypeError, ValueError) as error:
            received = f'logs["{name}"] is a {type(value).__name__}'
            raise UserCodeError(f"[training] callbacks: {received}, expected a number") from error
    return found
