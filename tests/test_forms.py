"""What a compiled model of the user's is trained on, beside Keras' own fit on the same arrays."""

import keras
import numpy as np
import optuna
import pytest

from search.data import loading
from search.study_file import config
from search.training import feeding
from search.training.engine import Settings, seed_everything
from search.trial import forms, modelling
from spaces.failures import ArchitectureError, UserCodeError

TRAIN, VALIDATION = slice(0, 60), slice(60, 100)

CODE = """
import keras
import numpy as np
from keras import layers, ops

rng = np.random.default_rng(0)
x = rng.normal(size=(120, 6)).astype("float32")
numbers = x.sum(axis=1)
classes = np.digitize(numbers, [-1, 1])  # 0, 1, 2
y = {y}


class OwnLoss(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred), axis=-1)


class Quantiles(keras.losses.Loss):
    def call(self, y_true, y_pred):
        off = ops.reshape(y_true, (-1, 1)) - y_pred
        return ops.mean(ops.maximum(off * [0.1, 0.5, 0.9], off * [-0.9, -0.5, -0.1]), axis=-1)


def own_function(y_true, y_pred):
    return ops.mean(ops.abs(y_true - y_pred), axis=-1)


def scalar(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred))


def first_column(y_true, y_pred):
    return ops.square(y_true[:, :1] - y_pred) * (1 + y_true[:, 1:] ** 2)


def load():
    return (x[:60], y[:60]), (x[60:100], y[60:100]), (x[100:], y[100:])


def build(trial, input_shape, outputs):
    given = inputs = keras.Input((6,))
    for layer in [{layers}]:
        given = layer(given)
    model = keras.Model(inputs, given)
    model.compile(keras.optimizers.SGD(0.05), {loss})
    return model
"""

COLUMN = "numbers[:, None].astype('float32')"
WIDE = "np.stack([numbers, x[:, 0]], axis=1)"
ONE, THREE = "layers.Dense(1, name='out')", "layers.Dense(3, activation='softmax')"
SOFT = "layers.Dense(4, activation='softmax')"

# targets, last layers, loss, what Keras' own fit gets where it is not y itself
CASES = {
    "a column, a loss class": (COLUMN, ONE, "OwnLoss()", None),
    "a column, a function": (COLUMN, ONE, "own_function", None),
    "a column, a scalar loss": (COLUMN, ONE, "scalar", None),
    "a column, by name": (COLUMN, ONE, "'mse'", None),
    "a column, a loss of Keras": (COLUMN, ONE, "keras.losses.Huber()", None),
    "a list of losses": (COLUMN, ONE, "['mse']", None),
    "a dict of losses": (COLUMN, ONE, "{'out': OwnLoss()}", None),
    "float64": ("numbers[:, None].astype('float64')", ONE, "OwnLoss()", None),
    "flat, a loss class": ("numbers", "layers.Dense(1), layers.Reshape(())", "OwnLoss()", None),
    "flat, by name": ("numbers", ONE, "'mse'", None),
    "quantiles of a column": (COLUMN, "layers.Dense(3)", "Quantiles()", None),
    "quantiles of flat numbers": ("numbers", "layers.Dense(3)", "Quantiles()", None),
    "two columns, one output": (WIDE, ONE, "first_column", None),
    "two columns, two outputs": (WIDE, "layers.Dense(2)", "OwnLoss()", None),
    "sequences": (
        "np.stack([x, x ** 2], axis=2)",
        "layers.Dense(12), layers.Reshape((6, 2))",
        "'mse'",
        None,
    ),
    "classes of each step": (
        "np.abs(x * 2).astype(int).clip(0, 3)",
        "layers.Dense(24), layers.Reshape((6, 4)), layers.Softmax()",
        "'sparse_categorical_crossentropy'",
        None,
    ),
    "masks": (
        "(x > 0).astype('uint8').reshape(120, 3, 2, 1)",
        "layers.Dense(6, activation='sigmoid'), layers.Reshape((3, 2, 1))",
        "'binary_crossentropy'",
        None,
    ),
    "signs": ("np.sign(numbers).astype(int)", "layers.Dense(1)", "'hinge'", None),
    "signs, a function": ("np.sign(numbers).astype(int)", ONE, "own_function", None),
    "classes": ("classes", THREE, "'sparse_categorical_crossentropy'", None),
    "classes in a column": ("classes[:, None]", THREE, "'sparse_categorical_crossentropy'", None),
    "classes from 1, four outputs": (
        "classes + 1",
        SOFT,
        "keras.losses.SparseCategoricalCrossentropy()",
        None,
    ),
    "classes from 1, three outputs": (
        "classes + 1",
        THREE,
        "'sparse_categorical_crossentropy'",
        "classes",
    ),
    "one-hot": ("np.eye(3)[classes]", THREE, "'categorical_crossentropy'", None),
    "one-hot, a loss class": ("np.eye(3)[classes]", THREE, "OwnLoss()", None),
    "one-hot, a sparse loss": (
        "np.eye(3)[classes]",
        THREE,
        "'sparse_categorical_crossentropy'",
        "classes",
    ),
    "classes, a loss of one-hot": (
        "classes",
        THREE,
        "keras.losses.CategoricalFocalCrossentropy()",
        "np.eye(3)[classes]",
    ),
    "classes, a function of one-hot": ("classes", THREE, "own_function", "np.eye(3)[classes]"),
    "words": (
        "np.array(['a', 'b', 'c'])[classes]",
        THREE,
        "'sparse_categorical_crossentropy'",
        "classes",
    ),
    "words, a loss of one-hot": (
        "np.array(['a', 'b', 'c'])[classes]",
        THREE,
        "'kl_divergence'",
        "np.eye(3)[classes]",
    ),
    "labels": (
        "(x > 0).astype(int)",
        "layers.Dense(6, activation='sigmoid')",
        "'binary_crossentropy'",
        None,
    ),
}


@pytest.fixture
def plan(tmp_path, study_file):
    """Makes the blueprint of a study of the user's own code."""

    def make(y, layers, loss, **changes):
        code = CODE.replace("{y}", y).replace("{layers}", layers).replace("{loss}", loss)
        (tmp_path / "mine.py").write_text(code)
        changes["data"] = {"source": "mine.py:load", "normalize": "none"}
        changes["space"] = {"width": None, "learning_rate": None, **changes.get("space", {})}
        file = config.parse(study_file(**changes, model={"family": "mine.py:build"}))
        return modelling.blueprint(file, loading.of_file(file, tmp_path, 0), tmp_path)

    return make


def built(blueprint):
    seed_everything(1)
    return modelling.build(blueprint, optuna.trial.FixedTrial({}), 60)


def by_engine(blueprint, engine):
    found = built(blueprint)
    settings = Settings(
        epochs=3, batch_size=32, seed=1, engine=engine, class_weight=found.class_weight
    )
    training = forms.engine(blueprint.data.split, found.form, len(blueprint.data.classes))
    epochs = [*training.training(found.model, settings).epochs()]
    return [[epoch.metrics["loss"], epoch.metrics["val_loss"]] for epoch in epochs]


def by_keras(blueprint, y, class_weight=None):
    """The same order of samples, and else nothing of studyhall's."""
    model, module = built(blueprint).model, __import__("mine")
    x = module.x
    found = []
    for epoch in range(1, 4):
        order = feeding.shuffled(1, epoch, 60)
        logs = model.fit(
            x[TRAIN][order],
            y[TRAIN][order],
            batch_size=32,
            shuffle=False,
            class_weight=class_weight,
            verbose=0,
        ).history
        logs["val_loss"] = [model.evaluate(x[VALIDATION], y[VALIDATION], verbose=0)]
        found.append([logs["loss"][0], logs["val_loss"][0]])
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda name: name)
def test_every_epoch_is_that_of_keras_own_fit(plan, case):
    y, layers, loss, fitted = CASES[case]
    blueprint = plan(y, layers, loss)
    module = __import__("mine")
    targets = module.y if fitted is None else eval(fitted, vars(module))
    expected = by_keras(blueprint, targets)
    for engine in ("auto", "keras"):
        assert by_engine(blueprint, engine) == pytest.approx(np.array(expected), rel=2e-5), engine
