"""Keras callbacks across an epoch-by-epoch fit: begun once, ended once, and their state kept."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from studyhall.search.training.checkpoint import CheckpointError
from studyhall.search.training.compiled import sharing

_PLAIN = (bool, int, float, str, type(None))
_OTHERS = {"_model", "model", "params", "validation_data"}  # set by Keras at every start


class OneTraining(keras.callbacks.CallbackList):  # type: ignore[misc]
    """Callbacks that live through several calls of fit as through a single one.

    Args:
        callbacks: The user's and ours.
        model: The model that they watch.
        epochs: Of the whole training.
    """

    def __init__(
        self, callbacks: Sequence[keras.callbacks.Callback], model: Any, epochs: int
    ) -> None:
        super().__init__(list(callbacks), add_history=True, model=model, epochs=epochs, verbose=0)

    def begin(self) -> None:
        """The training begins."""
        super().on_train_begin()

    def end(self) -> None:
        """The training has ended."""
        super().on_train_end()

    def on_train_begin(self, logs: Any = None) -> None:
        """A call of fit begins: nothing that callbacks should know."""

    def on_train_end(self, logs: Any = None) -> None:
        """A call of fit has ended, not the training."""


class Watch(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps an epoch's logs and what of its time went to the first batch and to validation."""

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


def read(callbacks: Sequence[Any]) -> tuple[list[dict[str, Any]], list[np.ndarray]]:
    """What callbacks remember: plain attributes, and arrays apart from them.

    Returns:
        Per callback its attributes, JSON-able, an array as {"array": n, "list": bool} for the
        next n arrays; and the arrays.
    """
    facts: list[dict[str, Any]] = []
    arrays: list[np.ndarray] = []
    for callback in callbacks:
        facts.append({})
        for name, value in vars(callback).items():
            if name not in _OTHERS:
                _read(name, value, facts[-1], arrays)
    return facts, arrays


def _read(name: str, value: Any, facts: dict[str, Any], arrays: list[np.ndarray]) -> None:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, _PLAIN):
        facts[name] = {"plain": value}
    elif isinstance(value, np.ndarray):
        facts[name] = {"arrays": 1, "list": False}
        arrays.append(value)
    elif isinstance(value, list) and all(isinstance(part, np.ndarray) for part in value):
        facts[name] = {"arrays": len(value), "list": True}
        arrays += value
    elif isinstance(value, list) and all(isinstance(part, _PLAIN) for part in value):
        facts[name] = {"plain": list(value)}


def write(
    callbacks: Sequence[Any], facts: Sequence[dict[str, Any]], arrays: Iterator[np.ndarray]
) -> None:
    """Give callbacks back what `read` found; arrays in the same order.

    Raises:
        CheckpointError: This version of Keras hides how one of them compares.
    """
    for callback, remembered in zip(callbacks, facts, strict=True):
        if remembered.get("best", {}).get("plain") is not None:
            _decide_what_is_better(callback)
        for name, value in remembered.items():
            if "plain" in value:
                setattr(callback, name, value["plain"])
            else:
                held = [np.array(next(arrays)) for _ in range(value["arrays"])]
                setattr(callback, name, held if value["list"] else held[0])


def _decide_what_is_better(callback: Any) -> None:
    """As its first epoch would, which then turns min_delta's sign; some versions do it at once."""
    if getattr(callback, "monitor_op", True) is not None:
        return
    if hasattr(callback, "_set_monitor_op"):
        callback._set_monitor_op()
    elif sharing.is_known(type(callback)):
        raise CheckpointError(f"this version of Keras hides the state of {type(callback).__name__}")
