"""Studies of another objective than the validation loss, and of several."""

import base64
import json
import math
import re

import numpy as np
import optuna
import optuna_dashboard
import pytest

from studyhall.search.cli import status as questions
from studyhall.search.diagnosis import findings
from studyhall.search.display import live, words
from studyhall.search.evaluation import best, best_text, pareto, proof
from studyhall.search.report import content
from studyhall.search.report import report as page
from studyhall.search.study_file import config
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.trial.context import Outcome
from studyhall.storage.queries import records, status
from studyhall.storage.studies import studies
from studyhall.storage.trials import control
from tests.search.trial.test_objective import LONG, curve, trials
from tests.stop_after import StopAfter

pytestmark = pytest.mark.part(6)


def optunas(studio, study):
    return optuna.load_study(study_name=study.name, storage=studio.db.optuna_storage())


@pytest.mark.sampled(1)
@pytest.mark.parametrize("engine", ["auto", "keras"])
def test_a_trials_value_is_the_objective_at_its_best_epoch(studio, engine):
    study = studio.study(
        study={"objective": "f1_macro", "trials": 3},
        training={"epochs": 5, "patience": 3, "engine": engine},
    )
    studio.finish(study)
    found = trials(studio, study)
    for trial in found:
        rows = curve(studio, trial)
        scores = [metrics["val_f1_macro"] for _, _, _, metrics in rows]
        assert trial.value == max(scores) > 0
        assert scores[trial.best_epoch - 1] == trial.value
        assert trial.attributes["metrics"] == rows[trial.best_epoch - 1][3]
    winner = max(found, key=lambda trial: (trial.value, -trial.number))
    now = status.status(studio.db, study)
    assert (now.incumbent.number, now.incumbent.value) == (winner.number, winner.value)
    theirs = optunas(studio, study)
    assert theirs.direction.name == "MAXIMIZE" and theirs.metric_names == ["f1_macro"]
    assert theirs.best_value == winner.value
    reports = theirs.trials[winner.number].intermediate_values
    assert max(reports.values()) == winner.value
    card = proof.finish(studio.db, study)
    assert card["trial"] == winner.number and card["proof"]["recorded"] == winner.value
    assert card["proof"]["difference"] < 1e-6
    f1 = card["proof"]["scores"]["macro"]["f1"]
    assert f1 == pytest.approx(winner.value, abs=1e-6)


def test_continued_and_whole_are_equal_and_the_poor_are_pruned(studio):
    """With several folds, and patience and pruning by the objective."""
    search = {"pruner": "median", "pruner_startup_trials": 1, "first": "none", "sampler": "grid"}
    about = {
        "data": {"folds": 2},
        "training": LONG,
        "search": search,
        "space": {"learning_rate": [0.1, 1e-9], "optimizer": "adam"},
    }
    named = {"objective": "accuracy", "trials": 4}
    whole, broken = (studio.study(study={"name": n, **named}, **about) for n in ("whole", "broken"))
    outcomes = studio.finish(whole)
    objective = studio.worker(broken, StopAfter(4))
    assert objective.run(objective.context.store.claim()) is Outcome.HANDED_BACK
    waiting = trials(studio, broken)[0]
    assert 0 < waiting.value <= 1
    assert studio.finish(broken) == outcomes and Outcome.PRUNED in outcomes
    one, other = (trials(studio, study) for study in (whole, broken))
    assert [t.value for t in one] == [t.value for t in other]
    assert [curve(studio, t) for t in one] == [curve(studio, t) for t in other]
    complete = [trial for trial in one if trial.state == "COMPLETE"]
    pruned = [trial for trial in one if trial.state == "PRUNED"]
    assert max(t.value for t in pruned) <= max(t.value for t in complete)
    best_of_all = max(complete, key=lambda trial: trial.value)
    folds = best_of_all.attributes["folds"]
    assert best_of_all.value == pytest.approx(np.mean(folds)) and min(folds) > 0


def test_what_is_shown_names_the_objective(studio):
    study = studio.study(study={"objective": "roc_auc", "trials": 3})
    studio.finish(study)
    found = findings.read(studio.db, study)
    assert found.optuna.direction.name == "MAXIMIZE"
    assert [t.value for t in found.complete] == sorted(
        (t.value for t in found.trials), reverse=True
    )
    gathered = content.gather(studio.db, found)
    assert gathered["status"]["objective"] == "roc_auc"
    assert gathered["status"]["directions"] == ["maximize"]
    assert "is the best: roc_auc 0." in gathered["summary"][0]
    first = str(best_text.shown(best.read(studio.db, study))[1])
    assert f"roc_auc {words.number(found.complete[0].value)} at epoch" in first
    assert studies.of_trial(studio.db, found.trials[0].trial_id) == study  # whose curves it draws
    assert studies.of_trial(studio.db, 12345) is None
    lines = live.picture("x", status.status(studio.db, study)).renderables
    assert "best  roc_auc 0." in str(lines[1])


OWN = """
    import keras

    def build(trial, input_shape, outputs):
        model = keras.Sequential([keras.Input(input_shape), keras.layers.Dense(3, "softmax")])
        metric = keras.metrics.SparseCategoricalAccuracy(name="hits")
        model.compile("adam", "sparse_categorical_crossentropy", metrics=[metric])
        return model
"""


def test_a_metric_of_the_users_own_model(studio):
    about = {"space": {"width": None, "learning_rate": None}}
    named = {"objective": "hits", "direction": "maximize", "trials": 1}
    study = studio.study(OWN, study=named, **about)
    assert studio.finish(study) == [Outcome.COMPLETE]
    (trial,) = trials(studio, study)
    assert trial.value == max(m["val_hits"] for *_, m in curve(studio, trial))
    assert proof.finish(studio.db, study)["proof"]["difference"] < 1e-6
    other = studio.study(OWN, study={**named, "name": "other", "objective": "misses"}, **about)
    assert studio.finish(other) == [Outcome.FAILED]
    (failed,) = trials(studio, other)
    assert failed.attributes["reason"] == (
        '[study] objective: received "misses", expected one of loss, hits'
    )


@pytest.mark.sampled(1)
@pytest.mark.parametrize("sampler", ["tpe", "nsgaii", "random"])
def test_several_objectives_have_a_pareto_front(studio, sampler):
    named = ["validation loss", "parameters", "accuracy", "latency"]
    study = studio.study(
        study={"objective": named, "trials": 14},
        training={"epochs": 2},
        search={"pruner": "auto", "sampler": sampler, "startup_trials": 4},
        space={"width": {"low": 2, "high": 64, "log": True}},
    )
    outcomes = studio.finish(study)
    assert {*outcomes} == {Outcome.COMPLETE}
    found = trials(studio, study)
    theirs = optunas(studio, study)
    assert [each.name for each in theirs.directions] == [
        "MINIMIZE", "MINIMIZE", "MAXIMIZE", "MINIMIZE"
    ]  # fmt: skip
    for trial, other in zip(found, theirs.trials, strict=True):
        values = trial.attributes["objectives"]
        assert [*values] == named and [*values.values()] == other.values
        assert values["validation loss"] == trial.value
        assert values["parameters"] == trial.attributes["parameters"]
        assert values["accuracy"] == trial.attributes["metrics"]["val_accuracy"]
        assert 0 < values["latency"] < 1000
    front = [trial.number for trial in pareto.front(study, found)]
    assert front == [trial.number for trial in theirs.best_trials] and front
    shown = best.read(studio.db, study)
    assert [each["trial"] for each in best.to_json(shown)["pareto"]] == front
    assert shown.trial.value == min(trial.value for trial in found)
    gathered = content.gather(studio.db, findings.read(studio.db, study))
    assert f"the Pareto front: {', '.join(map(str, front))}." in " ".join(gathered["summary"])
    assert "is the best in the first objective: validation loss" in gathered["summary"][0]
    note = optuna_dashboard.get_note(optuna.Trial(theirs, theirs.trials[3]._trial_id))
    assert f"With parameters {found[3].attributes['parameters']}, accuracy " in note
    assert re.search(r", latency [\d.e-]+ ms\.", note)
    assert pareto.rows(gathered["status"]["pareto"])[0] == ["trial", *named[:3], "latency in ms"]
    json.dumps(gathered)
    assert gathered["status"]["pareto"] == gathered["best"]["pareto"]
    assert "pareto" not in plots(page.report(studio.db, study, "html"))  # four can't be drawn
    assert "## Pareto front" in page.report(studio.db, study, "md")


def plots(text):
    figures = json.loads(re.search(r'id="figures">(.*?)</script>', text, re.DOTALL)[1])
    return {name.removeprefix("plot-"): figure for name, figure in figures.items()}


def points(trace, axes):
    """Values of each point of a plot; many come as base64."""
    columns = [trace[axis] for axis in axes]
    arrays = [
        np.frombuffer(base64.b64decode(each["bdata"]), each["dtype"])
        if isinstance(each, dict)
        else each
        for each in columns
    ]
    return {tuple(map(float, row)) for row in zip(*arrays, strict=True)}


@pytest.mark.parametrize("count", [2, 3])
def test_the_report_draws_the_front(studio, count, capsys):
    named = ["accuracy", "parameters", "validation loss"][:count]
    study = studio.study(
        study={"objective": named, "trials": 8},
        training={"epochs": 1},
        search={"startup_trials": 2, "first": "none"},
        space={"width": {"low": 2, "high": 64, "log": True}, "learning_rate": [0.01, 1e30]},
    )
    studio.finish(study)
    found = {t.number: t for t in trials(studio, study)}
    assert any(t.state == "FAIL" for t in found.values())
    url = studio.db.url.render_as_string(hide_password=False)
    questions.status(study.name, url, as_json=True)
    front = json.loads(capsys.readouterr().out)["pareto"]
    assert [each["objectives"] for each in front] == [
        found[each["trial"]].attributes["objectives"] for each in front
    ]
    figure = plots(page.report(studio.db, study, "html"))["pareto"]
    dominated, best_ones = (points(trace, "xyz"[:count]) for trace in figure["data"])
    assert best_ones == {tuple(each["objectives"].values()) for each in front}
    complete = [t for t in found.values() if t.state == "COMPLETE"]
    values = {tuple(t.attributes["objectives"].values()) for t in complete}
    assert dominated == values - best_ones and dominated
    axes = figure["layout"] if count == 2 else figure["layout"]["scene"]
    titles = [axes[f"{name}axis"]["title"]["text"] for name in "xyz"[:count]]
    assert titles[:2] == ["accuracy, higher is better", "parameters, lower is better"]


def test_a_failed_trial_leaves_several_objectives_in_peace(studio):
    study = studio.study(
        study={"objective": ["accuracy", "parameters"], "trials": 8},
        search={"startup_trials": 2, "first": "none"},
        space={"optimizer": "sgd", "learning_rate": [0.01, 1e30], "activation": "relu"},
    )
    outcomes = studio.finish(study)
    assert {*outcomes} == {Outcome.COMPLETE, Outcome.FAILED}
    assert all(math.isfinite(t.value) for t in trials(studio, study) if t.state == "COMPLETE")


SMALL = '[study]\nname = "x"\n{}\n[data]\nsource = "sklearn:iris"\n'


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            'objective = "acuracy"',
            'objective: received "acuracy", expected "accuracy"; for a metric',
        ),
        ('objective = ["parameters"]', "expected validation loss or a metric first"),
        ('objective = ["accuracy", "size"]', 'objective: received "size", expected one of'),
        ("objective = []", "expected a name, or a list of different names"),
    ],
)
def test_mistakes_are_told(written, said):
    with pytest.raises(ConfigError) as refused:
        config.parse(SMALL.format(written))
    assert said in str(refused.value), refused.value


@pytest.mark.parametrize("key", ['pruner = "median"', 'sampler = "cmaes"'])
def test_what_optuna_cannot_do_with_several_objectives_is_told(key):
    text = SMALL.format('objective = ["accuracy", "latency"]')
    assert config.parse(text).study.objective == ["accuracy", "latency"]
    with pytest.raises(ConfigError, match="with 2 objectives"):
        config.parse(f"{text}[search]\n{key}\n")


def test_an_objective_that_the_data_do_not_have_is_told(studio):
    with pytest.raises(ConfigError) as refused:
        studio.study(study={"objective": "r2_score"})
    assert '[study] objective: received "r2_score", expected for multiclass data' in str(
        refused.value
    )


def test_a_trial_stopped_by_hand_has_its_best_value(studio):
    study = studio.study(study={"objective": "accuracy", "trials": 1}, training=LONG)
    objective = studio.worker(study, StopAfter(3))
    objective.run(objective.context.store.claim())
    control.stop_trial(studio.db, study, 0)
    (record,) = records.trials(studio.db, study)
    assert record.state == "PRUNED"
    assert record.value == max(metrics["val_accuracy"] for *_, metrics in curve(studio, record))
    (theirs,) = optunas(studio, study).trials
    assert theirs.value == record.value


def test_records_of_a_trial_under_way_have_the_objectives_sign(studio):
    study = studio.study(study={"objective": "accuracy", "trials": 1}, training=LONG)
    objective = studio.worker(study, StopAfter(3))
    objective.run(objective.context.store.claim())
    (running,) = status.status(studio.db, study).running
    (record,) = records.trials(studio.db, study)
    assert 0 < running.value <= running.best == record.value <= 1
