"""What a KerasTuner script asks its tuner, oracle and trials for, beside and after its search."""

from __future__ import annotations

import pathlib
from typing import ClassVar

import keras
import keras_tuner
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import studyhall.keras_tuner as kt
from studyhall.keras_tuner.metrics_tracking import MetricsTracker
from studyhall.keras_tuner.trial import Trial
from studyhall.search.study_file.config_error import ConfigError

pytestmark = pytest.mark.part(9)

X = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
Y = X.sum(1)


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """A folder and a database of one test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STUDYHALL_STORAGE", raising=False)


def build(hp):
    layers = [keras.Input((3,)), keras.layers.Dense(hp.Int("units", 2, 9)), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile("adam", "mse", metrics=["mae"])
    return model


class Line(kt.RandomSearch):
    """A search without a model, that fails as `errors` says: by trial number."""

    errors: ClassVar[dict[int, Exception]] = {}

    def run_trial(self, trial, *args, **kwargs):
        value = trial.hyperparameters.Float("a", 0.0, 1.0)
        if int(trial.trial_id) in self.errors:
            raise self.errors[int(trial.trial_id)]
        return value


reports = st.lists(
    st.tuples(
        st.sampled_from(["val_loss", "val_accuracy", "mine"]),
        st.floats(-9, 9) | st.just(float("nan")),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=8,
)


@given(reports)
@settings(max_examples=100, deadline=None)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_metrics_answer_as_those_of_keras_tuner(reported):
    kinds = keras_tuner.src.engine.metrics_tracking.MetricsTracker, MetricsTracker
    theirs, ours = (kind() for kind in kinds)
    for each in reported:
        theirs.update(*each)
        ours.update(*each)
    np.testing.assert_equal(ours.get_config(), theirs.get_config())
    again = [kind.from_config(ours.get_config()) for kind in kinds]
    for told, mine in ((theirs, ours), again):
        for name in told.metrics:
            for ask in ("best_value", "last_value", "statistics", "direction", "best_step"):
                expected = getattr(told, f"get_{ask}")(name)
                np.testing.assert_equal(getattr(mine, f"get_{ask}")(name), expected)
    assert not ours.exists("other")
    with pytest.raises(ValueError, match="Unknown metric: other"):
        ours.get_history("other")


def test_a_search_with_several_executions_tells_what_keras_tuner_tells():
    arguments = {"objective": "val_loss", "max_trials": 2, "executions_per_trial": 2, "seed": 1}
    told = []
    for module in (keras_tuner, kt):
        name = module.__name__.rpartition(".")[2]
        tuner = module.RandomSearch(build, directory=name, project_name=name + "x", **arguments)
        tuner.search(X, Y, epochs=3, validation_data=(X, Y), verbose=0)
        trial = tuner.oracle.get_best_trials()[0]
        (observation,) = trial.metrics.get_history("val_mae")
        state = trial.get_state()
        told.append([
            trial.best_step, observation.step, len(observation.value), sorted(state),
            sorted(state["metrics"]["metrics"]), sorted(tuner.oracle.hyperparameters.values),
            len(tuner.oracle.start_order), len(tuner.oracle.end_order),
            tuner.oracle.ongoing_trials, tuner.get_state(), tuner.remaining_trials,
        ])  # fmt: skip
        assert module.engine.trial.Trial.from_state(state).get_state() == state
    assert told[0] == told[1] and told[0][0] == 2
    assert set(tuner.oracle.get_state()) >= {"start_order", "end_order", "hyperparameters"}
    assert tuner.oracle.get_state()["start_order"] == tuner.oracle.start_order == ["00", "01"]
    assert isinstance(Trial.from_state(state).hyperparameters, kt.HyperParameters)


def test_failed_trials_are_told_with_their_reason_behind_the_others(capsys):
    Line.errors = {1: kt.errors.FailedTrialError("too small")}
    tuner = Line(max_trials=3, project_name="line")
    tuner.search()
    tuner.results_summary()
    said = capsys.readouterr().out
    assert "too small" in said.partition("Showing 10 best trials")[2]
    statuses = [each.status for each in tuner.oracle.get_best_trials(10)]
    assert statuses == ["COMPLETED", "COMPLETED", "FAILED"]
    assert [each.status for each in tuner.oracle.get_best_trials(2)] == ["COMPLETED"] * 2


@pytest.mark.parametrize("kind", ["FatalError", "FatalValueError", "FatalTypeError"])
def test_a_fatal_error_ends_the_search_and_is_recorded(kind):
    Line.errors = {1: getattr(kt.errors, kind)("the disk is missing")}
    tuner = Line(max_trials=5, project_name="fatal")
    with pytest.raises(ConfigError, match=r"trial 1 ended the search: .*the disk is missing"):
        tuner.search()
    found = Line(max_trials=5, project_name="fatal").oracle.trials
    assert [each.status for each in found.values()] == ["COMPLETED", "FAILED"]
    assert "the disk is missing" in found["01"].message


def test_a_tuner_of_the_same_project_finds_its_study_again(capsys):
    Line.errors = {}
    arguments = {"objective": "val_loss", "max_trials": 2, "project_name": "again"}
    new = kt.RandomSearch(build, **arguments)
    assert new.oracle.trials == {} and new.remaining_trials == 2
    with pytest.raises(ConfigError, match="has not searched yet"):
        new.get_best_hyperparameters()
    tuner = kt.RandomSearch(build, **arguments)
    tuner.search(X, Y, epochs=1, validation_data=(X, Y), verbose=0)
    for found in (new, kt.RandomSearch(build, **arguments)):
        found.reload()
        assert found.get_best_hyperparameters()[0].values == (
            tuner.get_best_hyperparameters()[0].values
        )
        assert found.oracle.trials.keys() == tuner.oracle.trials.keys()
        assert len(found.get_best_models(5)) == 2 and found.remaining_trials == 0
    lazy = kt.RandomSearch(build, **arguments)  # KerasTuner reloads by itself
    lazy.results_summary()
    assert "Score" in capsys.readouterr().out and len(lazy.oracle.trials) == 2
    anew = kt.RandomSearch(build, overwrite=True, **arguments)
    assert anew.oracle.trials == {} and anew.remaining_trials == 2


def test_an_oracle_of_ones_own_is_refused_before_anything_is_written():
    class Mine(kt.Oracle):
        def populate_space(self, trial_id):
            return {"status": "RUNNING", "values": {"units": 4}}

    tuner = kt.Tuner(Mine("val_loss", max_trials=2), build, project_name="own")
    with pytest.raises(ConfigError, match="Mine with populate_space of its own"):
        tuner.search(X, Y)

    class Scores(kt.oracles.RandomSearch):
        def score_trial(self, trial):
            trial.score = 0.0

    with pytest.raises(ConfigError, match="Scores with score_trial of its own"):
        kt.Tuner(Scores("val_loss"), build)
    assert [*pathlib.Path.cwd().iterdir()] == []


def test_new_entries_are_refused_where_the_script_does_not_allow_them():
    hp = kt.HyperParameters()
    hp.Int("units", 2, 3)
    arguments = {"hyperparameters": hp, "allow_new_entries": False}
    kt.RandomSearch(build, "val_loss", **arguments)
    with pytest.raises(ConfigError, match="the builder declares rate, expected only those"):
        kt.RandomSearch(lambda hp: (hp.Float("rate", 0, 1), build(hp))[1], "val_loss", **arguments)


def test_several_objectives_are_told_as_by_keras_tuner():
    objective = ["val_loss", keras_tuner.Objective("val_accuracy", "max")]
    theirs = keras_tuner.src.engine.objective.create_objective(objective)
    ours = kt.engine.objective.create(["val_loss", kt.Objective("val_accuracy", "max")])
    assert str(ours) == str(theirs)


@pytest.mark.slow
def test_hyperband_tells_the_epochs_and_the_rungs_of_its_trials():
    tuner = kt.Hyperband(build, "val_loss", max_epochs=4, factor=2, seed=1, project_name="rungs")
    tuner.search(X, Y, validation_data=(X, Y), verbose=0)
    brackets = set()
    for trial in tuner.oracle.trials.values():
        hp = trial.hyperparameters
        epochs, bracket, passed = (hp[f"tuner/{key}"] for key in ("epochs", "bracket", "round"))
        assert hp.values["tuner/initial_epoch"] == 0 and passed <= bracket <= 2
        assert epochs == 4 // 2 ** (bracket - passed)
        assert (trial.status == "STOPPED") or epochs == 4
        brackets.add(bracket)
    assert brackets == {0, 1, 2}
    best = tuner.get_best_hyperparameters()[0]
    tuner.hypermodel.build(best).fit(X, Y, epochs=best["tuner/epochs"], verbose=0)
