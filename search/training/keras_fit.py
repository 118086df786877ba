"""The plain path of a training: `model.fit`, one epoch at a time, and resumable between epochs."""

from __future__ import annotations

import contextlib
import math
import time
from typing import Any

import keras
import numpy as np

from studyhall.search.training import (
    backend,
    feeding,
    fit_input,
    memory,
    model_losses,
    one_training,
    progress,
    validation_batch,
)
from studyhall.search.training.checkpoint import CheckpointError
from studyhall.search.training.compiled import sharing
from studyhall.search.training.epoch import Epoch
from studyhall.search.training.feeding import Samples, TrainingData
from studyhall.search.training.fit_input import OfStream
from studyhall.search.training.observers import CountingWatch, Noted, Validated, Watch, numbers
from studyhall.search.training.one_training import OneTraining
from studyhall.search.training.settings import Settings, UnknownMetric
from studyhall.spaces import randomness

VALIDATION_BATCH = 256  # samples, if their number doesn't affect the result


class PlainEpochs:
    """A training by `model.fit`, of the very model that is given.

    Args:
        data: Training and validation samples.
        model: Compiled.
        settings: Settings of the training.
    """

    def __init__(self, data: TrainingData, model: Any, settings: Settings) -> None:
        memory.release()  # of the previous plain training, as each one traces new functions
        self.seconds = dict.fromkeys(("build", "trace", "train", "validate"), 0.0)
        self._model, self._settings = model, settings
        train = data.train
        if isinstance(train, Samples):
            train = train.weighted(settings.class_weight)
        self._train = fit_input.of(train, settings.batch_size, stream=data.stream)
        size = validation_batch.of(model) or VALIDATION_BATCH
        self._validation = fit_input.of(data.validation, size, stream=data.stream)
        self._state, self._rules = progress.start(), progress.rules(settings)
        self._best: list[np.ndarray] = []
        self._watch = Watch() if self._train.steps is not None else CountingWatch()
        self._validated_as = Validated(self._noted)
        self._callbacks: OneTraining | None = None
        self._predict = backend.forward(model)
        self._prepared = False

    def run(self, first: int, count: int) -> list[Epoch]:
        """Train epochs first … first + count - 1, or until a rule stops the training."""
        self._prepare()
        epochs = []
        for number in range(first, first + count):
            epochs.append(self._epoch(number))
            if progress.RulesState(*self._state).stopped != progress.RUNNING:
                break
        ended = progress.RulesState(*self._state)
        if ended.stopped != progress.RUNNING or ended.epoch >= self._settings.epochs:
            self.end()
        return epochs

    def end(self) -> None:
        """Tell the user's callbacks, if they have been told of the beginning, that it has ended."""
        if self._callbacks is not None:
            self._callbacks.end()

    def progress(self) -> np.ndarray:
        """Return `progress.RulesState` after the last epoch."""
        return self._state

    def layout(self) -> list[tuple[Any, ...]]:
        """Return shape and dtype of each weight."""
        return [(tuple(w.shape), str(w.dtype)) for w in self._built().weights]

    def state(self) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Return weights, seeds, optimizer variables and best weights."""
        variables = [*map(backend.copied, self._variables())]
        facts: dict[str, Any] = {"variables": len(variables), "random": backend.random_state()}
        arrays = [*variables, *self._best]
        if self._callbacks is None:
            return facts, arrays
        return self._callbacks.saved({**facts, "best": len(self._best)}, arrays)

    def restore(self, facts: dict[str, Any], state: list[np.ndarray], done: np.ndarray) -> None:
        """Continue from a saved state."""
        if randomness.seeds() is None:
            raise CheckpointError("this version of Keras hides a part of its random state")
        one_training.check(facts)
        self._prepare()
        self._one_batch()  # creates the variables that only a first step creates
        variables = self._variables()
        if [tuple(v.shape) for v in variables] != [a.shape for a in state[: facts["variables"]]]:
            raise CheckpointError("the checkpoint's variables are of another model")
        for variable, array in zip(variables, state, strict=False):
            variable.assign(array)
        backend.set_random_state(facts.get("random", ()))
        known = len(variables) + facts.get("best", len(state) - len(variables))
        self._best, self._state = state[len(variables) : known], done
        if self._settings.callbacks is not None:
            self._joined().restore(facts, state[known:])

    def best_weights(self) -> list[np.ndarray]:
        """Return the weights of the best epoch, in the order of the model's weights."""
        return self._best

    def _built(self) -> Any:
        if not self._model.built:
            ((x, *_),) = self._train.first()
            self._model(x, training=False)
        return self._model

    def _prepare(self) -> None:
        """Do what `fit` does once before its first epoch."""
        if self._prepared:
            return
        self._prepared = True
        model = self._built()
        for optimizer in _optimizers(model):
            if optimizer is model.optimizer and not optimizer.built:
                optimizer.build(model.trainable_variables)
            # `fit` ends by replacing the weights with their averages, if the optimizer keeps any.
            # That must wait for the end of the training: each epoch here is a `fit` of its own.
            optimizer.finalize_variable_values = lambda variables: None

    def _epoch(self, number: int) -> Epoch:
        began, settings = time.perf_counter(), self._settings
        batches = self._train.epoch(number, settings.seed)
        if isinstance(self._watch, CountingWatch):
            self._watch.counted = self._train.counted
        self._fit(
            batches,
            validation_data=self._validation.same(),
            initial_epoch=number - 1,
            epochs=number,
            callbacks=self._joined() if settings.callbacks is not None else [self._watch],
        )
        self._train.ended()
        noted, logs = self._validated_as.found, self._watch.logs
        if settings.callbacks is None or noted is None:
            noted = self._noted({"loss": logs.get("val_loss", math.nan)})
        metrics = self._metrics(self._logs(), noted)
        self._follow_rules(metrics, noted)
        wall = time.perf_counter() - began
        self._count_seconds(wall, first=number == 1)
        return Epoch(number, metrics.pop("value"), metrics, wall)

    def _joined(self) -> OneTraining:
        """Return the user's callbacks, made when they are first needed."""
        if self._callbacks is None:
            settings = self._settings
            assert settings.callbacks is not None
            randomness.seeds()  # now, as making them draws from what callbacks may draw from
            observers = self._validated_as, self._watch
            self._callbacks = OneTraining(
                settings.callbacks, self._model, settings.epochs, self._train.steps, *observers
            )
        return self._callbacks

    def _noted(self, logs: dict[str, Any]) -> Noted:
        """Note what depends on the weights, when they are those that were validated."""
        loss = self._value(float(np.mean(logs["loss"]))) if "loss" in logs else math.nan
        kept = self._settings.callbacks is not None  # they may change the weights before the end
        weights = [*map(backend.copied, self._model.weights)] if kept else []
        return Noted(loss, self._penalties(), self._rate(), weights)

    def _logs(self) -> dict[str, float]:
        """Return the logs of an epoch: Keras' own losses, and what callbacks have added."""
        if self._settings.callbacks is None:
            return self._watch.logs
        measured = numbers(self._validated_as.logs)
        kept = {name: measured[name] for name in measured if name in ("loss", "val_loss")}
        return {**self._watch.logs, **kept}

    def _metrics(self, logs: dict[str, float], noted: Noted) -> dict[str, float]:
        """Return the value and the epoch's metrics, by studyhall's names."""
        if missing := {"loss", "val_loss"} - {*logs}:
            step = "train_step" if "loss" in missing else "test_step"
            raise ValueError(f'its {step} returns no "loss", only {", ".join(logs) or "nothing"}')
        known = {name: value for name, value in logs.items() if name != "learning_rate"}
        keras_loss, keras_val_loss = known.pop("loss"), known.pop("val_loss")
        loss = noted.loss if math.isfinite(keras_loss) else math.nan
        measured = {
            "loss": (keras_loss - noted.penalties) / self._settings.loss_weight,
            "val_loss": loss,
            "keras_loss": keras_loss,
            "keras_val_loss": keras_val_loss,
            "learning_rate": noted.rate,
            **known,
        }
        return {"value": self._cost(measured) if math.isfinite(loss) else math.nan, **measured}

    def _cost(self, measured: dict[str, float]) -> float:
        name = self._settings.objective
        if name not in measured:
            raise UnknownMetric(name, measured)
        return self._settings.sign * measured[name]

    def _value(self, keras_val_loss: float) -> float:
        """Return the validation loss without penalties, or that of the user's own `test_step`."""
        loss = self._settings.data_loss or model_losses.of(self._model)
        if loss is None or sharing.overrides(self._model, "test_step", "compute_loss"):
            return keras_val_loss
        if self._settings.data_loss is None and not self._model.losses:
            return keras_val_loss
        total, number = 0.0, 0
        for x, y, *weights in self._validation:
            count = feeding.rows_of(y)
            total += float(loss(y, self._predict(x), *weights)) * count
            number += count
        return total / number

    def _penalties(self) -> float:
        """Return the L1 and L2 penalties, which Keras includes in the training loss."""
        weights = [w for w in self._model.trainable_weights if w.regularizer is not None]
        return float(sum(float(backend.copied(w.regularizer(w))) for w in weights))

    def _follow_rules(self, metrics: dict[str, float], noted: Noted) -> None:
        rate, value = np.float32(self._rate()), np.float64(metrics["value"])
        self._state, best, lowered = progress.advance(self._state, self._rules, value, rate)
        if best:
            self._best = noted.weights or [*map(backend.copied, self._model.weights)]
        if self._settings.plateau is not None and lowered != rate:
            self._model.optimizer.learning_rate = float(lowered)
        if self._model.stop_training and self._state[1] == progress.RUNNING:
            by_callbacks = self._settings.callbacks is not None
            # Without callbacks, the user's own train_step stopped the training.
            self._state[1] = progress.CALLBACKS if by_callbacks else progress.PATIENCE

    def _rate(self) -> float:
        return float(keras.ops.convert_to_numpy(_optimizers(self._model)[0].learning_rate))

    def _count_seconds(self, wall: float, *, first: bool) -> None:
        trace = self._watch.first_batch_s if first else 0.0
        validate = self._watch.validation_s
        spent = {"trace": trace, "validate": validate, "train": wall - trace - validate}
        for name, seconds in spent.items():
            self.seconds[name] += seconds

    def _one_batch(self) -> None:
        """Train on the first samples, so that optimizers and metrics create their variables."""
        self._fit(self._train.first())

    def _fit(self, x: Any, **further: Any) -> None:
        streams = isinstance(self._train, OfStream) or isinstance(self._validation, OfStream)
        with fit_input.ending() if streams else contextlib.nullcontext():
            self._model.fit(x, shuffle=False, verbose=0, **further)

    def _variables(self) -> list[Any]:
        """Return everything that training changes, in a fixed order."""
        held = [v for optimizer in _optimizers(self._model) for v in optimizer.variables]
        known = [*self._model.variables, *held, randomness.seeds()]
        return [variable for variable in known if variable is not None]


def _optimizers(model: Any) -> list[Any]:
    """Return the optimizers of `compile`, and those that a subclass keeps as attributes."""
    own = [value for _, value in sorted(vars(model).items(), key=lambda item: item[0])]
    kept = [value for value in own if isinstance(value, keras.optimizers.Optimizer)]
    parts = [getattr(it, "optimizers", [it]) for it in (model.optimizer, *kept)]
    return list({id(optimizer): optimizer for each in parts for optimizer in each}.values())
