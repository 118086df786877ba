"""A script gives its study: queued and ended trials, attributes, limits, callbacks."""

from __future__ import annotations

import gc
import time
import warnings

import numpy as np
import optuna as plain
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState, create_trial

from studyhall import optuna
from studyhall.search.scripts import alone
from studyhall.storage.database import Database
from studyhall.storage.queries import status
from studyhall.storage.studies import studies

URL = "sqlite:///studyhall.db"
pytestmark = [pytest.mark.usefixtures("own_folder"), pytest.mark.part(8)]
SPACE = {"x": FloatDistribution(-1, 1)}


def square(trial):
    return trial.suggest_float("x", -1, 1) ** 2


def ended(x, **more):
    return create_trial(params={"x": x}, distributions=SPACE, value=x**2, **more)


def again():
    """Nothing that this process remembers of its earlier searches."""
    alone.session._counts.clear()
    optuna.study._created.clear()


def seen(name):
    db = Database.open(URL)
    found = status.status(db, studies.find(db, name))
    db.close()
    return found


def test_added_trials_count_beside_those_of_the_search():
    study = optuna.create_study(study_name="added", sampler=plain.samplers.TPESampler(seed=1))
    study.add_trials([ended(0.5, user_attrs={"seed": 7}, intermediate_values={0: 1.0}), ended(0.1)])
    assert [trial.value for trial in study.trials] == [0.25, pytest.approx(0.01)]
    study.optimize(square, n_trials=3)
    study.add_trial(ended(0.0))
    assert study.best_value == 0.0 and len(study.trials) == 6
    study.optimize(square, n_trials=2)

    assert [trial.number for trial in study.trials] == [*range(8)]
    first = study.trials[0]
    assert first.user_attrs == {"seed": 7} and first.intermediate_values == {0: 1.0}
    assert first.params == {"x": 0.5} and first.distributions == SPACE
    state = seen("added")
    assert state.spent and state.used == state.limit == 8


def test_added_trials_and_queued_ones_are_there_once_however_often_the_script_runs():
    def script():
        again()
        study = optuna.create_study(study_name="once", storage=URL)
        study.add_trial(ended(0.5))
        study.enqueue_trial({"x": 0.25})
        study.optimize(square, n_trials=2)
        study.enqueue_trial({"x": 0.75})
        study.optimize(square, n_trials=2)
        return study

    first, second = script(), script()
    assert [t.params["x"] for t in first.trials] == [t.params["x"] for t in second.trials]
    assert [second.trials[index].params["x"] for index in (0, 1, 3)] == [0.5, 0.25, 0.75]
    assert len(second.trials) == 5


def test_added_trials_of_several_objectives_are_part_of_the_front():
    study = optuna.create_study(directions=["minimize", "maximize"], study_name="front")
    study.add_trial(create_trial(params={"x": 0.5}, distributions=SPACE, values=[-5.0, 9.0]))
    study.optimize(lambda trial: (square(trial), 1.0), n_trials=6)
    assert [trial.number for trial in study.best_trials] == [0]
    with pytest.raises(ValueError, match="received 1 values, expected 2"):
        study.add_trial(ended(0.5))
    with pytest.raises(ValueError, match="received a RUNNING trial"):
        study.add_trial(create_trial(state=TrialState.RUNNING))


def test_a_waiting_trial_is_queued_and_one_that_exists_is_skipped():
    study = optuna.create_study(study_name="waiting")
    study.enqueue_trial({"x": 0.5}, user_attrs={"why": "guess"})
    study.enqueue_trial({"x": 0.5}, skip_if_exists=True)
    waiting = {"fixed_params": {"x": 0.25}}
    study.add_trial(create_trial(state=TrialState.WAITING, system_attrs=waiting))
    seen_attributes = []
    study.optimize(lambda t: seen_attributes.append(t.user_attrs) or square(t), n_trials=3)
    assert [t.params["x"] for t in study.trials][:2] == [0.5, 0.25]
    assert seen_attributes[0] == study.trials[0].user_attrs == {"why": "guess"}
    study.enqueue_trial({"x": 0.25}, skip_if_exists=True)
    study.optimize(square, n_trials=1)
    assert study.trials[3].params["x"] != 0.25


def test_an_objective_and_a_callback_may_queue_and_add_and_stop():
    def objective(trial):
        if trial.number == 0:
            trial.study.enqueue_trial({"x": 0.125})
        if trial.number == 4:
            trial.study.stop()
        return square(trial)

    def after(study, trial):
        if trial.number == 1:
            study.add_trial(ended(0.0))
        study.set_user_attr("last", trial.number)

    study = optuna.create_study(study_name="adapts")
    study.optimize(objective, n_trials=50, callbacks=[after])
    assert study.trials[1].params["x"] == 0.125 and study.trials[2].params["x"] == 0.0
    assert len(study.trials) == 5 and study.user_attrs == {"last": 4}
    study.optimize(square, n_trials=2)  # two more, though the first was stopped
    assert len(study.trials) == 7
    with pytest.raises(RuntimeError, match="for objectives and callbacks"):
        study.stop()


def test_attributes_of_the_study_are_in_the_database_from_its_first_trial_on():
    study = optuna.create_study(study_name="attributes")
    study.set_user_attr("by", ["me"])
    inside = []
    study.optimize(lambda t: inside.append(t.study.user_attrs) or square(t), n_trials=1)
    theirs = plain.study.Study("attributes", URL)
    assert inside == [{"by": ["me"]}] and theirs.user_attrs == {"by": ["me"]}


def test_the_limits_of_two_searches_are_those_of_each():
    study = optuna.create_study(study_name="limits")
    study.optimize(lambda t: time.sleep(0.15) or square(t), n_trials=200, timeout=0.6)
    first = len(study.trials)
    assert 1 <= first <= 5  # a busy machine trains fewer
    study.optimize(square, n_trials=3, timeout=600)
    assert len(study.trials) == first + 3
    study.optimize(lambda t: time.sleep(0.15) or square(t), timeout=0.6)
    assert first + 3 < len(study.trials) <= first + 8


def test_a_longer_time_limit_goes_on_with_a_study_that_ran_out_of_time():
    def script(seconds):
        again()
        study = optuna.create_study(study_name="longer", storage=URL)
        study.optimize(lambda t: time.sleep(0.15) or square(t), n_trials=8, timeout=seconds)
        return len(study.trials)

    assert script(0.4) < 8 and script(60) == 8


@pytest.mark.parametrize("asked", [None, 100, 4])
def test_a_grid_ends_with_its_last_point(asked):
    space = {"x": [0.0, 0.5, 1.0], "y": [1.0, 2.0]}
    study = optuna.create_study(study_name="grid", sampler=plain.samplers.GridSampler(space))
    study.enqueue_trial({"x": 0.25, "y": 1.5})
    study.optimize(lambda t: t.suggest_float("x", 0, 1) + t.suggest_float("y", 0, 2), asked)
    points = [tuple(trial.params.values()) for trial in study.trials]
    assert len({*points}) == len(points) == (asked or 100 if asked == 4 else 7)


def test_constraints_keep_the_sampler_where_they_hold():
    def objective(trial):
        x = trial.suggest_float("x", -10, 10)
        trial.set_user_attr("over", x - 2)  # has to be at most zero
        return -x

    with warnings.catch_warnings(action="ignore"):  # it is deprecated, and still common
        sampler = plain.samplers.TPESampler(
            seed=1, constraints_func=lambda trial: (trial.user_attrs["over"],)
        )
    study = optuna.create_study(study_name="constrained", sampler=sampler)
    study.optimize(objective, n_trials=40)
    late = [trial.params["x"] for trial in study.trials[20:]]
    assert np.mean([x <= 2 for x in late]) > 0.5 and study.best_params["x"] <= 2
    assert study.trials[3].system_attrs["constraints"] == [study.trials[3].user_attrs["over"]]


def test_a_constraint_of_a_trial_keeps_the_sampler_where_it_holds():
    def objective(trial):
        x = trial.suggest_float("x", -10, 10)
        trial.set_constraint("over", x - 2)
        return -x

    study = optuna.create_study(study_name="set", sampler=plain.samplers.TPESampler(seed=1))
    study.optimize(objective, n_trials=40)
    late = [trial.params["x"] for trial in study.trials[20:]]
    assert np.mean([x <= 2 for x in late]) > 0.5 and study.best_params["x"] <= 2


def test_a_constraint_that_fails_fails_its_trial():
    with warnings.catch_warnings(action="ignore"):
        sampler = plain.samplers.TPESampler(constraints_func=lambda trial: [1 / trial.number])
    study = optuna.create_study(study_name="divided", sampler=sampler)
    study.optimize(square, n_trials=2)
    assert [trial.state.name for trial in study.trials] == ["FAIL", "COMPLETE"]


def test_garbage_is_collected_after_each_trial(monkeypatch):
    collected = []
    monkeypatch.setattr(gc, "collect", lambda *which: collected.append(which) or 0)
    study = optuna.create_study(study_name="garbage")
    study.optimize(square, n_trials=2, gc_after_trial=True)
    assert len(collected) >= 2


def test_several_jobs_in_one_process_are_told_of(capsys):
    study = optuna.create_study(study_name="jobs")
    study.optimize(square, n_trials=2, n_jobs=4, show_progress_bar=True)
    assert "n_jobs=4: this process runs one trial at a time" in capsys.readouterr().out
    assert len(study.trials) == 2


def objective_of_kinds(trial):
    trial.suggest_int("n", 1, 5)
    kind = trial.suggest_categorical("kind", ["a", "b", None])
    trial.suggest_float("x", 0, 1)
    if kind == "b":
        trial.suggest_int("only_b", 0, 3)
        trial.set_user_attr("values", [1, 2])  # names that studyhall uses itself
        trial.set_user_attr("seconds", 1.5)
    trial.set_user_attr("note", trial.number)
    trial.report(trial.number / 10, 0)
    if trial.number % 5 == 4:
        raise ValueError("no")
    return trial.params["x"]


ATTRS = [
    {},
    {"attrs": ("number", "state", "user_attrs")},
    {"attrs": ("number", "value", "params", "intermediate_values"), "multi_index": True},
    {"multi_index": True},
]


@pytest.mark.parametrize("asked", ATTRS)
@pytest.mark.parametrize("objectives", [1, 2])
def test_the_table_of_trials_has_the_columns_of_optuna(asked, objectives):
    def objective(trial):
        if objectives == 1:
            return objective_of_kinds(trial)
        return square(trial), float(trial.number)

    if objectives == 2:
        asked = {key: value for key, value in asked.items() if key != "attrs"}
    ways = ["minimize", "maximize"][:objectives]
    frames = []
    for library, name in ((plain, None), (optuna, f"table-{objectives}")):
        sampler = plain.samplers.TPESampler(seed=1, n_startup_trials=4)
        study = library.create_study(directions=ways, sampler=sampler, study_name=name)
        for x in (0.5, 0.25):
            study.enqueue_trial({"x": x, "n": 3, "kind": "b"} if objectives == 1 else {"x": x})
        study.optimize(objective, n_trials=10, catch=(ValueError,))
        frames.append(study.trials_dataframe(**asked))
    theirs, ours = frames
    passing = [column for column in theirs if "tpe:relative_params" in str(column)]
    theirs = theirs.drop(columns=passing)  # which TPE needs only while a trial runs
    assert [*ours.columns] == [*theirs.columns]
    known = [column for column in theirs if "kind" not in column and "only_b" not in str(column)]
    pd.testing.assert_series_equal(ours[known].dtypes, theirs[known].dtypes)
    assert [*ours["number"].squeeze()] == [*range(10)]
