"""One training: yields one `Epoch` after another, and keeps the best one.

It can be saved between epochs and continued in another process with the same results.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Protocol

import keras
import numpy as np

from studyhall.search.training import checkpoint, progress
from studyhall.search.training.checkpoint import CheckpointError
from studyhall.search.training.epoch import Epoch
from studyhall.search.training.settings import Settings

CALL_S = 0.05  # seconds: epochs per call are chosen to fit, so that reports stay frequent
MOST_EPOCHS = 64  # per call


class TrainingPath(Protocol):
    """One way to train: by compiled epochs, or by `model.fit`."""

    seconds: dict[str, float]

    def run(self, first: int, count: int) -> list[Epoch]:
        """Train epochs first … first + count - 1, or until a rule stops the training."""

    def progress(self) -> np.ndarray:
        """Return `progress.RulesState` after the last epoch."""

    def state(self) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Return everything else that the next epoch depends on, and the best weights."""

    def restore(self, facts: dict[str, Any], state: list[np.ndarray], done: np.ndarray) -> None:
        """Continue from a saved state.

        Args:
            facts, state: Both parts of `state`.
            done: The result of `progress`.
        """

    def best_weights(self) -> list[np.ndarray]:
        """Return the weights of the best epoch, in the order of the model's weights."""

    def end(self) -> None:
        """Take note that no epoch follows."""

    def layout(self) -> list[tuple[Any, ...]]:
        """Return shape and dtype of each array of the state."""


class Training:
    """One model's training, epoch by epoch.

    Attributes:
        history: All epochs so far, up to the one that was yielded last.
        stopped: None until the last epoch, then "epochs", "patience", "diverged" or "by its
            callbacks".
        copy_differs: Difference of its compiled copy that forced training by `model.fit`, or None.
    """

    def __init__(self, model: keras.Model, settings: Settings, path: TrainingPath) -> None:
        self.model, self.settings = model, settings
        self.history: list[Epoch] = []
        self.stopped: str | None = None
        self.copy_differs: str | None = None
        self._path = path
        self._trained: list[Epoch] = []
        self._saving_s = 0.0

    @property
    def best(self) -> Epoch | None:
        """The epoch of the lowest value so far; None while no value is a number."""
        finite = [epoch for epoch in self.history if not math.isnan(epoch.value)]
        return min(finite, key=lambda epoch: epoch.value, default=None)

    @property
    def seconds(self) -> dict[str, float]:
        """The seconds spent per activity: build, trace, train, validate, checkpoint."""
        return {**self._path.seconds, "checkpoint": self._saving_s}

    @property
    def ahead(self) -> int:
        """The number of epochs that are trained but not yielded yet."""
        return len(self._trained) - len(self.history)

    def epochs(self, after: int = 0) -> Iterator[Epoch]:
        """Train, and yield each epoch once, in order.

        Args:
            after: Epochs up to this number are known and not yielded. Those after the checkpoint
                are still trained again. Epochs that a restored training had finished beyond
                ``after`` are yielded first.
        """
        self.history = []
        while self._advance():
            epoch = self._trained[len(self.history)]
            self.history.append(epoch)
            self._note_end(epoch)
            if epoch.number > after:
                yield epoch

    def save(self) -> bytes:
        """Return everything that is needed to continue from here in any process."""
        began = time.perf_counter()
        facts, state = self._path.state()
        header = {
            "facts": facts,
            "training": self._name(),
            "progress": self._path.progress().tolist(),
            "history": [asdict(epoch) for epoch in self._trained],
        }
        blob = checkpoint.pack(header, state)
        self._saving_s += time.perf_counter() - began
        return blob

    def restore(self, blob: bytes) -> None:
        """Continue from where another training of the same model and settings was saved.

        Raises:
            CheckpointError: The checkpoint is corrupt or of another model.
        """
        began = time.perf_counter()
        header, state = checkpoint.unpack(blob)
        if header["training"] != self._name():
            raise CheckpointError("the checkpoint is of another model")
        self._path.restore(header["facts"], state, np.array(header["progress"]))
        self._trained = [Epoch(**epoch) for epoch in header["history"]]
        self._saving_s += time.perf_counter() - began

    def end(self) -> None:
        """End the training, also before its last epoch: callbacks of the user's hear of it once.

        Raises:
            UserCodeError: one of them fails.
        """
        self._path.end()

    def best_model(self) -> keras.Model:
        """Return the caller's model with the weights of the best epoch; this ends the training."""
        for weight, best in zip(self.model.weights, self._path.best_weights(), strict=True):
            weight.assign(best)
        if self.model.optimizer is not None:  # unbuilt, it makes Keras warn when loading the model
            self.model.optimizer.build(self.model.trainable_variables)
        return self.model

    def _advance(self) -> bool:
        """Return whether there is a further epoch to yield; train if none is left over."""
        if len(self._trained) > len(self.history):
            return True
        done, state = len(self._trained), progress.RulesState(*self._path.progress())
        if done >= self.settings.epochs or state.stopped != progress.RUNNING:
            return False
        self._trained += self._path.run(done + 1, self._at_once(self.settings.epochs - done))
        return True

    def _name(self) -> str:
        """Return a hash that is equal for trainings that can continue each other's state."""
        settings = (self.settings.seed, self.settings.batch_size)
        parts = repr((type(self._path).__name__, settings, self._path.layout()))
        return hashlib.sha256(parts.encode()).hexdigest()

    def _at_once(self, left: int) -> int:
        """Return the number of epochs for the next call; 1 until the time of an epoch is known."""
        if not self._trained:
            return 1
        fitting = CALL_S / max(self._trained[-1].seconds, 1e-6)
        return max(1, min(int(fitting), left, MOST_EPOCHS))

    def _note_end(self, epoch: Epoch) -> None:
        if epoch.number < len(self._trained):
            return
        state = progress.RulesState(*self._path.progress())
        last = "epochs" if epoch.number >= self.settings.epochs else None
        self.stopped = progress.STOPPED.get(float(state.stopped), last)
