"""Callbacks of the user's see one training, whatever process it goes on in."""

from __future__ import annotations

import collections
import dataclasses
import random
import sys
import threading
from typing import Any

import keras
import numpy as np
import pytest

from studyhall.search.training.checkpoint import CheckpointError
from studyhall.search.training.engine import Engine
from studyhall.search.training.settings import Settings
from studyhall.search.training.training import Training
from studyhall.spaces.failures import NamedCodeError, UserCodeError
from studyhall.spaces.training_code import Callbacks
from studyhall.spaces.training_forms import Label
from tests.search.training.test_engine import DATA, built, by_fit, of

pytestmark = pytest.mark.part(5)

LABEL = Label('[training] callbacks: received "mine.py:make"', "callbacks")
VALUES = {"learning_rate": 0.05, "l2": 0.0}


@pytest.fixture(scope="module")
def mlp() -> Engine:
    return Engine(*DATA["mlp"])


class Witness(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes down every event with its logs, and adds a metric of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    def _note(self, event: str, place: Any, logs: Any) -> None:
        rounded = {name: round(float(value), 4) for name, value in (logs or {}).items()}
        self.seen.append((event, place, rounded))

    def on_train_begin(self, logs: Any = None) -> None:
        self._note("train begins", dict(self.params), logs)

    def on_train_end(self, logs: Any = None) -> None:
        self._note("train ends", len(self.model.history.history["loss"]), logs)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._note("epoch begins", epoch, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._note("epoch ends", epoch, logs)
        logs["val_mine"] = 10.0 - epoch

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._note("batch begins", batch, None)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._note("batch ends", batch, logs)

    def on_test_begin(self, logs: Any = None) -> None:
        self._note("test begins", None, logs)

    def on_test_end(self, logs: Any = None) -> None:
        self._note("test ends", None, logs)


class Schedule(keras.callbacks.Callback):  # type: ignore[misc]
    """Lowers the learning rate by what it remembers, in every form that memory takes."""

    def __init__(self) -> None:
        super().__init__()
        self.draws, self.python = np.random.default_rng(3), random.Random(3)
        self.recent: Any = collections.deque([1.0], maxlen=2)
        self.by_epoch: Any = collections.defaultdict(list)
        self.average: Any = None
        self.tensor: Any = None
        self.same = self.by_epoch
        self.optimizer: Any = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.optimizer = self.model.optimizer
        assert self.same is self.by_epoch
        self.recent.append(self.draws.uniform() + self.python.random() + np.random.uniform())
        self.by_epoch[epoch].append(self.recent[0])
        factor = 1 / (1 + sum(self.recent) + len(self.by_epoch) + random.random())
        if self.average is not None:
            factor /= 1 + float(np.mean(self.average)) + float(self.tensor)
        self.optimizer.learning_rate = 0.05 * factor

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        kernel = self.model.get_weights()[0]
        self.average = kernel if self.average is None else 0.5 * (self.average + kernel)
        self.tensor = keras.ops.convert_to_tensor(np.abs(kernel).mean())


def closures() -> keras.callbacks.Callback:
    """A callback whose memory is what its functions close over."""
    count, rates = 0, {"last": 0.05}

    def lower(epoch: int, logs: Any = None) -> None:
        nonlocal count
        count += 1
        rates["last"] *= 1 - 0.1 * count

    def rate(epoch: int, old: float) -> float:
        return rates["last"]

    return [
        keras.callbacks.LambdaCallback(on_epoch_end=lower),
        keras.callbacks.LearningRateScheduler(rate),
    ]


def with_callbacks(make: Any, **others: Any) -> Settings:
    settings = of(VALUES, "mlp", callbacks=Callbacks(make, (), LABEL))
    return dataclasses.replace(settings, **others)


def run(training: Training, epochs: int = 100) -> Training:
    """Train until so many epochs are done."""
    for epoch in training.epochs():
        if epoch.number >= epochs:
            break
    return training


def metrics(training: Training) -> list[dict[str, float]]:
    return [epoch.metrics for epoch in training.history]


def test_they_see_the_events_of_one_fit(mlp: Engine) -> None:
    mine, theirs = Witness(), Witness()
    training = run(mlp.training(built("mlp", VALUES), with_callbacks(lambda: mine)))
    by_fit(built("mlp", VALUES), training.settings, "mlp", theirs)
    names = [[(event, place) for event, place, _ in each.seen] for each in (mine, theirs)]
    assert names[0][0] == ("train begins", {"verbose": 0, "epochs": 3, "steps": 6})
    assert names[0] == names[1]
    for (event, _, logs), (_, _, wanted) in zip(mine.seen, theirs.seen, strict=True):
        assert logs == pytest.approx(wanted, rel=1e-3, abs=1e-3), event
    assert [each["val_mine"] for each in metrics(training)] == [10.0, 9.0, 8.0]
    assert training.stopped == "epochs"


def test_what_they_add_may_be_the_value(mlp: Engine) -> None:
    settings = with_callbacks(Witness, objective="val_mine", patience=1, epochs=5)
    training = run(mlp.training(built("mlp", VALUES), settings))
    assert training.best is not None and training.best.number == 5 and training.best.value == 6.0


def test_they_may_stop_the_training(mlp: Engine) -> None:
    made: list[Any] = []

    class Stops(Witness):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            super().on_epoch_end(epoch, logs)
            self.model.stop_training = epoch == 1

    def make() -> Any:
        made.append(Stops())
        return made[-1]

    training = run(mlp.training(built("mlp", VALUES), with_callbacks(make, epochs=9)))
    assert training.stopped == "by its callbacks" and len(training.history) == 2
    assert [event for event, *_ in made[0].seen if "train" in event] == [
        "train begins", "train ends",
    ]  # fmt: skip


def test_a_changed_learning_rate_stays_and_is_recorded(mlp: Engine) -> None:
    class Halves(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.optimizer.learning_rate = 0.5 * self.model.optimizer.learning_rate

    training = run(mlp.training(built("mlp", VALUES), with_callbacks(Halves)))
    rates = [each["learning_rate"] for each in metrics(training)]
    assert rates == pytest.approx([0.05, 0.025, 0.0125])


def test_the_best_weights_are_those_that_were_validated(mlp: Engine) -> None:
    class Spoils(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.kept = self.model.get_weights()
            self.model.set_weights([0 * each for each in self.kept])

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            if epoch:
                self.model.set_weights(self.kept)

    spoiled = run(mlp.training(built("mlp", VALUES), with_callbacks(Spoils)))
    plain = run(mlp.training(built("mlp", VALUES), with_callbacks(keras.callbacks.Callback)))
    assert [each.value for each in spoiled.history] == [each.value for each in plain.history]
    for mine, theirs in zip(
        spoiled.best_model().get_weights(), plain.best_model().get_weights(), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)


def keras_own() -> list[keras.callbacks.Callback]:
    return [
        keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True, min_delta=0.01),
        keras.callbacks.ReduceLROnPlateau(patience=1, factor=0.7, min_delta=0.3),
        Witness(),
    ]


def more_of_keras() -> list[keras.callbacks.Callback]:
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.9 * rate)
    return [scheduler, keras.callbacks.TerminateOnNaN(), keras.callbacks.History()]


@pytest.mark.sampled(1)
@pytest.mark.parametrize("make", [keras_own, more_of_keras, Schedule, closures])
@pytest.mark.parametrize("after", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_continued_it_equals_one_that_was_never_stopped(mlp: Engine, make: Any, after: int) -> None:
    def begun() -> Training:
        return mlp.training(built("mlp", VALUES), with_callbacks(make, epochs=6))

    whole, broken = run(begun()), run(begun(), after)
    blob = broken.save()
    random.seed(99)
    np.random.seed(99)  # as in any other process
    other = begun()
    other.restore(blob)
    run(other)
    assert metrics(other) == metrics(whole)
    assert other.stopped == whole.stopped
    for mine, theirs in zip(
        other.best_model().get_weights(), whole.best_model().get_weights(), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)
    if make is keras_own:
        seen = [
            [event for event, *_ in each._path._callbacks.callbacks[3].seen]
            for each in (other, whole)
        ]
        assert seen[0] == seen[1] and seen[0].count("train ends") == 1


class Raises:
    """Raises when it is looked at."""

    @property
    def __dict__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("not to be looked at")


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    "held", [threading.Lock(), (each for each in ()), sys.__stdout__, Raises()]
)
def test_what_no_checkpoint_holds_is_said_and_begins_anew(
    mlp: Engine, held: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Holds(keras.callbacks.Callback):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.held = held

    def begun() -> Training:
        return mlp.training(built("mlp", VALUES), with_callbacks(Holds))

    blob = run(begun(), 1).save()
    kind = type(held).__name__
    assert f"no checkpoint can hold the callbacks (Holds.held is a {kind})" in caplog.text
    with pytest.raises(CheckpointError, match=f"does not hold the callbacks .*{kind}"):
        begun().restore(blob)


def test_a_checkpoint_of_other_callbacks_is_refused(mlp: Engine) -> None:
    blob = run(mlp.training(built("mlp", VALUES), with_callbacks(Witness)), 1).save()
    other = mlp.training(built("mlp", VALUES), with_callbacks(Schedule))
    with pytest.raises(CheckpointError, match="they are other callbacks"):
        other.restore(blob)


def test_an_error_names_file_and_line(mlp: Engine) -> None:
    class Fails(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            raise LookupError("nothing there")

    with pytest.raises(NamedCodeError, match=r"test_one_training.py, line .*nothing there") as said:
        run(mlp.training(built("mlp", VALUES), with_callbacks(Fails)))
    assert str(said.value).startswith('[training] callbacks: received "mine.py:make" (')


def test_logs_must_be_numbers(mlp: Engine) -> None:
    class Adds(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logs["val_word"] = "word"

    with pytest.raises(UserCodeError, match=r'logs\["val_word"\] is a str, expected a number'):
        run(mlp.training(built("mlp", VALUES), with_callbacks(Adds)))


def test_the_same_callback_twice_is_refused(mlp: Engine) -> None:
    one = keras.callbacks.Callback()
    run(mlp.training(built("mlp", VALUES), with_callbacks(lambda: one)))
    with pytest.raises(UserCodeError, match="the same Callback as before, expected a new one"):
        run(mlp.training(built("mlp", VALUES), with_callbacks(lambda: one)))


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (None, "nothing"),
        (keras.callbacks.EarlyStopping, "the class EarlyStopping"),
        ([3], "a value of type int"),
        (keras.callbacks.BackupAndRestore("/tmp/never"), "BackupAndRestore"),
    ],
)
def test_other_things_are_refused(mlp: Engine, made: Any, said: str) -> None:
    with pytest.raises(UserCodeError, match=f"it returned .*{said}"):
        run(mlp.training(built("mlp", VALUES), with_callbacks(lambda: made)))
