"""The data of a model that the user compiled, beside Keras' own fit on the same arrays."""

import sys

import numpy as np
import optuna
import pytest

from studyhall.search.data import loading
from studyhall.search.data.errors import DataError
from studyhall.search.study_file import config
from studyhall.search.training import feeding
from studyhall.search.training.engine import seed_everything
from studyhall.search.training.settings import Settings
from studyhall.search.trial import blueprints, forms, modelling
from studyhall.spaces import user_code
from studyhall.spaces.failures import UserCodeError

pytestmark = pytest.mark.part(5)

BY_FIT_TOO = ("a column, a loss class", "sequences", "signs", "words, a loss of one-hot")
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
        return blueprints.of_file(file, loading.of_file(file, tmp_path, 0), tmp_path)

    return make


def built(blueprint):
    seed_everything(1)
    return modelling.build(blueprint, optuna.trial.FixedTrial({}), 60)


def by_engine(blueprint, engine):
    found = built(blueprint)
    settings = Settings(
        epochs=2, batch_size=32, seed=1, engine=engine, class_weight=found.class_weight
    )
    training = forms.engine(blueprint.data.split, found.form, len(blueprint.data.classes))
    epochs = [*training.training(found.model, settings).epochs()]
    return [[epoch.metrics["loss"], epoch.metrics["val_loss"]] for epoch in epochs]


def by_keras(blueprint, y, class_weight=None):
    """The same order of samples, and else nothing of studyhall's."""
    model, x = built(blueprint).model, sys.modules["mine"].x
    found = []
    for epoch in (1, 2):
        order = feeding.shuffled(1, epoch, 60)
        logs = model.fit(
            x[TRAIN][order],
            y[TRAIN][order],
            batch_size=32,
            shuffle=False,
            class_weight=class_weight,
            verbose=0,
        ).history
        validated = model.evaluate(x[VALIDATION], y[VALIDATION], verbose=0)
        found.append([logs["loss"][0], validated])
    return found


@pytest.mark.sampled(5)
@pytest.mark.parametrize("case", CASES, ids=lambda name: name)
def test_every_epoch_is_that_of_keras_own_fit(plan, case):
    y, layers, loss, fitted = CASES[case]
    blueprint = plan(y, layers, loss)
    known = vars(sys.modules["mine"])
    expected = by_keras(blueprint, eval(fitted or "y", known))
    for engine in ("auto", "keras") if case in BY_FIT_TOO else ("auto",):
        found = np.array(by_engine(blueprint, engine))
        assert found == pytest.approx(np.array(expected), rel=2e-5), engine


def test_classes_are_weighted_by_the_numbers_that_the_model_knows(plan):
    """As Keras' own fit takes class_weight: by the numbers in y."""
    loss = "'sparse_categorical_crossentropy'"
    blueprint = plan("classes + 1", SOFT, loss, space={"class_weights": "balanced"})
    classes = sys.modules["mine"].classes[TRAIN]
    counts = np.bincount(classes)
    weights = {number + 1: len(classes) / 3 / count for number, count in enumerate(counts)}
    assert built(blueprint).class_weight == pytest.approx(weights)
    expected = by_keras(blueprint, sys.modules["mine"].y, weights)
    found = by_engine(blueprint, "auto")  # whose loss in training is that of the data alone
    validated = [epoch[1] for epoch in expected]
    assert [epoch[1] for epoch in found] == pytest.approx(validated, rel=2e-5)


def test_one_hot_classes_are_weighted_by_their_places(plan):
    loss = "'categorical_crossentropy'"
    blueprint = plan("np.eye(3)[classes]", THREE, loss, space={"class_weights": "balanced"})
    assert set(built(blueprint).class_weight) == {0, 1, 2}


def test_a_loss_that_takes_no_form_of_the_targets(plan):
    with pytest.raises(UserCodeError, match=r"targets of shape \(None, 2\) and outputs of shape"):
        built(plan(WIDE, ONE, "'categorical_crossentropy'"))


def test_targets_of_many_axes_are_for_a_model_of_ones_own(tmp_path, plan):
    blueprint = plan("np.stack([x, x], axis=2)", "layers.Reshape((6, 1))", "'mse'")
    assert (blueprint.data.task, blueprint.data.outputs) == ("regression", 2)
    with pytest.raises(DataError, match=r"targets of shape \(60, 6, 2\), expected one or several"):
        loading.load(blueprint.file.data, seed=0, folder=tmp_path)


SAMPLES = """
import keras
import numpy as np
from keras import layers, ops

x = {x}


def load():
    return x, np.arange(len(x)) * 0.5


class Own(keras.Model):
    def __init__(self, body):
        super().__init__()
        self.body = body

    def call(self, x):
        self.seen = (tuple(x.shape[1:]), keras.backend.standardize_dtype(x.dtype))
        return ops.reshape(self.body(x), (-1, 1))


def build(trial, input_shape, outputs):
    model = Own({body})
    {compiled}
    return model
"""
PICTURES = "np.zeros((20, 6, 5), 'uint8')"
LARGE = "np.arange(60).reshape(20, 3) + 10**12"
CONVOLUTION = "lambda x, layer=layers.Conv2D(1, (6, 5)): layer(ops.cast(x, 'float32'))"
DENSE = "keras.Sequential([layers.Flatten(), layers.Dense(1)])"
COMPILE = "model.compile('sgd', 'mse')"


@pytest.mark.parametrize(
    ("x", "body", "compiled", "seen"),
    [
        (PICTURES, "keras.Sequential([layers.LSTM(1)])", COMPILE, ((6, 5), "uint8")),
        (PICTURES, DENSE, COMPILE, ((6, 5), "uint8")),
        (PICTURES, DENSE, "pass", ((6, 5, 1), "float32")),
        (
            PICTURES,
            CONVOLUTION,
            COMPILE,
            ((6, 5, 1), "uint8"),
        ),
        ("np.arange(20.0)", "lambda x: ops.stack([x, x], 1)[:, :1]", COMPILE,
         ((), "float32")),
        (LARGE, "lambda x: ops.cast(x[:, 0] % 7, 'float32')", COMPILE, ((3,), "int64")),
        ("np.ones((20, 3), 'float16')", DENSE, COMPILE, ((3,), "float32")),
    ],
)  # fmt: skip
def test_samples_reach_a_compiled_model_as_they_are(tmp_path, study_file, x, body, compiled, seen):
    code = SAMPLES.replace("{x}", x).replace("{body}", body).replace("{compiled}", compiled)
    (tmp_path / "mine.py").write_text(code)
    data = {"source": "mine.py:load", "normalize": "none"}
    space = {"width": None, "learning_rate": None}
    file = config.parse(study_file(data=data, space=space, model={"family": "mine.py:build"}))
    data = loading.of_file(file, tmp_path, 0)
    found = built(blueprints.of_file(file, data, tmp_path))
    samples, _ = forms.pair(data.split, data.train, found.form, 0)
    found.model(samples[:2])
    assert found.model.seen == seen
    if seen[1] == "int64":
        assert samples.min() >= 10**12


def test_weights_do_not_depend_on_shapes_that_were_tried(tmp_path, study_file):
    """A model that takes the study's shape only is built again, from the same random numbers."""
    first = []
    for x in (PICTURES, f"{PICTURES}[..., None]"):
        code = SAMPLES.replace("{x}", x).replace("{compiled}", COMPILE)
        (tmp_path / "mine.py").write_text(code.replace("{body}", "layers.Conv2D(1, (6, 5))"))
        user_code.forget("mine.py:build", tmp_path)
        space = {"width": None, "learning_rate": None}
        data = {"source": "mine.py:load"}
        file = config.parse(study_file(data=data, space=space, model={"family": "mine.py:build"}))
        plan = blueprints.of_file(file, loading.of_file(file, tmp_path, 0), tmp_path)
        first.append(np.asarray(built(plan).model.weights[0]))
    assert np.array_equal(*first)
