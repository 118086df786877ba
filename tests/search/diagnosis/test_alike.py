"""A verdict measures a trial's losses and what guessing gets in the same way."""

import keras
import numpy as np
import pytest

from studyhall.search.data import baseline
from studyhall.search.diagnosis import best_losses, judging, rules
from studyhall.search.diagnosis.best_losses import Reached
from studyhall.search.diagnosis.conditions import Standard
from studyhall.search.diagnosis.evidence import measure
from studyhall.search.diagnosis.judging import Judge
from studyhall.search.study.record import stored
from studyhall.search.trial import compiled_loss
from studyhall.storage.queries import records

pytestmark = pytest.mark.part(14)

NOTHING = "nothing is learned"
EPOCHS = np.arange(1, 21)


def save_imbalanced(folder, signal, classes, rows=1500):
    """A table in which one row of twenty is of the last class, with so much to see in it."""
    rng = np.random.default_rng(0)
    rare = rng.random(rows) < 0.05
    y = np.where(rare, classes - 1, rng.integers(0, classes - 1, rows))
    x = rng.normal(size=(rows, 4)) + signal * np.eye(4)[y]
    np.savez(folder / "few.npz", x=x.astype("f4"), y=y)


def judged(studio, signal, classes=2, epochs=12, engine="auto", rows=1500, **space):
    """Every trial of a grid over the ways to weigh classes and smooth labels, and its verdict."""
    save_imbalanced(studio.folder, signal, classes, rows)
    ways = {"class_weights": ["none", "balanced"], "label_smoothing": [0.0, 0.2]}
    study = studio.study(
        study={"trials": 4, "objective": "roc_auc"},
        data={"source": "few.npz"},
        training={"epochs": epochs, "patience": "none", "engine": engine},
        space={"width": 16, "learning_rate": 0.003, **ways, **space},
        search={"sampler": "grid", "pruner": "none"},
    )
    studio.finish(study)
    trials = records.trials(studio.db, study)
    assert [trial.state for trial in trials] == ["COMPLETE"] * 4
    found = judging.of_study(studio.db, study, trials)
    return [(trial, found[trial.number]) for trial in trials]


@pytest.mark.sampled(1)
@pytest.mark.parametrize("classes", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_who_has_learned_is_never_told_otherwise_however_classes_are_weighed(studio, classes):
    for trial, verdict in judged(studio, 2.0, classes):
        assert trial.value > 0.9
        assert verdict.name in (rules.GOOD, rules.UNDERFIT, rules.CUT_SHORT)
        assert NOTHING not in verdict.shows


@pytest.mark.parametrize("rate", [0.003, 0.3])
def test_who_has_learned_nothing_is_never_called_good(studio, rate):
    for trial, verdict in judged(studio, 0.0, learning_rate=rate):
        assert trial.value < 0.6
        assert verdict.name in (rules.UNDERFIT, rules.UNSTABLE, rules.CUT_SHORT)


@pytest.mark.slow
def test_where_keras_fit_measures_them_differently_the_gap_is_not_judged(studio):
    for trial, verdict in judged(studio, 2.0, epochs=4, engine="keras", rows=400):
        values = trial.attributes["values"]
        weighted, smoothed = values["class_weights"] == "balanced", values["label_smoothing"] > 0
        said = "the training loss is " + " and ".join(
            [*["weighted by class"] * weighted, *["of smoothed labels"] * smoothed]
        )
        assert (said in verdict.shows) == (weighted or smoothed)
        assert (verdict.evidence.to_json()["gap"] is None) == (weighted or smoothed)
        assert (verdict.quadrant is None) == (weighted or smoothed)


@pytest.fixture(scope="module")
def study(shared_studio):
    """A study of an imbalanced table without a trial."""
    save_imbalanced(shared_studio.folder, 1.0, 2)
    return shared_studio.study(data={"source": "few.npz"}, space={"learning_rate": 0.1})


def curves(level, jitter=0.004, **metrics):
    losses = level * (1 + jitter * (-1) ** EPOCHS)
    return [{"epoch": int(e), "loss": x, "val_loss": x, **metrics}
            for e, x in zip(EPOCHS, losses, strict=True)]  # fmt: skip


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weights", ["none", "balanced"])
def test_curves_that_stay_where_guessing_is(study, weights, smoothing):
    """The loss of guessing is that of the constant answer to which this very training leads."""
    values = {"class_weights": weights, "label_smoothing": smoothing}
    about = stored(study).inspection.about
    unit = baseline.of_trial(about, "auto", values)
    share = about["class_shares"][1]
    answer = 0.5 if weights == "balanced" else share * (1 - smoothing) + smoothing / 2
    y = (np.arange(10_000) < 10_000 * share).astype("f4")[:, None]
    constant = np.full_like(y, answer)
    assert unit == pytest.approx(float(keras.losses.BinaryCrossentropy()(y, constant)), rel=1e-2)
    judge, attributes = Judge(stored(study)), {"values": values}
    assert NOTHING in judge.verdict("COMPLETE", curves(unit), attributes, {}).shows
    half = judge.verdict("COMPLETE", curves(unit / 2), attributes, {})
    assert NOTHING not in half.shows
    ranks = judge.verdict("COMPLETE", curves(unit, val_roc_auc=0.9), attributes, {})
    assert NOTHING not in ranks.shows  # its probabilities are off, its order is not
    answers = judge.verdict("COMPLETE", curves(unit, val_accuracy=1.0), attributes, {})
    assert NOTHING not in answers.shows


def test_a_weighted_trial_is_not_behind_one_without_weights(study):
    others = [Reached("none", [0.05], 0.04), Reached("balanced", [0.14], 0.1)]
    judge = Judge(stored(study), others)
    falling = [{"epoch": int(e), "loss": 0.15 + 0.5**e, "val_loss": 0.15 + 0.5**e} for e in EPOCHS]
    balanced = judge.verdict("COMPLETE", falling, {"values": {"class_weights": "balanced"}}, {})
    plain = judge.verdict("COMPLETE", falling, {"values": {"class_weights": "none"}}, {})
    assert (balanced.name, plain.name) == (rules.GOOD, rules.UNDERFIT)


def test_a_fold_is_measured_against_the_same_fold(study):
    """The second fold is harder for every trial, not for this one alone."""
    hard = [{"epoch": int(e), "fold": fold, "loss": loss + 0.5**e, "val_loss": loss + 0.5**e}
            for fold, loss in ((0, 0.01), (1, 0.06)) for e in EPOCHS]  # fmt: skip
    judge = Judge(stored(study), [Reached("none", [0.01, 0.06])])
    assert judge.verdict("COMPLETE", hard, {"values": {}}, {}).name == rules.GOOD
    assert judge.verdict("COMPLETE", hard, {"values": {}}, {}).confidence > 0.7
    assert Reached("none", [0.01, 0.06]).of_part(1) == 0.06
    assert best_losses.least_losses(hard)[best_losses.LEAST] == pytest.approx(
        [0.01, 0.06], abs=1e-4
    )


OWN = """
    import keras

    def build(trial, input_shape, outputs):
        model = keras.Sequential([keras.Input(input_shape), keras.layers.Dense(3, "softmax")])
        model.compile("sgd", {loss})
        return model
"""


@pytest.mark.parametrize(
    ("loss", "unit"),
    [
        ("'sparse_categorical_crossentropy'", np.log(3)),
        ("keras.losses.SparseCategoricalCrossentropy(from_logits=False)", np.log(3)),
        ("lambda y, p: -keras.ops.max(p, axis=-1)", None),
    ],
)
def test_a_loss_of_the_users_own_has_no_loss_of_guessing(studio, loss, unit):
    study = studio.study(
        OWN.replace("{loss}", loss), study={"trials": 1}, training={"epochs": 8},
        space={"width": None, "learning_rate": None},
    )  # fmt: skip
    studio.finish(study)
    (trial,) = trials = records.trials(studio.db, study)
    found = judging.of_trial(studio.db, study, trials, trial)
    assert trial.attributes["own_loss"] == (
        "unknown" if unit is None else "sparse_categorical_crossentropy"
    )
    assert found.evidence.guess_loss == (None if unit is None else pytest.approx(unit, abs=1e-3))
    assert (found.quadrant is None) == (unit is None)
    if unit is None:
        assert "guessing" not in found.shows and found.name != rules.UNDERFIT


def test_losses_below_nothing_have_shapes_too():
    """Minus a likelihood: nobody knows where its nothing is, but a rise is a rise."""
    falling = -3 + 4 * 0.7**EPOCHS
    rows = [{"epoch": int(e), "loss": x - 0.01 * e, "val_loss": x + 0.1 * max(0, e - 10)}
            for e, x in zip(EPOCHS, falling, strict=True)]  # fmt: skip
    evidence = measure(rows, None)
    assert evidence.unit > 0 and evidence.guess_loss is None and evidence.gap > 0
    assert rules.judge(evidence, Standard()).verdict == rules.TOO_LONG


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        ("mse", "mean_squared_error"),
        (keras.losses.Huber(), "huber"),
        (keras.losses.Huber(delta=5.0), "unknown"),
        (keras.losses.BinaryCrossentropy(from_logits=True), "binary_crossentropy"),
        (keras.losses.BinaryCrossentropy(label_smoothing=0.1), "unknown"),
        (keras.losses.mean_absolute_error, "mean_absolute_error"),
        (lambda y, predicted: predicted, "unknown"),
        (["mse"], "unknown"),
        (None, "unknown"),
    ],
)
def test_a_loss_of_keras_as_it_comes_is_known_again(loss, name):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(loss=loss)
    assert compiled_loss.own_loss(model) == name


def test_a_step_of_ones_own_may_measure_anything():
    class Own(keras.Sequential):
        def train_step(self, data):
            return {}

    model = Own([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(loss="mse")
    assert compiled_loss.own_loss(model) == compiled_loss.UNKNOWN
