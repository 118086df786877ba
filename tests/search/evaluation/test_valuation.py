"""The value of a reloaded model is what its training recorded, whatever measured it."""

import keras
import numpy as np
import pytest

from studyhall.search.display import score_tables
from studyhall.search.evaluation import best, best_text, proof, valuation
from studyhall.storage.queries import records

CODE = """
import keras
import numpy as np
from keras import layers, ops

rng = np.random.default_rng(0)
x = rng.normal(size=(120, 6)).astype("float32")
numbers = x.sum(axis=1)
classes = np.digitize(numbers, [-1, 1])


def load():
    return x, {y}


class NoConfig(keras.losses.Loss):
    def call(self, y, p):
        return ops.mean(ops.square(y - p), axis=-1)


def density(y, p):
    mean, spread = p[:, :1], ops.exp(p[:, 1:2])
    off = (ops.reshape(y, (-1, 1)) - mean) / spread
    return ops.mean(ops.square(off) / 2 + ops.log(spread) + p[:, 2:] ** 2)


def total(y, p):  # depends on how many samples are in a batch
    return ops.sum(ops.square(y - p))


def worst(y, p):
    return ops.max(ops.abs(y - p))


@keras.saving.register_keras_serializable()
class OwnTest(keras.Model):
    def __init__(self, **known):
        super().__init__(**known)
        self.dense = layers.Dense(1)
        self.mine = keras.metrics.Mean(name="mine")

    def call(self, x, training=False):
        return self.dense(x)

    def test_step(self, data):
        x, y = data
        off = ops.mean(ops.abs(y - self(x, training=False)))
        self.mine.update_state(off)
        return {"loss": 2 * off, "mine": self.mine.result()}


@keras.saving.register_keras_serializable()
class OwnSteps(OwnTest):
    def train_step(self, data):
        import tensorflow as tf

        x, y = data
        with tf.GradientTape() as tape:
            loss = ops.mean(ops.square(y - self(x, training=True)))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        return {"loss": loss}


def dense(units, *compiled, activation=None, **named):
    model = keras.Sequential([keras.Input((6,)), layers.Dense(units, activation)])
    model.compile(keras.optimizers.SGD(0.001), *compiled, **named)
    return model


def own(kind, *compiled):
    model = kind()
    model.compile(keras.optimizers.SGD(0.001), *compiled)
    return model


def build(trial, input_shape, outputs):
    trial.suggest_float("chosen", 0.0, 1.0)
    return {model}
"""
COLUMN = "numbers[:, None]"


@pytest.fixture
def study(studio):
    """Makes a study of one trial of the user's own code, and runs it."""

    def make(y, model, objective="validation loss", **changes):
        code = CODE.replace("{y}", y).replace("{model}", model)
        (studio.folder / "mine.py").write_text(code)
        known = isinstance(objective, list) or objective == "validation loss"
        direction = {} if known else {"direction": "minimize"}
        made = studio.study(
            code,
            study={"trials": 1, "objective": objective, **direction},
            data={"source": "mine.py:load", "normalize": "none", **changes},
            space={"width": None, "learning_rate": None},
        )
        studio.finish(made)
        return made

    return make


# Keras before 3.14 takes no list of lists for a single output.
OLD = tuple(map(int, keras.__version__.split(".")[:2])) < (3, 14)
LISTED = "['mae']" if OLD else "[['mae']]"


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("y", "model", "objective"),
    [
        (COLUMN, "dense(1, NoConfig())", "validation loss"),
        (COLUMN, "dense(1, total)", "validation loss"),
        (COLUMN, f"dense(1, ['mse'], metrics={LISTED})", "mae"),
        (COLUMN, "dense(1, 'mse', metrics=[worst])", "worst"),
        (COLUMN, "dense(1, 'mse', weighted_metrics=['mae'])", "mae"),
        (COLUMN, "own(OwnTest, 'mse')", "validation loss"),
        (COLUMN, "own(OwnTest, 'mse')", "mine"),
        (COLUMN, "own(OwnSteps)", "mine"),
        ("np.sign(numbers)", "dense(1, 'hinge', activation='tanh')", "validation loss"),
        ("np.abs(x).astype(int) % 2", "dense(6, 'mse')", "validation loss"),
    ],
)
def test_the_value_is_that_of_the_training(studio, study, y, model, objective):
    made = study(y, model, objective)
    [trial] = records.trials(studio.db, made)
    assert trial.state == "COMPLETE", trial.attributes.get("reason")
    found = proof.finish(studio.db, made)["proof"]
    assert found["recorded"] == trial.value
    assert found["reloaded"] == pytest.approx(trial.value, rel=1e-5)


@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("y", "model", "reason"),
    [
        ("numbers", "dense(3, density)", "the model gives 3 numbers per sample, y has 1"),
        (COLUMN, "dense(3, density)", "the model gives 3 numbers per sample, y has 1"),
        ("x[:, :2]", "dense(1, NoConfig())", "the model gives 1 number per sample, y has 2"),
        (
            "np.sign(numbers).astype(int)",
            "dense(1, 'hinge', activation='tanh')",
            "the model was trained on classes -1, 1 as they are, scores need them as 0, 1, …",
        ),
        (
            "classes",
            "dense(9, 'sparse_categorical_crossentropy', activation='softmax')",
            "the model gives 9 numbers per sample, y has 3 classes",
        ),
    ],
)
def test_scores_that_do_not_fit_are_left_out_and_the_value_stands(studio, study, y, model, reason):
    made = study(y, model, folds=2)
    card = proof.finish(studio.db, made)
    found = card["test"]["scores"]
    assert card["proof"]["difference"] <= 1e-5 * abs(card["proof"]["recorded"])
    assert {found["no_scores"], card["out_of_fold"]["no_scores"]} == {reason}
    assert card["proof"]["scores"]["no_scores"] == reason
    assert found["objective"] == "validation loss" and np.isfinite(found["value"])
    said = f"loss {found['value']:.4g}, no scores: {reason}"
    assert score_tables.sentence(found) == said
    read = best.read(studio.db, made)
    assert read.finished and any(said in str(part) for part in best_text.shown(read, full=True))


@pytest.mark.parametrize(
    ("model", "objective", "reason"),
    [
        (
            "dense(1, 'mse')",
            "mean_absolute_error",
            '[study] objective: received "mean_absolute_error", expected one of loss',
        ),
        (
            "dense(1, 'mse')",
            ["validation loss", "mean_absolute_error", "parameters"],
            '[study] objective: received "mean_absolute_error", expected one of loss',
        ),
        (
            "dense(2, 'categorical_crossentropy')",
            "validation loss",
            "its loss doesn't take targets of shape (None, 1) and outputs of shape (None, 2): "
            "ValueError: Arguments `target` and `output` must have the same",
        ),
    ],
)
def test_what_cannot_be_valued_fails_at_its_first_epoch(studio, study, model, objective, reason):
    made = study(COLUMN, model, objective)
    [trial] = records.trials(studio.db, made)
    assert trial.state == "FAIL" and trial.attributes["reason"].startswith(reason)
    assert trial.epochs <= 1


@pytest.mark.parametrize(
    ("loss", "targets", "predictions", "expected"),
    [
        (keras.losses.MeanSquaredError(), [1.0, 3.0], [[2.0], [3.0]], 0.5),
        (keras.losses.BinaryCrossentropy(), [1, 0], [[0.5], [0.5]], np.log(2)),
        (keras.losses.SparseCategoricalCrossentropy(), [1, 0], [[0.5, 0.5]] * 2, np.log(2)),
        (lambda y, p: keras.ops.sum(y - p), [[1.0], [3.0], [3.0]], [[0.0]] * 3, 11 / 3),
    ],
)
def test_batches_count_by_their_samples(loss, targets, predictions, expected):
    y, p = np.array(targets), np.array(predictions, np.float32)
    batches = [(y[start : start + 2], p[start : start + 2]) for start in range(0, len(y), 2)]
    assert valuation.data_loss(loss, batches) == pytest.approx(expected)
