"""Choices of the user's own function are shown everywhere, under any name."""

import csv

import pytest

from studyhall.search.diagnosis import advice, findings, refinement
from studyhall.search.display import show
from studyhall.search.evaluation import best
from studyhall.search.study_file.sections import StudyFile
from studyhall.spaces import hyperparameters
from studyhall.storage.queries import records

OWN = """
    import keras

    def build(trial, input_shape, outputs):
        layers = [keras.Input(input_shape)]
        for _ in range(trial.suggest_int("depth", 1, 2)):
            layers.append(keras.layers.Dense(trial.suggest_int("width", 4, 8)))
        layers.append(keras.layers.Dropout(trial.suggest_float("dropout", 0.0, 0.5)))
        trial.suggest_categorical("zoom", [None, "far"])
        model = keras.Sequential([*layers, keras.layers.Dense(outputs, activation="softmax")])
        model.compile(
            trial.suggest_categorical("optimizer", ["adam", "sgd"]),
            "sparse_categorical_crossentropy")
        return model
"""
NAMES = {"depth", "width", "dropout", "zoom", "optimizer"}


@pytest.fixture(scope="module")
def run(shared_studio):
    study = shared_studio.study(OWN, study={"trials": 3}, search={"pruner": "none"}, space={
        "batch_size": 16, "width": None, "learning_rate": None})  # fmt: skip
    shared_studio.finish(study)
    return shared_studio, study, records.trials(shared_studio.db, study)


def test_best_shows_it(run):
    studio, study, _ = run
    found = best.read(studio.db, study)
    assert {*found.chosen} == NAMES | {"batch_size"}
    assert best.to_json(found)["hyperparameters"].keys() >= NAMES
    assert best.to_json(found)["params"].keys() >= NAMES


def test_the_note_of_the_dashboard_shows_it(run):
    studio, study, trials = run
    attributes = studio.db.optuna_storage().get_study_system_attrs(study.study_id)
    for trial in trials:
        note = attributes[f"dashboard:{trial.trial_id}:note_str:0"]
        assert all(name in note for name in NAMES) and "learning_rate" not in note


def test_report_refine_and_csv_show_it(run, tmp_path):
    studio, study, trials = run
    found = findings.read(studio.db, study)
    entries = {each.name: each for each in found.space.entries}
    assert entries.keys() == NAMES | {"batch_size"}
    assert (entries["depth"].low, entries["depth"].high) == (1, 2)
    assert entries["zoom"].choices == (None, "far")
    of = (found.hyperparameters, found.tried)
    text, _ = refinement.study_file(found.stored, "next", *of, 3, None, "resume it")
    for name in NAMES:
        assert f"# {name}, which the code asks for: best trials: " in text
    show.trials_csv(trials, {}, tmp_path / "t.csv")
    with (tmp_path / "t.csv").open() as file:
        assert {*csv.DictReader(file).fieldnames} >= NAMES


def test_only_defaults_are_left_out():
    values = {"depth": 2, "width": 8, "learning_rate": 0.1, "momentum": 0.9}
    shown = hyperparameters.chosen(values, ["momentum"], "mine.py:build")
    assert shown == {"depth": 2, "width": 8, "momentum": 0.9}
    assert hyperparameters.chosen(values, ["momentum"], "mlp") == {"momentum": 0.9}


def test_the_advice_does_not_call_it_fixed():
    file = StudyFile.model_validate({
        "study": {"name": "s"}, "data": {"source": "sklearn:iris"},
        "model": {"family": "mine.py:build"}, "space": {},
    })  # fmt: skip
    said = advice.Remedies(file).against("underfitting", {"width": 8, "depth": 2}, 3)
    assert said[:2] == ["raise width above 8", "raise depth above 2"]
    values = {"learning_rate": 0.1}
    said = advice.Remedies(file).against("unstable", values, 3, asked=["learning_rate"])
    assert said[0] == "lower learning_rate below 0.1"
    assert "fixed" in advice.Remedies(file).against("unstable", values, 3)[0]
