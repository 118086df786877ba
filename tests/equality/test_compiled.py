"""Every optimizer, loss and metric of Keras, in three trials that use compiled functions again."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

pytestmark = pytest.mark.part(5)

optimizers, losses, metrics = keras.optimizers, keras.losses, keras.metrics
SAMPLES, CLASSES = 32, 3
X = np.random.default_rng(0).normal(size=(SAMPLES, 5)).astype(np.float32)
CLASS = np.random.default_rng(1).integers(0, CLASSES, SAMPLES).astype(np.int32)
# Targets, each with the activation of the layer that predicts them.
TARGETS: dict[str, tuple[np.ndarray, str | None, int]] = {
    "number": (X[:, :1] * 2 + 1, None, 1),
    "positive": (np.abs(X[:, :1]) + 0.1, "softplus", 1),
    "class": (CLASS, "softmax", CLASSES),
    "one-hot": (np.eye(CLASSES, dtype=np.float32)[CLASS], "softmax", CLASSES),
    "yes or no": ((CLASS == 0).astype(np.float32)[:, None], "sigmoid", 1),
}
RATES = (0.05, 0.02)


def public(module: Any, of: type) -> dict[str, type]:
    """Each class once, though it may have several names."""
    found = [value for _, value in sorted(vars(module).items()) if inspect.isclass(value)]
    return {each.__name__: each for each in found if issubclass(each, of)}


def model_of(kind: str, optimizer: Any, loss: Any, measured: Any = None) -> keras.Model:
    _, activation, outputs = TARGETS[kind]
    layers = [keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(outputs, activation)]
    model = keras.Sequential([keras.Input(X.shape[1:]), *layers])
    model.compile(optimizer, loss, metrics=measured)
    return model


Made = Callable[[int], Any]
OPTIMIZERS: dict[str, Made] = {
    "Adadelta": lambda n: optimizers.Adadelta(1.0, rho=(0.9, 0.5)[n]),
    "Adafactor": lambda n: optimizers.Adafactor(RATES[n]),
    "Adagrad": lambda n: optimizers.Adagrad(RATES[n]),
    "Adam": lambda n: optimizers.Adam(RATES[n], beta_1=(0.9, 0.5)[n], amsgrad=n == 1),
    "AdamW": lambda n: optimizers.AdamW(RATES[n], weight_decay=RATES[n]),
    "Adamax": lambda n: optimizers.Adamax(RATES[n]),
    "Ftrl": lambda n: optimizers.Ftrl(RATES[n], l1_regularization_strength=0.01 * n),
    "Lamb": lambda n: optimizers.Lamb(RATES[n]),
    "Lion": lambda n: optimizers.Lion(RATES[n] / 10),
    "LossScaleOptimizer": lambda n: optimizers.LossScaleOptimizer(optimizers.Adam(RATES[n])),
    "MultiOptimizer": lambda n: optimizers.MultiOptimizer(
        keras.src.optimizers.multi_optimizer.OptimizerMap(optimizers.SGD(RATES[n]))
    ),
    "Muon": lambda n: optimizers.Muon(RATES[n] / 10, exclude_layers=["dense"] if n == 1 else None),
    "Nadam": lambda n: optimizers.Nadam(RATES[n]),
    "RMSprop": lambda n: optimizers.RMSprop(RATES[n], momentum=0.5, centered=n == 1),
    "SGD": lambda n: optimizers.SGD(RATES[n], momentum=(0.0, 0.5)[n], nesterov=n == 1),
    "ScheduleFreeAdamW": lambda n: optimizers.ScheduleFreeAdamW(RATES[n]),
}


def excluding(n: int) -> Any:
    optimizer = optimizers.AdamW(0.05, weight_decay=0.5)
    if n != 1:
        optimizer.exclude_from_weight_decay(var_names=["bias"])
    return optimizer


STATES: dict[str, Made] = {
    "averaged weights": lambda n: optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5),
    "overwritten by averages": lambda n: optimizers.SGD(
        0.1, use_ema=True, ema_overwrite_frequency=2
    ),
    "accumulated gradients": lambda n: optimizers.Adam(0.05, gradient_accumulation_steps=2),
    "scaled loss": lambda n: optimizers.Adam(0.05, loss_scale_factor=8.0),
    "clipped": lambda n: optimizers.SGD(0.1, clipvalue=(0.01, 0.1)[n]),
    "clipped together": lambda n: optimizers.SGD(0.1, global_clipnorm=(0.01, 0.1)[n]),
    "decayed": lambda n: optimizers.RMSprop(0.1, weight_decay=(0.5, 0.1)[n]),
    "not all decayed": excluding,
    "scheduled": lambda n: optimizers.SGD(
        optimizers.schedules.PiecewiseConstantDecay([2, 4], [0.1, 0.05 * n, 0.01])
    ),
    "scheduled by a function": lambda n: optimizers.SGD(lambda: 0.05 + 0.01 * n),
    "epsilon": lambda n: optimizers.Adam(0.05, epsilon=(1e-7, 1e-1)[n]),
}


def test_every_optimizer_of_keras_is_known_here() -> None:
    assert set(public(optimizers, optimizers.Optimizer)) - {*OPTIMIZERS, "Optimizer"} == set()


@pytest.mark.sampled(5)
@pytest.mark.parametrize("name", [*OPTIMIZERS, *STATES])
def test_an_optimizer_trains_as_by_fit(comparison: Any, name: str) -> None:
    if name in OPTIMIZERS and not hasattr(optimizers, name):
        pytest.skip(f"Keras {keras.__version__} has no such optimizer yet")
    make = {**OPTIMIZERS, **STATES}[name]
    build = lambda n: model_of("number", make(n), "mse")  # noqa: E731
    comparison(build, X, TARGETS["number"][0]).run(trials=2)


@pytest.mark.slow
def test_an_optimizer_that_has_made_steps_goes_on_from_there(comparison: Any) -> None:
    def build(n: int) -> keras.Model:
        model = model_of("number", optimizers.Adam(0.05), "mse")
        if n == 1:
            model.fit(X, TARGETS["number"][0], batch_size=SAMPLES, epochs=1, verbose=0)
        return model

    comparison(build, X, TARGETS["number"][0]).run()


LOSSES: dict[str, tuple[str, Made]] = {
    "BinaryCrossentropy": (
        "yes or no",
        lambda n: losses.BinaryCrossentropy(label_smoothing=(0.1, 0.2)[n]),
    ),
    "BinaryFocalCrossentropy": ("yes or no", lambda n: losses.BinaryFocalCrossentropy(gamma=n + 1)),
    "CategoricalCrossentropy": (
        "one-hot",
        lambda n: losses.CategoricalCrossentropy(label_smoothing=(0.1, 0.2)[n]),
    ),
    "CategoricalFocalCrossentropy": ("one-hot", lambda n: losses.CategoricalFocalCrossentropy()),
    "CategoricalGeneralizedCrossEntropy": (
        "class",
        lambda n: losses.CategoricalGeneralizedCrossEntropy(q=(0.5, 0.7)[n]),
    ),
    "CategoricalHinge": ("one-hot", lambda n: losses.CategoricalHinge()),
    "Circle": ("class", lambda n: losses.Circle()),
    "CosineSimilarity": ("one-hot", lambda n: losses.CosineSimilarity()),
    "Dice": ("one-hot", lambda n: losses.Dice(axis=(0, 1) if n == 1 else None)),
    "Hinge": ("yes or no", lambda n: losses.Hinge()),
    "Huber": ("number", lambda n: losses.Huber(delta=(0.5, 1.0)[n])),
    "KLDivergence": ("one-hot", lambda n: losses.KLDivergence()),
    "LogCosh": ("number", lambda n: losses.LogCosh()),
    "MeanAbsoluteError": ("number", lambda n: losses.MeanAbsoluteError()),
    "MeanAbsolutePercentageError": ("positive", lambda n: losses.MeanAbsolutePercentageError()),
    "MeanSquaredError": (
        "number",
        lambda n: losses.MeanSquaredError(reduction=("sum", "mean")[n]),
    ),
    "MeanSquaredLogarithmicError": ("positive", lambda n: losses.MeanSquaredLogarithmicError()),
    "Poisson": ("positive", lambda n: losses.Poisson()),
    "SparseCategoricalCrossentropy": (
        "class",
        lambda n: losses.SparseCategoricalCrossentropy(ignore_class=(None, 1)[n]),
    ),
    "SquaredHinge": ("yes or no", lambda n: losses.SquaredHinge()),
    "Tversky": ("one-hot", lambda n: losses.Tversky(alpha=(0.3, 0.5)[n])),
}


def test_every_loss_of_keras_is_known_here() -> None:
    abstract = {"Loss", "LossFunctionWrapper", "CTC"}  # CTC has a test of its own
    assert set(public(losses, losses.Loss)) - {*LOSSES, *abstract} == set()


@pytest.mark.sampled(4)
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_that_of_fit(comparison: Any, name: str) -> None:
    if not hasattr(losses, name):
        pytest.skip(f"Keras {keras.__version__} has no such loss yet")
    kind, make = LOSSES[name]
    build = lambda n: model_of(kind, optimizers.SGD(0.05), make(n))  # noqa: E731
    comparison(build, X, TARGETS[kind][0]).run(trials=2)


@pytest.mark.slow
def test_the_loss_of_sequences_is_that_of_fit(comparison: Any) -> None:
    x = np.random.default_rng(2).normal(size=(SAMPLES, 6, 2)).astype(np.float32)
    y = np.random.default_rng(3).integers(1, CLASSES, (SAMPLES, 2)).astype(np.int32)

    def build(n: int) -> keras.Model:
        model = keras.Sequential([keras.Input((6, 2)), keras.layers.Dense(CLASSES)])
        model.compile(optimizers.SGD(0.05), losses.CTC())
        return model

    comparison(build, x, y).run(trials=2)


METRICS: dict[str, tuple[str, Made]] = {
    "AUC": ("yes or no", lambda n: metrics.AUC(num_thresholds=20 + n)),
    "Accuracy": ("number", lambda n: metrics.Accuracy()),
    "BinaryAccuracy": ("yes or no", lambda n: metrics.BinaryAccuracy(threshold=(0.5, 0.4)[n])),
    "BinaryCrossentropy": ("yes or no", lambda n: metrics.BinaryCrossentropy()),
    "BinaryIoU": ("yes or no", lambda n: metrics.BinaryIoU()),
    "CategoricalAccuracy": ("one-hot", lambda n: metrics.CategoricalAccuracy()),
    "CategoricalCrossentropy": ("one-hot", lambda n: metrics.CategoricalCrossentropy()),
    "CategoricalHinge": ("one-hot", lambda n: metrics.CategoricalHinge()),
    "ConcordanceCorrelation": ("number", lambda n: metrics.ConcordanceCorrelation()),
    "CosineSimilarity": ("one-hot", lambda n: metrics.CosineSimilarity()),
    "F1Score": ("one-hot", lambda n: metrics.F1Score(average="macro")),
    "FBetaScore": ("one-hot", lambda n: metrics.FBetaScore(average="macro", beta=n + 0.5)),
    "FalseNegatives": ("yes or no", lambda n: metrics.FalseNegatives()),
    "FalsePositives": ("yes or no", lambda n: metrics.FalsePositives()),
    "Hinge": ("yes or no", lambda n: metrics.Hinge()),
    "IoU": ("class", lambda n: metrics.IoU(CLASSES, [n], sparse_y_pred=False)),
    "KLDivergence": ("one-hot", lambda n: metrics.KLDivergence()),
    "LogCoshError": ("number", lambda n: metrics.LogCoshError()),
    "MeanAbsoluteError": ("number", lambda n: metrics.MeanAbsoluteError()),
    "MeanAbsolutePercentageError": ("positive", lambda n: metrics.MeanAbsolutePercentageError()),
    "MeanIoU": ("class", lambda n: metrics.MeanIoU(CLASSES, sparse_y_pred=False)),
    "MeanMetricWrapper": (
        "number",
        lambda n: metrics.MeanMetricWrapper(metrics.mean_squared_error),
    ),
    "MeanSquaredError": ("number", lambda n: metrics.MeanSquaredError()),
    "MeanSquaredLogarithmicError": ("positive", lambda n: metrics.MeanSquaredLogarithmicError()),
    "OneHotIoU": ("one-hot", lambda n: metrics.OneHotIoU(CLASSES, [n])),
    "OneHotMeanIoU": ("one-hot", lambda n: metrics.OneHotMeanIoU(CLASSES)),
    "PearsonCorrelation": ("number", lambda n: metrics.PearsonCorrelation(axis=-2)),
    "Poisson": ("positive", lambda n: metrics.Poisson()),
    "Precision": ("yes or no", lambda n: metrics.Precision(thresholds=[0.3, 0.5])),
    "PrecisionAtRecall": ("yes or no", lambda n: metrics.PrecisionAtRecall(0.5)),
    "R2Score": ("number", lambda n: metrics.R2Score()),
    "Recall": ("yes or no", lambda n: metrics.Recall(thresholds=(0.3, 0.5)[n])),
    "RecallAtPrecision": ("yes or no", lambda n: metrics.RecallAtPrecision(0.5)),
    "RootMeanSquaredError": ("number", lambda n: metrics.RootMeanSquaredError()),
    "SensitivityAtSpecificity": ("yes or no", lambda n: metrics.SensitivityAtSpecificity(0.5)),
    "SparseCategoricalAccuracy": ("class", lambda n: metrics.SparseCategoricalAccuracy()),
    "SparseCategoricalCrossentropy": ("class", lambda n: metrics.SparseCategoricalCrossentropy()),
    "SparseTopKCategoricalAccuracy": (
        "class",
        lambda n: metrics.SparseTopKCategoricalAccuracy(k=1 + n),
    ),
    "SpecificityAtSensitivity": ("yes or no", lambda n: metrics.SpecificityAtSensitivity(0.5)),
    "SquaredHinge": ("yes or no", lambda n: metrics.SquaredHinge()),
    "TopKCategoricalAccuracy": ("one-hot", lambda n: metrics.TopKCategoricalAccuracy(k=1 + n)),
    "TrueNegatives": ("yes or no", lambda n: metrics.TrueNegatives()),
    "TruePositives": ("yes or no", lambda n: metrics.TruePositives()),
}
LOSS_OF = {"class": "sparse_categorical_crossentropy", "one-hot": "categorical_crossentropy"}


def test_every_metric_of_keras_is_known_here() -> None:
    abstract = {"Metric", "Mean", "Sum", "_IoUBase"}  # of values, not of targets and predictions
    assert set(public(metrics, metrics.Metric)) - {*METRICS, *abstract} == set()


@pytest.mark.sampled(1)
@pytest.mark.parametrize("kind", TARGETS)
def test_metrics_are_those_of_fit(comparison: Any, kind: str) -> None:
    """All that fit the targets at once, in each trial with other settings."""
    made = [make for its, make in METRICS.values() if its == kind and make is not None]
    loss = LOSS_OF.get(kind, "binary_crossentropy" if kind == "yes or no" else "mse")

    def build(n: int) -> keras.Model:
        return model_of(kind, optimizers.SGD(0.05), loss, [make(n) for make in made])

    comparison(build, X, TARGETS[kind][0]).run(trials=2)
