"""The training engine against Keras' own fit, epoch by epoch."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import keras
import numpy as np
import psutil
import pytest
import tensorflow as tf

from studyhall.search.training import feeding
from studyhall.search.training.engine import Engine, seed_everything
from studyhall.search.training.epoch import Epoch
from studyhall.search.training.settings import Settings
from studyhall.search.training.training import Training
from studyhall.spaces import architecture, optimization, regularization

pytestmark = pytest.mark.part(5)

EPOCHS, BATCH = 3, 16  # 83 and 40 samples: the last batch of an epoch is ragged
VECTORS, IMAGES = (6,), (8, 8, 1)
Part = tuple[np.ndarray, np.ndarray]


def samples(shape: tuple[int, ...], number: int, seed: int) -> Part:
    """Three classes, told apart by their mean."""
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 3, number).astype(np.int32)
    x = generator.normal(y.reshape(-1, *[1] * len(shape)), 1.0, (number, *shape))
    return x.astype(np.float32), y


DATA = {
    "mlp": (samples(VECTORS, 83, 0), samples(VECTORS, 41, 1)),
    "cnn": (samples(IMAGES, 40, 2), samples(IMAGES, 25, 3)),
}
SMALL = {
    "mlp": {"depth": 2, "width": 8, "dropout": 0.2, "l2": 1e-3},
    "cnn": {"depth": 1, "width": 4, "convolutions": 1, "head_width": 8, "dropout": 0.2}
    | {"l1": 1e-4, "l2": 1e-3},
}


@pytest.fixture(scope="module")
def engines() -> dict[str, Engine]:
    return {family: Engine(*data) for family, data in DATA.items()}


def built(family: str, values: dict[str, Any], seed: int = 7) -> keras.Model:
    """A compiled model of a family, as the objective builds it."""
    (x, _), _ = DATA[family]
    values = {**SMALL[family], **values}
    seed_everything(seed)
    model = architecture.build(family, values, x.shape[1:], 3, "multiclass")
    steps = math.ceil(len(x) / BATCH)
    model.compile(
        optimizer=optimization.optimizer(values, steps_per_epoch=steps, epochs=EPOCHS),
        loss=regularization.loss("multiclass", values.get("label_smoothing", 0.0)),
        metrics=["accuracy"],
    )
    return model


def of(values: dict[str, Any], family: str, **others: Any) -> Settings:
    (_, y), _ = DATA[family]
    return Settings(
        epochs=EPOCHS,
        batch_size=BATCH,
        seed=5,
        class_weight=regularization.class_weights(values, y),
        plateau=optimization.plateau(values),
        data_loss=regularization.loss("multiclass"),
        **others,
    )


def by_fit(
    model: keras.Model, settings: Settings, family: str, *callbacks: keras.callbacks.Callback
) -> list[dict[str, float]]:
    """The logs of Keras' fit on the same batches; it runs eagerly, which is quicker for so few."""
    model.run_eagerly = True
    (x, y), validation = DATA[family]
    weight = settings.class_weight
    arrays = (x, y) if weight is None else (x, y, np.array([weight[c] for c in y.tolist()]))

    def batches() -> Any:
        for epoch in range(1, settings.epochs + 1):
            order = feeding.shuffled(settings.seed, epoch, len(x))
            for start in range(0, len(x), settings.batch_size):
                chosen = order[start : start + settings.batch_size]
                yield tuple(array[chosen] for array in arrays)

    kinds = tuple(tf.TensorSpec((None, *a.shape[1:]), a.dtype) for a in arrays)
    history = model.fit(
        tf.data.Dataset.from_generator(batches, output_signature=kinds),
        steps_per_epoch=math.ceil(len(x) / settings.batch_size),
        epochs=settings.epochs,
        validation_data=validation,
        shuffle=False,
        verbose=0,
        callbacks=[*_plateau(settings), *callbacks],
    ).history
    return [dict(zip(history, row, strict=True)) for row in zip(*history.values(), strict=True)]


def _plateau(settings: Settings) -> list[keras.callbacks.Callback]:
    plateau = settings.plateau
    if plateau is None:
        return []
    return [
        keras.callbacks.ReduceLROnPlateau(
            factor=plateau.factor, patience=plateau.patience, min_delta=plateau.min_delta
        )
    ]


def assert_same(epochs: list[Epoch], logs: list[dict[str, float]]) -> None:
    assert len(epochs) == len(logs)
    for epoch, log in zip(epochs, logs, strict=True):
        ours = {"loss": "keras_loss", "val_loss": "keras_val_loss"}
        for name, value in log.items():
            if name != "learning_rate":
                assert epoch.metrics[ours.get(name, name)] == pytest.approx(value, rel=1e-5), name


def trained(engine: Engine, model: keras.Model, settings: Settings) -> Training:
    training = engine.training(model, settings)
    list(training.epochs())
    return training


OPTIMIZERS = ("sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop", "adam", "adamw")
DECAYS = {
    "inverse_time": {"decay_rate": 0.1},
    "step": {"decay_epochs": 1},
    "exponential": {"decay_epochs": 2},
    "cosine": {"warmup_epochs": 1},
    "plateau": {"decay_epochs": 1, "learning_rate": 0.5},
}
REGULARIZATION = {
    "batch_norm": {"batch_norm": True},
    "class_weights": {"class_weights": "balanced"},
    "label_smoothing": {"label_smoothing": 0.1},
    "clipping": {"clip_norm": 0.1},
    "everything": {"batch_norm": True, "class_weights": "balanced", "label_smoothing": 0.1}
    | {"clip_norm": 0.5, "decay": "cosine", "optimizer": "adamw", "activation": "prelu"},
}


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("family", "optimizer"), [*(("mlp", name) for name in OPTIMIZERS), ("cnn", "adam")]
)
def test_losses_equal_fit(engines: dict[str, Engine], family: str, optimizer: str) -> None:
    values = {"optimizer": optimizer, "learning_rate": 0.02}
    logs = by_fit(built(family, values), of(values, family), family)
    training = trained(engines[family], built(family, values), of(values, family))
    assert_same(training.history, logs)


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("family", "decay"), [*(("mlp", name) for name in DECAYS), ("cnn", "plateau")]
)
def test_decays_equal_fit(engines: dict[str, Engine], family: str, decay: str) -> None:
    values = {"decay": decay, "learning_rate": 0.02, "optimizer": "adam", **DECAYS[decay]}
    logs = by_fit(built(family, values), of(values, family), family)
    training = trained(engines[family], built(family, values), of(values, family))
    assert_same(training.history, logs)


@pytest.mark.sampled(2)
@pytest.mark.parametrize("family", ["mlp", "cnn"])
@pytest.mark.parametrize("kind", REGULARIZATION)
def test_regularization_equals_fit(engines: dict[str, Engine], family: str, kind: str) -> None:
    values = {"learning_rate": 0.01, **REGULARIZATION[kind]}
    logs = by_fit(built(family, values), of(values, family), family)
    training = trained(engines[family], built(family, values), of(values, family))
    assert_same(training.history, logs)


def test_augmentation_equals_fit(engines: dict[str, Engine]) -> None:
    values = {"flip": "horizontal", "rotation": 20.0, "shift": 0.1, "zoom": 0.1}
    logs = by_fit(built("cnn", values), of(values, "cnn"), "cnn")
    training = trained(engines["cnn"], built("cnn", values), of(values, "cnn"))
    assert_same(training.history, logs)


TASKS = {
    "binary": ("sigmoid", 1, np.int32),
    "regression": (None, 1, np.float32),
    "multilabel": ("sigmoid", 3, np.float32),
}


@pytest.mark.parametrize("task", TASKS)
def test_other_tasks_equal_fit(task: str) -> None:
    activation, outputs, kind = TASKS[task]
    generator = np.random.default_rng(0)
    x = generator.normal(size=(50, 4)).astype(np.float32)
    y = (x[:, :outputs] + x[:, 1:2] > 0).astype(kind)
    y = y[:, 0] if task == "binary" else y

    def model() -> keras.Model:
        seed_everything(3)
        layers = [keras.layers.Dense(5, activation="tanh")]
        last = keras.layers.Dense(outputs, activation=activation)
        it = keras.Sequential([keras.Input((4,)), *layers, last])
        it.compile("adam", regularization.loss(task), metrics=["accuracy", "mean_absolute_error"])
        return it

    settings = Settings(epochs=2, batch_size=50)
    history = model().fit(x, y, batch_size=50, epochs=2, validation_data=(x, y), verbose=0).history
    training = trained(Engine((x, y), (x, y)), model(), settings)
    logs = [{name: history[name][epoch] for name in history} for epoch in range(2)]
    assert_same(training.history, logs)


def test_a_recurrent_model_equals_fit(engines: dict[str, Engine]) -> None:
    def model() -> keras.Model:
        seed_everything(3)
        layers = keras.layers
        it = keras.Sequential([keras.Input(VECTORS), layers.Reshape((3, 2))])
        it.add(layers.GRU(4, recurrent_regularizer="l2"))
        it.add(layers.Dense(3, activation="softmax"))
        it.compile("rmsprop", "sparse_categorical_crossentropy")
        return it

    logs = by_fit(model(), of({}, "mlp"), "mlp")
    assert_same(trained(engines["mlp"], model(), of({}, "mlp")).history, logs)


def test_the_value_is_the_datas_loss_without_penalties_and_smoothing(
    engines: dict[str, Engine],
) -> None:
    values = {"l2": 0.1, "label_smoothing": 0.2, "class_weights": "balanced"}
    for engine in ("auto", "keras"):
        training = trained(engines["mlp"], built("mlp", values), of(values, "mlp", engine=engine))
        x, y = DATA["mlp"][1]
        model, best = training.best_model(), training.best
        assert best
        plain = regularization.loss("multiclass")(y, model.predict(x, verbose=0))
        assert best.value == pytest.approx(float(plain), rel=1e-5)
        assert best.value == best.metrics["val_loss"] < best.metrics["keras_val_loss"]


def test_patience_stops_where_early_stopping_does(engines: dict[str, Engine]) -> None:
    values = {"l2": 0.0, "learning_rate": 0.3, "optimizer": "momentum"}
    settings = dataclasses.replace(of(values, "mlp"), epochs=25, patience=2, min_delta=0.01)
    stopping = keras.callbacks.EarlyStopping(patience=2, min_delta=0.01)
    logs = by_fit(built("mlp", values), settings, "mlp", stopping)
    training = trained(engines["mlp"], built("mlp", values), settings)
    assert len(training.history) == len(logs) < 25
    assert training.stopped == "patience"
    assert training.best == min(training.history, key=lambda epoch: epoch.value)


def test_results_do_not_depend_on_how_operations_are_run(
    engines: dict[str, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = trained(engines["cnn"], built("cnn", {}), of({}, "cnn"))
    monkeypatch.setattr("studyhall.search.training.compiled.executors.PARALLEL_MULTIPLICATIONS", 0)
    monkeypatch.setattr("studyhall.search.training.compiled.cache.CHUNK_ELEMENTS", 1)
    side_by_side = trained(engines["cnn"], built("cnn", {}), of({}, "cnn"))
    logs = [epoch.metrics for epoch in alone.history]
    for epoch, log in zip(side_by_side.history, logs, strict=True):
        assert epoch.metrics == pytest.approx(log, rel=1e-5)


@pytest.mark.parametrize("size", [83, 500])
def test_all_samples_may_be_one_batch(engines: dict[str, Engine], size: int) -> None:
    settings = dataclasses.replace(of({}, "mlp"), batch_size=size)
    logs = by_fit(built("mlp", {}), settings, "mlp")
    assert_same(trained(engines["mlp"], built("mlp", {}), settings).history, logs)


@pytest.mark.slow
def test_many_trials_take_no_more_memory(engines: dict[str, Engine]) -> None:
    process = psutil.Process()

    def trial(number: int) -> None:
        values = {"width": 3 + number % 7, "depth": 1 + number % 2, "l2": number * 1e-5}
        trained(engines["mlp"], built("mlp", values, seed=number), of(values, "mlp"))

    for number in range(20):
        trial(number)
    before = process.memory_info().rss
    for number in range(120):
        trial(number)
    assert process.memory_info().rss < before * 1.02
