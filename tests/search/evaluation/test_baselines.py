"""Baselines beside the network: on the same rows, by the same measures, computed once."""

import io
import json

import pytest
from sklearn import metrics
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from studyhall.search.data import loading
from studyhall.search.diagnosis import findings
from studyhall.search.display.terminal import Literal
from studyhall.search.evaluation import baseline_text, best, best_text, proof
from studyhall.search.report import content as reporting
from studyhall.search.report import markdown
from studyhall.search.study import record
from studyhall.storage.studies import studies

pytestmark = pytest.mark.part(5)

CANCER = {
    "study": {"name": "cancer", "trials": 1},
    "data": {"source": "sklearn:breast_cancer"},
    "space": {"width": 2, "learning_rate": 1e-3},
    "training": {"epochs": 1},
}


@pytest.fixture(scope="module")
def cancer(shared_studio):
    """A study whose network has learned hardly anything."""
    study = shared_studio.study(**CANCER)
    shared_studio.finish(study)
    proof.finish(shared_studio.db, study)
    return study


def stored(studio, study):
    return studies.facts(studio.db, study)[best.BASELINES]


def by_name(told):
    return {each["name"]: each for each in told["models"]}


def shown(found):
    console = Literal(width=200, record=True, file=io.StringIO())
    for part in best_text.shown(found, full=True):
        console.print(part)
    return console.export_text()


def test_the_trees_are_those_of_the_same_rows(shared_studio, cancer):
    data = loading.of_file(record.stored(cancer).file, shared_studio.folder, cancer.seed)
    x = {part: data.preparation.apply(getattr(data, part).x)
         for part in ("train", "validation", "test")}  # fmt: skip
    with threadpool_limits(1):
        model = HistGradientBoostingClassifier(random_state=cancer.seed)
        model.fit(x["train"], data.train.y)
    found = by_name(stored(shared_studio, cancer))["gradient-boosted trees"]
    for part in ("validation", "test"):
        y, shares = getattr(data, part).y, model.predict_proba(x[part])
        wanted = {
            "accuracy": metrics.accuracy_score(y, shares.argmax(axis=1)),
            "f1": metrics.f1_score(y, shares.argmax(axis=1), average="macro"),
            "roc_auc": metrics.roc_auc_score(y, shares[:, 1]),
        }
        assert found[part] == pytest.approx(wanted)
    loss = metrics.log_loss(data.validation.y, model.predict_proba(x["validation"]))
    assert found["value"] == pytest.approx(loss, rel=1e-3)


def test_guessing_has_the_baseline_loss(shared_studio, cancer):
    known = record.stored(cancer).inspection.about["guess_loss"]
    guess = by_name(stored(shared_studio, cancer))["guessing"]
    assert guess["value"] == pytest.approx(known, rel=0.05)  # of the training part
    assert guess["test"]["roc_auc"] == 0.5


def test_a_network_that_trees_beat_is_told_so_everywhere(shared_studio, cancer):
    found = best.read(shared_studio.db, cancer)
    line = "the network does not beat gradient-boosted trees on the test set: accuracy 0."
    assert f"baselines  {line}" in shown(found)
    told = json.loads(json.dumps(best.to_json(found)))["baselines"]
    assert told["summary"][0].startswith(line)
    network, trees = told["models"][0], by_name(told)["gradient-boosted trees"]
    assert (
        network["name"] == "the network" and network["test"]["accuracy"] < trees["test"]["accuracy"]
    )
    assert network["value"] == found.trial.value
    text = markdown.text(
        reporting.gather(shared_studio.db, findings.read(shared_studio.db, cancer))
    )
    assert "## Baselines" in text and line in text.partition("## Baselines")[2]


def test_they_are_computed_once(shared_studio, cancer):
    before = stored(shared_studio, cancer)
    proof.finish(shared_studio.db, cancer, again=True)
    assert stored(shared_studio, cancer) == before


def test_folds_are_valued_as_those_of_the_network(studio):
    study = studio.study(data={"source": "sklearn:iris", "folds": 3}, study={"trials": 1})
    studio.finish(study)
    proof.finish(studio.db, study)
    found = by_name(stored(studio, study))
    told = best.read(studio.db, study).baselines
    assert told["models"][0]["validation"]["accuracy"] is not None
    data = loading.of_file(record.stored(study).file, studio.folder, study.seed)
    assert (
        len(data.folds) == 3 and 0.8 < found["logistic regression"]["validation"]["accuracy"] <= 1
    )


def test_numbers_and_a_metric_of_theirs(studio):
    study = studio.study(
        study={"trials": 1, "objective": "root_mean_squared_error"},
        data={"source": "sklearn:diabetes"},
    )
    studio.finish(study)
    proof.finish(studio.db, study)
    found = by_name(stored(studio, study))
    assert {*found} == {"gradient-boosted trees", "linear regression", "guessing"}
    for each in found.values():
        assert each["value"] == pytest.approx(each["validation"]["rmse"], rel=1e-4)
    assert found["linear regression"]["value"] < found["guessing"]["value"]


def test_a_metric_is_measured_as_the_networks(studio):
    study = studio.study(
        study={"trials": 1, "objective": "f1_macro"},
        space={"width": 4, "learning_rate": 1e-3, "class_weights": "balanced"},
    )
    studio.finish(study)
    proof.finish(studio.db, study)
    assert stored(studio, study)["key"]["balanced"]
    for each in by_name(stored(studio, study)).values():
        assert each["value"] == pytest.approx(each["validation"]["f1"], abs=1e-5)


def test_pictures_are_guessed_only_and_that_is_said(studio):
    study = studio.study(
        study={"trials": 1},
        data={"source": "sklearn:digits", "samples": 300},
        training={"epochs": 1},
    )
    studio.finish(study)
    proof.finish(studio.db, study)
    said = "not computed: gradient-boosted trees and logistic regression (pictures)"
    assert said in shown(best.read(studio.db, study))
    assert by_name(stored(studio, study))["guessing"]["test"]["accuracy"] < 0.3


def test_a_model_of_ones_own_is_compared_by_its_scores(studio):
    code = """
        import keras

        def build(trial, input_shape, outputs):
            layers = [keras.Input(input_shape), keras.layers.Dense(outputs, activation="softmax")]
            return keras.Sequential(layers)
    """
    study = studio.study(code, study={"trials": 1}, space={"width": None, "learning_rate": None})
    studio.finish(study)
    proof.finish(studio.db, study)
    trees = by_name(stored(studio, study))["gradient-boosted trees"]
    assert trees["value"] is None and trees["test"]["accuracy"] > 0.8
    assert "gradient-boosted trees  –" in shown(best.read(studio.db, study))


SCORES = {"task": "binary", "accuracy": 0.9, "macro": {"f1": 0.8, "roc_auc": 0.7}}


def compared(network, **others):
    models = [
        {
            "name": name,
            "value": 0.1,
            "validation": {},
            "test": dict(zip(("accuracy", "f1"), each, strict=True)),
        }
        for name, each in others.items()
    ]
    scores = {
        "task": "binary",
        "accuracy": network[0],
        "macro": {"f1": network[1], "roc_auc": None},
    }
    return baseline_text.beside({"models": models}, 0.2, scores, scores)["summary"]


BEATS = "the network beats trees and guessing on the test set"


@pytest.mark.parametrize(
    ("trees", "guessing", "line"),
    [
        ((0.8, 0.7), (0.5, 0.3), BEATS),
        ((0.8, 0.7), (0.9, 0.3), BEATS),  # the most frequent class, no more
        ((0.8, 0.75), (0.9, 0.3), "not beat trees on the test set: mean F1 0.75 against 0.75"),
        (
            (0.8, 0.7),
            (0.9, 0.8),
            "not beat guessing on the test set: accuracy 0.9 against 0.9, mean F1 0.75 against 0.8",
        ),
    ],
)
def test_what_is_not_beaten_is_said(trees, guessing, line):
    assert compared((0.9, 0.75), trees=trees, guessing=guessing) == [
        line if line == BEATS else f"the network does {line}"
    ]


def test_a_network_that_is_by_chance_ahead_in_one_of_three_measures_does_not_beat_guessing():
    models = [
        {"name": "guessing", "value": 2.3, "validation": part, "test": part}
        for part in [{"accuracy": 0.10028, "f1": 0.018228, "roc_auc": 0.5}]
    ]
    means = {"f1": 0.018274, "roc_auc": 0.49973}
    scores = {"task": "multiclass", "accuracy": 0.10028, "macro": means}
    said = baseline_text.beside({"models": models}, 2.375, scores, scores)["summary"]
    assert [line.split(":")[0] for line in said] == [
        "the network does not beat guessing on the test set"
    ]
    better = {**scores, "macro": {"f1": 0.5, "roc_auc": 0.8}}  # as accurate as the commonest class
    assert (
        "the network beats guessing on the test set"
        in baseline_text.beside({"models": models}, 2.2, better, better)["summary"]
    )


def test_without_stored_baselines_nothing_is_said():
    assert baseline_text.beside(None, 0.2, SCORES, SCORES) is None
