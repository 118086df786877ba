"""The Keras callback of a trial: it reports each epoch, saves checkpoints, and goes on from one."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from studyhall.search.scripts import training_state
from studyhall.search.scripts.script_trial import ScriptTrial
from studyhall.search.scripts.training_state import Arrays
from studyhall.search.training.checkpoint import CheckpointError
from studyhall.search.training.epoch import Epoch
from studyhall.search.trial.context import LOG


class TrialCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """The last callback of a `fit`, so that it sees what the others have made of an epoch.

    Args:
        trial: the trial.
        value: returns the objective from the logs of an epoch, or None if they don't hold it.
        others: the callbacks before it, whose memory goes into checkpoints.
        keeps_weights: remember the variables of the best epoch.

    Attributes:
        best: the best epoch of the training under way.
    """

    def __init__(
        self,
        trial: ScriptTrial,
        value: Callable[[Mapping[str, Any]], float | None],
        others: Sequence[Any] = (),
        *,
        keeps_weights: bool = True,
    ) -> None:
        super().__init__()
        self.best: Epoch | None = None
        self._trial, self._value, self._others = trial, value, others
        self._keeps_weights = keeps_weights
        self._epochs: list[Epoch] = []
        self._owed: list[Epoch] = []  # those of earlier workers, for the record of `fit`
        self._weights: Arrays = []  # of the best epoch of all trainings of the trial
        self._best_cost = math.inf
        self._began = time.perf_counter()

    @property
    def history(self) -> Sequence[Epoch]:
        """The epochs of the training under way."""
        return self._epochs

    @property
    def kept_cost(self) -> float | None:
        """The objective of the variables that `keep_best` gives the model; None if unknown."""
        return _plain(self._best_cost)

    def begin(self, others: Sequence[Any]) -> None:
        """Prepare for the next training of the trial, with other callbacks."""
        self._others, self._epochs, self.best = others, [], None

    def save(self) -> bytes:
        """Return the state of the training between two epochs."""
        about = {
            "part": self._trial.part,
            "stopped": bool(self.model.stop_training),
            "cost": _plain(self._best_cost),
            "epochs": [[each.number, each.metrics] for each in self._epochs],
        }
        return training_state.write(self.model, self._weights, self._others, about)

    def restore(self, blob: bytes) -> None:
        """Go on from the state of a training.

        Raises:
            CheckpointError: it is that of another model or damaged.
        """
        self._weights, about = training_state.restore(blob, self.model, self._others)
        self._best_cost = math.inf if about["cost"] is None else about["cost"]
        self._epochs = [self._epoch(number, logs, 0.0) for number, logs in about["epochs"]]
        self.best = min(self._epochs, key=lambda epoch: epoch.value, default=None)
        self.model.stop_training = about["stopped"]

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Go on from the checkpoint of an earlier worker, if there is one."""
        self._trial.begun()
        blob = self._trial.blob
        try:
            if blob is None or training_state.about(blob).get("part", 0) != self._trial.part:
                return
            self._trial.blob = None
            self._go_on(blob)
        except CheckpointError as error:
            self._trial.blob = None
            LOG.warning("trial %d restarts: its checkpoint: %s", self._trial.number, error)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Start the clock of an epoch."""
        self._write_history()
        self._began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Report an epoch; save the training if it is time.

        Raises:
            Leave: the trial is pruned, handed back or lost.
        """
        done = self._epoch(epoch + 1, logs or {}, time.perf_counter() - self._began)
        self._epochs.append(done)
        self._remember(done)
        value = None if math.isnan(done.value) else self._trial.context.plan.turned(done.value)
        self._trial.report(done.number, value, done.metrics, done.seconds)
        self._trial.leave_if_asked(self)
        self._trial.save_if_due(self)

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Complete the record of a training that an earlier worker had finished."""
        self._write_history()

    def keep_best(self) -> None:
        """Give the model the variables of the best epoch of all trainings of the trial."""
        if self._weights:
            training_state.assign(self.model.variables, self._weights)

    def _go_on(self, blob: bytes) -> None:
        if not hasattr(self.model, "_initial_epoch"):
            raise CheckpointError("this version of Keras can't go on within a fit")
        self.restore(blob)
        last = self._epochs[-1].number if self._epochs else 0
        self.model._initial_epoch = self.params["epochs"] if self.model.stop_training else last
        self._owed = [*self._epochs]

    def _write_history(self) -> None:
        """Enter the epochs of earlier workers, since `fit` empties its record when it begins."""
        record, owed = self.model.history, self._owed
        self._owed = []
        for epoch in owed:
            record.epoch.append(epoch.number - 1)
            for name, value in epoch.metrics.items():
                record.history.setdefault(name, []).append(value)

    def _epoch(self, number: int, logs: Mapping[str, Any], seconds: float) -> Epoch:
        numbers = {name: float(np.mean(np.asarray(value))) for name, value in logs.items()}
        value = self._value(numbers)
        cost = math.nan if value is None else self._trial.context.plan.turned(float(value))
        finite = {name: value for name, value in numbers.items() if math.isfinite(value)}
        return Epoch(number, cost, finite, seconds)

    def _remember(self, epoch: Epoch) -> None:
        """Keep the model's variables if the epoch is the best, or can't be compared."""
        if self.best is None or epoch.value < self.best.value:
            self.best = epoch
        is_best = not epoch.value >= self._best_cost  # NaN too: the last one counts
        if self._keeps_weights and is_best:
            self._best_cost = math.inf if math.isnan(epoch.value) else epoch.value
            self._weights = training_state.values(self.model)


def _plain(number: float) -> float | None:
    return number if math.isfinite(number) else None
