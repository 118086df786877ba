"""A checkpoint's bytes, and trainings that go on from one as if nothing had happened."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import ml_dtypes
import numpy as np
import pytest

from studyhall.search.training import checkpoint
from studyhall.search.training.checkpoint import CheckpointError
from studyhall.search.training.compiled.cache import CompiledModels
from studyhall.search.training.engine import Engine, seed_everything
from studyhall.search.training.epoch import Epoch
from studyhall.search.training.settings import Settings
from studyhall.search.training.training import Training
from studyhall.spaces import architecture, optimization, regularization

pytestmark = pytest.mark.part(5)

EPOCHS, CUT = 6, 2
SHAPES: dict[str, tuple[int, ...]] = {"mlp": (6,), "cnn": (8, 8, 1)}


def data(family: str, seed: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 3, number).astype(np.int32)
    shape = SHAPES[family]
    x = generator.normal(y.reshape(-1, *[1] * len(shape)), 1.0, (number, *shape))
    return x.astype(np.float32), y


def engine_for(family: str) -> Engine:
    return Engine(data(family, 0, 60), data(family, 1, 40), models=CompiledModels())


@pytest.fixture(scope="module")
def engines() -> dict[str, list[Engine]]:
    """Two of each family: what one trained, the other goes on with."""
    return {family: [engine_for(family), engine_for(family)] for family in SHAPES}


def begun(on: Engine, family: str, values: dict[str, Any], **others: Any) -> Training:
    values = {"width": 4, "depth": 1, "convolutions": 1, "head_width": 4, **values}
    seed_everything(9)
    model = architecture.build(family, values, SHAPES[family], 3, "multiclass")
    optimizer = optimization.optimizer(values, steps_per_epoch=4, epochs=EPOCHS)
    model.compile(optimizer, regularization.loss("multiclass"), metrics=["accuracy"])
    plateau = optimization.plateau(values)
    return on.training(
        model, Settings(epochs=EPOCHS, batch_size=16, seed=9, plateau=plateau, **others)
    )


def assert_continued(start: Callable[[int], Training]) -> None:
    """Saved after two epochs and continued elsewhere, nothing may differ in any bit.

    Args:
        start: Begins the training on the first or the second engine.
    """
    whole = start(0)
    epochs = whole.epochs()
    first = list(itertools.islice(epochs, CUT))
    blob = whole.save()
    expected = list(epochs)
    continued = start(1)
    continued.restore(blob)
    rest = list(continued.epochs(after=CUT))
    assert results(rest) == results(expected)
    assert continued.history == whole.history[: len(first)] + rest
    assert continued.stopped == whole.stopped
    assert continued.best and whole.best and continued.best.number == whole.best.number
    weights = (it.best_model().get_weights() for it in (continued, whole))
    for mine, theirs in zip(*weights, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def results(epochs: list[Epoch]) -> list[tuple[int, float, dict[str, float]]]:
    return [(epoch.number, epoch.value, epoch.metrics) for epoch in epochs]


DROPOUT = {"dropout": 0.3, "l2": 1e-3}
CONTINUED: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd with inverse time": ("mlp", {"optimizer": "sgd", "decay": "inverse_time"}),
    "momentum with steps": ("mlp", {"optimizer": "momentum", "decay": "step", "decay_epochs": 2}),
    "rmsprop on a plateau": (
        "mlp",
        {"optimizer": "rmsprop", "learning_rate": 0.5, "decay": "plateau", "decay_epochs": 1},
    ),
    "adagrad": ("mlp", {"optimizer": "adagrad"}),
    "adadelta with batch norm": ("mlp", {"optimizer": "adadelta", "batch_norm": True}),
    "adam with a cosine": ("mlp", {"decay": "cosine", "warmup_epochs": 1}),
    "adamw, exponential": ("mlp", {"optimizer": "adamw", "decay": "exponential"}),
    "nesterov, augmented cnn": (
        "cnn",
        {"optimizer": "nesterov", "flip": "horizontal", "rotation": 20.0, "batch_norm": True},
    ),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("engine", ["auto", pytest.param("keras", marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", CONTINUED)
def test_continued_equals_uninterrupted(
    engines: dict[str, list[Engine]], case: str, engine: str
) -> None:
    family, values = CONTINUED[case]

    def start(place: int) -> Training:
        return begun(engines[family][place], family, DROPOUT | values, engine=engine)

    assert_continued(start)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("engine", ["auto", "keras"])
def test_patience_counts_on(engines: dict[str, list[Engine]], engine: str) -> None:
    def start(place: int) -> Training:
        rules = {"patience": 2, "min_delta": 10.0, "engine": engine}
        return begun(engines["mlp"][place], "mlp", {}, **rules)

    whole = start(0)
    assert len(list(whole.epochs())) == CUT + 1
    assert whole.stopped == "patience"
    assert_continued(start)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("engine", ["auto", "keras"])
def test_several_inputs_outputs_and_weights_go_on(engine: str) -> None:
    def part(seed: int, number: int) -> tuple[Any, ...]:
        (x, y), weights = data("mlp", seed, number), np.linspace(0, 2, number)
        return {"one": x[:, :2], "other": x[:, 2:]}, {"kind": y, "sum": x.sum(1)}, weights

    both = [Engine(part(0, 60), part(1, 40), models=CompiledModels()) for _ in range(2)]

    def start(place: int) -> Training:
        seed_everything(9)
        x = {"one": keras.Input((2,), name="one"), "other": keras.Input((4,), name="other")}
        hidden = keras.layers.Dropout(0.3)(keras.layers.Concatenate()([*x.values()]))
        kind = keras.layers.Dense(3, "softmax", name="kind")(hidden)
        y = {"kind": kind, "sum": keras.layers.Dense(1, name="sum")(hidden)}
        model = keras.Model(x, y)
        losses = {"kind": "sparse_categorical_crossentropy", "sum": "mse"}
        model.compile("adam", losses, metrics={"kind": ["accuracy"]})
        settings = Settings(
            epochs=EPOCHS, batch_size=16, seed=9, engine=engine, objective="val_sum_loss"
        )
        return both[place].training(model, settings)

    assert_continued(start)


class TwoOptimizers(keras.Model):  # type: ignore[misc]
    """A loop of the user's own, with an optimizer that Keras doesn't know of."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = keras.layers.Dense(5, activation="relu")
        self.noise = keras.layers.Dropout(0.3)
        self.last = keras.layers.Dense(3, activation="softmax")
        self.other = keras.optimizers.Adam(0.01)

    def call(self, x: Any, training: bool = False) -> Any:
        return self.last(self.noise(self.hidden(x), training=training))

    def train_step(self, batch: Any) -> dict[str, Any]:
        import tensorflow as tf

        x, y = batch
        with tf.GradientTape(persistent=True) as tape:
            loss = self.compute_loss(x, y, self(x, training=True))
        for optimizer, layer in ((self.optimizer, self.hidden), (self.other, self.last)):
            weights = layer.trainable_variables
            optimizer.apply(tape.gradient(loss, weights), weights)
        return {"loss": loss}


def test_a_users_own_loop_continues(engines: dict[str, list[Engine]]) -> None:
    def start(place: int) -> Training:
        seed_everything(2)
        model = TwoOptimizers()
        model.compile(keras.optimizers.RMSprop(0.01), "sparse_categorical_crossentropy")
        return engines["mlp"][place].training(model, Settings(epochs=EPOCHS, batch_size=16, seed=2))

    assert_continued(start)


def test_epochs_after_the_checkpoint_are_trained_again_but_not_repeated(
    engines: dict[str, list[Engine]],
) -> None:
    cut = begun(engines["mlp"][0], "mlp", DROPOUT)
    next(cut.epochs())
    blob, whole = cut.save(), list(begun(engines["mlp"][0], "mlp", DROPOUT).epochs())
    continued = begun(engines["mlp"][1], "mlp", DROPOUT)
    continued.restore(blob)
    assert results(list(continued.epochs(after=4))) == results(whole[4:])
    assert len(continued.history) == EPOCHS


PROCESS = """
import os, pathlib, signal, sys
sys.path.insert(0, {folder!r})
import test_checkpoint as this
training = this.begun(this.engine_for("cnn"), "cnn", this.DROPOUT)
path, task = pathlib.Path({path!r}), {task!r}
if task == "be killed":
    next(training.epochs())
    path.write_bytes(training.save())
    os.kill(os.getpid(), signal.SIGKILL)
if task == "continue":
    training.restore(path.read_bytes())
    print(this.results(list(training.epochs(after=1))))
if task == "train":
    print(this.results(list(training.epochs())[1:]))
"""


def test_a_killed_process_is_continued_by_another(tmp_path: Path) -> None:
    """Each process is a fresh one: what a long-lived one has done may change the last bits."""

    def process(task: str) -> subprocess.CompletedProcess[str]:
        script = PROCESS.format(folder=folder, path=str(tmp_path / "checkpoint"), task=task)
        return subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)

    folder = str(Path(__file__).parent)
    assert process("be killed").returncode == -signal.SIGKILL
    continued, whole = process("continue").stdout, process("train").stdout
    assert continued == whole and continued.count("val_loss") > 1


@pytest.mark.parametrize(
    ("damaged", "message"),
    [
        (lambda blob: blob[:-1], "bytes of checkpoint, expected"),
        (lambda blob: blob[:40] + b"?" + blob[41:], "checksum"),
        (lambda blob: blob[:-5] + bytes([blob[-5] ^ 1]) + blob[-4:], "checksum"),
        (lambda blob: b"PK" + blob, "no studyhall checkpoint"),
        (lambda blob: b"", "received 0 bytes"),
        (lambda blob: blob[:12] + b"\x09" + blob[13:], "of version 9, expected 1"),
    ],
)
def test_damaged_bytes_are_refused(damaged: Callable[[bytes], bytes], message: str) -> None:
    blob = checkpoint.pack({"epoch": 3}, [np.arange(6.0)])
    with pytest.raises(CheckpointError, match=message):
        checkpoint.unpack(damaged(blob))


def test_bytes_come_back_as_they_were() -> None:
    header = {"value": float("nan"), "best": float("inf"), "exact": 0.1 + 0.2}
    arrays: list[Any] = [
        np.arange(6, dtype=np.int64).reshape(2, 3),
        np.float32(0.1),
        np.zeros((0, 4)),
    ]
    arrays += [np.arange(8.0).reshape(2, 4).T, np.ones(3, ml_dtypes.bfloat16)]
    read, found = checkpoint.unpack(checkpoint.pack(header, arrays))
    assert repr(read) == repr(header)
    for mine, theirs in zip(found, arrays, strict=True):
        np.testing.assert_array_equal(mine, theirs)
        assert mine.dtype == theirs.dtype


def test_another_models_checkpoint_changes_nothing(engines: dict[str, list[Engine]]) -> None:
    other = begun(engines["mlp"][0], "mlp", {"width": 5})
    next(other.epochs())
    expected = results(list(begun(engines["mlp"][0], "mlp", {}).epochs()))
    training = begun(engines["mlp"][0], "mlp", {})
    with pytest.raises(CheckpointError, match="of another model"):
        training.restore(other.save())
    assert results(list(training.epochs())) == expected
