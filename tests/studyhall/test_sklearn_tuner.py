"""KerasTuner's tuner of scikit-learn's models, on our studies."""

from __future__ import annotations

import warnings
from pathlib import Path

import keras_tuner
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.metrics import accuracy_score, log_loss, make_scorer
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import studyhall.keras_tuner as kt
from studyhall.search.evaluation import best
from studyhall.search.scripts import answers, script_proof
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import Database

X, Y = load_iris(return_X_y=True)
WEIGHT = np.random.default_rng(0).uniform(0.5, 2.0, len(Y))
GROUPS = np.arange(len(Y)) % 7
pytestmark = pytest.mark.usefixtures("own_folder")


def build(hp):
    kind = hp.Choice("kind", ["forest", "ridge", "pipeline"])
    if kind == "forest":
        depth = hp.Int("depth", 1, 3)
        return RandomForestClassifier(n_estimators=5, max_depth=depth, random_state=0)
    alpha = hp.Choice("alpha", [0.1, 1.0])
    if kind == "ridge":
        return RidgeClassifier(alpha=alpha)
    return make_pipeline(StandardScaler(), LogisticRegression(C=alpha))


def searched(library, name, data, weights=None, groups=None, **options):
    oracle = library.oracles.GridSearchOracle(
        objective=library.Objective("score", "max"), max_trials=20
    )
    tuner = library.SklearnTuner(
        oracle, build, directory=f"in-{name}", project_name=name, **options
    )
    tuner.search(*data, sample_weight=weights, groups=groups)
    return tuner


def scores(tuner):
    """The scores by what is active: KerasTuner keeps values of what is not."""
    found = {}
    for trial in tuner.oracle.get_best_trials(50):
        values = trial.hyperparameters.values
        active = values["depth" if values["kind"] == "forest" else "alpha"]
        accuracy = trial.metrics.get_best_value("accuracy_score")
        found[values["kind"], active] = trial.score, accuracy
    return found


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weights": WEIGHT, "cv": StratifiedKFold(4)},
        {"groups": GROUPS, "cv": GroupKFold(3), "scoring": make_scorer(accuracy_score)},
    ],
    ids=["plain", "weights", "groups"],
)
def test_scores_are_those_of_keras_tuner(options):
    data = (pd.DataFrame(X), Y) if "groups" in options else (X, Y)
    options = {"metrics": [accuracy_score], **options}
    theirs = searched(keras_tuner, "theirs", data, **options)
    ours = searched(kt, "ours", data, **options)
    expected, found = scores(theirs), scores(ours)
    assert found.keys() == expected.keys() and len(found) == 3 + 2 + 2
    for each, values in found.items():
        assert values == pytest.approx(expected[each])
    a, b = (tuner.get_best_models()[0].predict(X) for tuner in (theirs, ours))
    assert (a == b).mean() > 0.9  # of several equal ones either may be first


def test_the_best_model_is_proven_exported_and_read_only_with_its_checksum():
    def ridge(hp):
        return Ridge(alpha=hp.Float("alpha", 1e-3, 10.0, sampling="log"))

    oracle = kt.oracles.RandomSearch(kt.Objective("score", "max"), max_trials=4, seed=1)
    tuner = kt.SklearnTuner(oracle, ridge, cv=KFold(3, shuffle=True), project_name="ridge")
    tuner.search(X, Y)

    found = tuner.oracle.searched
    db = Database.open(found.url)
    call = tuner._call((X, Y), {"sample_weight": None, "groups": None})
    card = script_proof.prove(db, found, call)
    assert card["proven"] and card["model"] == "model.pickle"
    read = best.read(db, found.study)
    namespace: dict = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(read.folder)
        exec("\n".join(read.load), namespace)
    model = tuner.get_best_models()[0]
    assert np.array_equal(namespace["model"].predict(X), model.predict(X))
    with pytest.raises(ConfigError, match="a model of scikit-learn has no other format"):
        call.convertible(read.trial, Path())
    altered = tuner._call((X, Y[::-1]), {"sample_weight": None, "groups": None})
    assert not script_proof.prove(db, found, altered)["proven"]

    path = answers.model_file(found, read.trial)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ConfigError, match="was altered or cut off"):
        tuner.get_best_models()
    db.close()


def test_what_keras_tuner_refuses_is_refused():
    oracle = kt.oracles.RandomSearch(kt.Objective("score", "max"), max_trials=3)
    with pytest.raises(ValueError, match="executions_per_trial"):
        kt.SklearnTuner(oracle, build, executions_per_trial=2)
    tuner = kt.SklearnTuner(oracle, build, project_name="lists", metrics=log_loss)
    assert tuner.metrics == [log_loss]
    with (
        warnings.catch_warnings(action="ignore"),
        pytest.raises(ConfigError, match=r"numpy\.ndarray"),
    ):
        tuner.search([[1.0]] * 10, [1] * 10)
