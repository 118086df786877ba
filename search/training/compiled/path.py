"""The compiled path of a training: whole epochs in a compiled model that trials share."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from studyhall.search.training import feeding, progress
from studyhall.search.training.compiled import executors, learning_rates, signature
from studyhall.search.training.compiled.cache import CompiledModels
from studyhall.search.training.compiled.epochs import Plan
from studyhall.search.training.epoch import Epoch
from studyhall.search.training.feeding import TrainingData
from studyhall.search.training.settings import Settings


class WholeEpochs:
    """One training on the compiled path; others may use the compiled model between two calls.

    Args:
        models: Cache of compiled models.
        data: Training and validation samples.
        model: As its builder returned it, compiled.
        settings: Settings of the training.

    Attributes:
        hindrance: Reason why other trials can't share the compiled model, or None.

    Raises:
        NotCompilableError: The model can't be compiled.
    """

    def __init__(
        self, models: CompiledModels, data: TrainingData, model: Any, settings: Settings
    ) -> None:
        began = time.perf_counter()
        self.seconds = dict.fromkeys(("build", "trace", "train", "validate"), 0.0)
        self._settings, self._optimizer, self._model = settings, model.optimizer, model
        self._train = data.train.weighted(settings.class_weight)
        self._validation = data.validation
        self._steps = math.ceil(self._train.number / settings.batch_size)
        data_loss = settings.data_loss
        if settings.loss_weight == 1.0:
            data_loss = signature.unless_equal(data_loss, model.loss)
        self._compiled = models.find(
            model, data, data_loss, (settings.objective, settings.sign), xla=settings.xla
        )
        work = executors.multiplications(model, settings.batch_size, self._train.entries)
        self._side_by_side = work >= executors.PARALLEL_MULTIPLICATIONS
        self._parked: tuple[list[np.ndarray], np.ndarray] | None = None
        self.hindrance = self._compiled.hindrance
        self._compiled.enter(self)
        self._compiled.load(model, learning_rates.initial(model.optimizer))
        self._set(progress.start())
        self.seconds["build"] = time.perf_counter() - began

    def run(self, first: int, count: int) -> list[Epoch]:
        """Train epochs first … first + count - 1, or until a rule stops the training."""
        self._enter()
        began, compiled = time.perf_counter(), self._compiled.epochs
        known = compiled.traced
        plan = self._plan(range(first, first + count))
        rows = compiled.run(self._train, self._validation, plan)
        epochs = self._epochs(first, rows)
        if compiled.traced > known:
            spent = sum(epoch.seconds for epoch in epochs)
            self.seconds["trace"] += time.perf_counter() - began - spent
        return epochs

    def progress(self) -> np.ndarray:
        """Return `progress.RulesState` after the last epoch."""
        return self._parked[1] if self._parked else self._compiled.steps.progress.numpy()

    def layout(self) -> list[tuple[Any, ...]]:
        """Return shape and dtype of each variable."""
        return [(tuple(v.shape), str(v.dtype)) for v in self._model.variables]

    def state(self) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Return weights, seeds, optimizer variables and best weights."""
        return {}, self._arrays()

    def restore(self, facts: dict[str, Any], state: list[np.ndarray], done: np.ndarray) -> None:
        """Continue from a saved state."""
        self._compiled.enter(self)
        self._parked = None
        for variable, array in zip(self._compiled.variables(), state, strict=True):
            variable.assign(array)
        self._set(done)

    def best_weights(self) -> list[np.ndarray]:
        """Return the weights of the best epoch, in the order of the model's weights."""
        return self._arrays()[-len(self._compiled.steps.best) :]

    def end(self) -> None:
        """Do nothing: no code of the user's follows the training."""

    def park(self) -> None:
        """Save the training's state and leave the compiled model, because another one needs it."""
        self._parked = self._arrays(), self.progress()

    def _arrays(self) -> list[np.ndarray]:
        if self._parked:
            return self._parked[0]
        return [variable.numpy() for variable in self._compiled.variables()]

    def _enter(self) -> None:
        if self._parked:
            self.restore({}, *self._parked)  # another training has used the model since

    def _set(self, state: np.ndarray) -> None:
        self._compiled.steps.progress.assign(state)
        self._compiled.steps.rules.assign(progress.rules(self._settings))

    def _plan(self, numbers: range) -> Plan:
        samples, seed = self._train.number, self._settings.seed
        orders = [feeding.shuffled(seed, number, samples) for number in numbers]
        rates = [learning_rates.of_epoch(self._optimizer, n, self._steps) for n in numbers]
        size = self._settings.batch_size
        return Plan(np.stack(orders), np.stack(rates), size, self._side_by_side)

    def _epochs(self, first: int, rows: np.ndarray) -> list[Epoch]:
        names = self._compiled.steps.names
        epochs = []
        for number, row in enumerate(rows, start=first):
            began, trained, ended = row[-3:].tolist()
            self.seconds["train"] += trained - began
            self.seconds["validate"] += ended - trained
            metrics = dict(zip(names[1:], row[1:-3].tolist(), strict=True))
            epochs.append(Epoch(number, float(row[0]), metrics, ended - began))
        return epochs
