"""Optuna's studies of several objectives, as studies of ours."""

from __future__ import annotations

import uuid

import optuna as plain
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from optuna.trial import TrialState

from studyhall import optuna
from studyhall.search.display import json_keys
from studyhall.search.evaluation import best, pareto
from studyhall.search.report import report
from studyhall.storage.database import Database
from studyhall.storage.queries import records, status
from studyhall.storage.studies import studies

URL = "sqlite:///studyhall.db"
pytestmark = pytest.mark.usefixtures("own_folder")


def two(trial):
    x, y = trial.suggest_float("x", 0, 5), trial.suggest_float("y", 0, 3)
    return 4 * x**2 + 4 * y**2, (x - 5) ** 2 + (y - 5) ** 2


def fixed(points):
    """An objective whose trials have these values."""

    def objective(trial):
        trial.suggest_int("i", 0, 100)
        return points[trial.number]

    return objective


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(*[st.floats(-9, 9, width=32)] * 2), min_size=1, max_size=8), st.data())
def test_the_pareto_front_is_that_of_optuna(points, data):
    ways = data.draw(st.tuples(*[st.sampled_from(["minimize", "maximize"])] * 2))
    theirs = plain.create_study(directions=ways, sampler=plain.samplers.RandomSampler(seed=1))
    theirs.optimize(fixed(points), n_trials=len(points))
    name = f"front-{uuid.uuid4().hex[:8]}"
    ours = optuna.create_study(directions=ways, study_name=name)
    ours.optimize(fixed(points), n_trials=len(points))

    assert [t.values for t in ours.trials] == [[*point] for point in points]
    assert [t.number for t in ours.best_trials] == [t.number for t in theirs.best_trials]
    db = Database.open(URL)
    study = studies.find(db, name)
    front = pareto.front(study, records.trials(db, study))
    db.close()
    assert [t.number for t in front] == [t.number for t in theirs.best_trials]


def test_several_objectives_are_in_tables_status_best_and_report():
    ours = optuna.create_study(directions=["maximize", "minimize"], study_name="seen")
    ours.set_metric_names(["score", "cost"])
    ours.optimize(fixed([(1.0, 5.0), (2.0, 6.0), (0.5, 9.0)]), n_trials=3)

    frame = ours.trials_dataframe()
    assert [*frame["values_score"]] == [1.0, 2.0, 0.5] and "value" not in frame
    assert [t.number for t in ours.best_trials] == [0, 1]
    with pytest.raises(RuntimeError, match="multi-objective"):
        _ = ours.best_trial
    assert ours.metric_names == ["score", "cost"]
    assert ours.directions == [plain.study.StudyDirection.MAXIMIZE, plain.study.StudyDirection(1)]

    db = Database.open(URL)
    study = studies.find(db, "seen")
    state = status.status(db, study)
    told = json_keys.of_study(study, state, {}, pareto=pareto.read(db, study))
    assert told["directions"] == ["maximize", "minimize"] and told["best"]["value"] == 2.0
    assert [each["trial"] for each in told["pareto"]] == [0, 1]
    assert best.to_json(best.read(db, study))["pareto"][1]["objectives"]["value 1"] == 6.0
    assert "Pareto" in report.report(db, study, "md")
    db.close()


def test_the_number_of_values_is_checked_and_no_report_is_taken():
    def objective(trial):
        if trial.number == 0:
            return 1.0
        if trial.number == 1:
            return 1.0, float("nan")
        if trial.number == 2:
            with pytest.raises(NotImplementedError, match="multi-objective"):
                trial.report(1.0, 0)
            with pytest.raises(NotImplementedError, match="multi-objective"):
                trial.should_prune()
            raise plain.TrialPruned
        return 1.0, 2.0

    study = optuna.create_study(directions=["minimize"] * 2, study_name="wrong")
    study.optimize(objective, n_trials=4)
    states = [TrialState.FAIL, TrialState.FAIL, TrialState.PRUNED, TrialState.COMPLETE]
    assert [trial.state for trial in study.trials] == states
    db = Database.open(URL)
    reasons = [r.attributes.get("reason") for r in records.trials(db, studies.find(db, "wrong"))]
    db.close()
    assert "expected 2 numbers, one per objective" in reasons[0] and "finite" in reasons[1]


def test_one_direction_in_a_list_is_one_objective():
    study = optuna.create_study(directions=["maximize"], study_name="single")
    study.optimize(lambda trial: trial.suggest_float("a", 0, 1), n_trials=3)
    assert study.best_value == max(trial.value for trial in study.trials)
    with pytest.raises(ValueError, match="only one of"):
        optuna.create_study(direction="minimize", directions=["minimize"])
    with pytest.raises(ValueError, match="greater than 0"):
        optuna.create_study(directions=[])


def test_the_samplers_of_several_objectives_see_costs_of_all_of_them():
    """By TPE, which learns after five trials; more such trials than random ones are better."""

    def objective(trial):
        x = trial.suggest_float("x", -10, 10)
        return x**2, -((x - 1) ** 2)

    study = optuna.create_study(
        directions=["minimize", "maximize"], sampler=plain.samplers.TPESampler(seed=2)
    )
    study.optimize(objective, n_trials=40)
    tried = [abs(trial.params["x"]) for trial in study.trials]
    assert pd.Series(tried[25:]).median() < pd.Series(tried[:10]).median() / 2


def test_optunas_default_for_several_objectives_is_its_own():
    study = optuna.create_study(directions=["minimize", "minimize"], study_name="default")
    study.optimize(two, n_trials=2)
    db = Database.open(URL)
    assert studies.find(db, "default").config["file"]["search"]["sampler"] == "nsgaii"
    db.close()
