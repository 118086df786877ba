"""Optuna's interface on our studies, in one process, as `python tune.py` has it."""

from __future__ import annotations

import copy
import pickle
import time
import warnings
from pathlib import Path

import keras
import numpy as np
import optuna as plain
import pytest
from optuna.trial import TrialState
from optuna_integration import KerasPruningCallback

from studyhall import optuna
from studyhall.optuna import study as studies_of_optuna
from studyhall.search.scripts import own_pruner, own_sampler
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import Database
from studyhall.storage.queries import records, status
from studyhall.storage.sampling import pruning
from studyhall.storage.studies import studies

URL = "sqlite:///studyhall.db"
X = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
Y = (X.sum(1) > 0).astype("int32")


pytestmark = [pytest.mark.usefixtures("own_folder"), pytest.mark.part(14)]


def sphere(trial):
    return trial.suggest_float("a", -1, 1) ** 2 + trial.suggest_int("b", 0, 3)


def params(sampler, name, count=8, objective=sphere):
    study = optuna.create_study(sampler=sampler, study_name=name)
    study.optimize(objective, n_trials=count)
    return [trial.params for trial in study.trials]


def test_a_study_answers_as_optunas_does_after_it_is_optimised():
    study = optuna.create_study(direction="maximize", study_name="answers")
    assert study.trials == [] and study.direction == plain.study.StudyDirection.MAXIMIZE
    with pytest.raises(ValueError, match="No trials are completed yet"):
        _ = study.best_trial
    study.set_user_attr("by", "me")
    study.enqueue_trial({"a": 0.5})
    study.optimize(sphere, n_trials=6)

    assert study.trials[0].params["a"] == 0.5 and study.user_attrs == {"by": "me"}
    assert study.best_value == max(trial.value for trial in study.trials)
    assert study.best_params == study.trials[study.best_trial.number].params
    assert [*study.trials_dataframe()["value"]] == [trial.value for trial in study.trials]
    assert plain.importance.get_param_importances(study).keys() == {"a", "b"}
    shown = plain.visualization.plot_optimization_history(study)
    assert [*shown.data[0].y] == [trial.value for trial in study.trials]
    assert pickle.loads(pickle.dumps(study)).best_params == study.best_params
    assert optuna.load_study(study_name="answers") is study
    study.optimize(sphere, n_trials=2)  # so many more
    assert len(study.trials) == 8


@pytest.mark.parametrize(
    "sampler",
    [
        lambda: plain.samplers.RandomSampler(seed=3),
        lambda: plain.samplers.TPESampler(seed=3, n_startup_trials=3, multivariate=True),
        lambda: plain.samplers.CmaEsSampler(seed=3),
        lambda: plain.samplers.QMCSampler(seed=3),
        lambda: plain.samplers.NSGAIISampler(seed=3, population_size=4),
        lambda: plain.samplers.PartialFixedSampler(
            {"b": 2}, plain.samplers.RandomSampler(seed=3)
        ),
    ],
)  # fmt: skip
def test_the_scripts_own_sampler_suggests_the_same_in_every_process(sampler):
    with warnings.catch_warnings(action="ignore"):  # Optuna's own, of experimental features
        made = sampler(), sampler()
    first, second = params(made[0], "one"), params(made[1], "one-more")
    assert first == second
    assert len({each["a"] for each in first}) > 4  # children have values of their parents
    assert studies_seed("one") == 3
    if isinstance(made[0], plain.samplers.PartialFixedSampler):
        assert {each["b"] for each in first} == {2}


def test_workers_share_a_sequence_that_has_no_seed():
    """Each worker runs the script, and makes a sampler of its own."""
    with warnings.catch_warnings(action="ignore"):
        made = [plain.samplers.QMCSampler() for _ in range(2)]
    seeds = [
        vars(own_sampler.factory(each)(5)(number))["_seed"] for each in made for number in (1, 2)
    ]
    assert {*seeds} == {5}


def studies_seed(name):
    db = Database.open(URL)
    seed = studies.find(db, name).seed
    db.close()
    return seed


def test_a_grid_is_covered_once():
    space = {"a": [-1.0, 0.0, 1.0], "b": [0, 3]}
    found = params(plain.samplers.GridSampler(space, seed=1), "grid", 6)
    assert sorted((each["a"], each["b"]) for each in found) == [
        (a, b) for a in space["a"] for b in space["b"]
    ]


@pytest.mark.parametrize(
    ("pruner", "kind"),
    [
        (None, pruning.Percentile),
        (plain.pruners.MedianPruner(3, 4, 2), pruning.Percentile),
        (plain.pruners.PercentilePruner(10.0), pruning.Percentile),
        (plain.pruners.NopPruner(), pruning.Never),
        (plain.pruners.SuccessiveHalvingPruner(2, 3), pruning.Halving),
        (plain.pruners.SuccessiveHalvingPruner(), own_pruner.Learning),
        (plain.pruners.ThresholdPruner(upper=1.0), own_pruner.ByReports),
        (plain.pruners.HyperbandPruner(), own_pruner.Learning),
    ],
)
def test_the_scripts_own_pruner_has_one_of_ours(pruner, kind):
    assert type(own_pruner.made(pruner, "name")) is kind


class Mine(plain.samplers.RandomSampler):
    """A sampler of the script's own, which may keep what other workers don't know."""


@pytest.mark.parametrize(
    ("given", "mistake"),
    [
        ({"pruner": lambda: plain.pruners.WilcoxonPruner()}, "pruner: received WilcoxonPruner, ex"),
        ({"sampler": lambda: plain.samplers.BruteForceSampler()}, "received BruteForceSampler, ex"),
        ({"sampler": lambda: plain.samplers.NSGAIIISampler()}, "received NSGAIIISampler, expected"),
        ({"sampler": Mine}, "sampler: received Mine, expected one of RandomSampler"),
        ({"sampler": lambda: plain.samplers.CmaEsSampler(with_margin=True)}, "without"),
        (
            {"sampler": lambda: plain.samplers.PartialFixedSampler({"a": 0.5}, Mine())},
            "received Mine",
        ),
    ],
)
def test_what_workers_cant_share_is_refused_before_a_trial_runs(given, mistake):
    with warnings.catch_warnings(action="ignore"):  # Optuna's own, of experimental features
        made = {key: make() for key, make in given.items()}
    study = optuna.create_study(study_name="refused", **made)
    with pytest.raises(ConfigError, match=mistake):
        study.optimize(sphere, n_trials=1)
    assert not Path("studyhall.db").exists() or not study_names()


def study_names():
    db = Database.open(URL)
    found = studies.names(db)
    db.close()
    return found


with warnings.catch_warnings(action="ignore"):  # Optuna's own, of experimental features
    PRUNERS = [
        *(plain.pruners.MedianPruner(2, *steps) for steps in [(0, 1), (2, 1), (0, 3)]),
        plain.pruners.MedianPruner(1, n_min_trials=4),
        plain.pruners.SuccessiveHalvingPruner(),
        plain.pruners.SuccessiveHalvingPruner(2, 2, bootstrap_count=2),
        plain.pruners.HyperbandPruner(),
        plain.pruners.HyperbandPruner(1, 8, 2, bootstrap_count=1),
        plain.pruners.ThresholdPruner(lower=1.0, upper=7.9, n_warmup_steps=2),
        *(
            plain.pruners.PatientPruner(wrapped, patience, min_delta)
            for wrapped in (None, plain.pruners.MedianPruner(2))
            for patience, min_delta in [(1, 0.0), (2, 0.15)]
        ),
    ]


@pytest.mark.sampled(9)
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("pruner", PRUNERS, ids=lambda each: type(each).__name__)
def test_trials_are_pruned_where_optuna_prunes_them(pruner, direction):
    """By curves that are known; the steps count from 0, as in most scripts."""
    heights = [5.0, 3.0, 4.0, 9.0, 1.0, 8.0, 2.0, 6.0, 0.5]

    def objective(trial):
        trial.suggest_float("a", 0, 1)
        for step in range(8):
            wave = 0.3 * ((step * (trial.number + 1)) % 3)
            trial.report(heights[trial.number] - step / 10 + wave, step)
            if trial.should_prune():
                raise plain.TrialPruned
        return heights[trial.number] - 0.7

    found = []
    for library in (plain, optuna):
        made = copy.deepcopy(pruner)
        study = library.create_study(pruner=made, study_name="pruned", direction=direction)
        study.optimize(objective, n_trials=len(heights))
        found.append([(each.state, len(each.intermediate_values)) for each in study.trials])
    assert found[0] == found[1]


def test_a_pruned_trial_has_the_value_of_its_best_report():
    def objective(trial):
        for step, value in enumerate([3.0, 1.0, 2.0]):
            trial.report(value, step)
        raise plain.TrialPruned

    study = optuna.create_study(study_name="pruned")
    study.optimize(objective, n_trials=1)
    assert study.trials[0].state == TrialState.PRUNED and study.trials[0].value == 1.0


def test_a_trial_that_raises_or_returns_no_number_fails_and_the_search_goes_on():
    wrong = {0: None, 1: float("nan")}

    def objective(trial):
        trial.suggest_float("a", 0, 1)
        if trial.number == 3:
            raise KeyError("width")
        return wrong.get(trial.number, 1.0) if trial.number else "text"

    study = optuna.create_study(study_name="failing")
    study.optimize(objective, n_trials=5, catch=(KeyError,))
    states = [trial.state for trial in study.trials]
    assert states == [TrialState.FAIL] * 2 + [TrialState.COMPLETE, TrialState.FAIL] + [
        TrialState.COMPLETE
    ]
    db = Database.open(URL)
    reasons = [r.attributes.get("reason") for r in records.trials(db, studies.find(db, "failing"))]
    db.close()
    assert "expected a number" in reasons[0] and "finite" in reasons[1] and "width" in reasons[3]


def test_callbacks_see_each_trial_and_may_stop_the_study():
    seen = []

    def after(study, trial):
        seen.append((trial.number, trial.state, trial.value, trial.params))
        if trial.number == 3:
            study.stop()

    study = optuna.create_study(study_name="stopped")
    study.optimize(sphere, n_trials=50, callbacks=[after])
    assert [each[0] for each in seen] == [0, 1, 2, 3] and len(study.trials) == 4
    assert [each[2:] for each in seen] == [(trial.value, trial.params) for trial in study.trials]
    db = Database.open(URL)
    assert status.status(db, studies.find(db, "stopped")).spent
    db.close()


def test_a_time_limit_ends_the_study():
    def objective(trial):
        time.sleep(0.2)
        return sphere(trial)

    study = optuna.create_study(study_name="timed")
    study.optimize(objective, timeout=1.0)
    assert 2 <= len(study.trials) <= 6


def test_an_unnamed_study_begins_anew_as_in_optunas_memory(capsys):
    def once(count):
        studies_of_optuna._created.clear()
        study = optuna.create_study(sampler=plain.samplers.RandomSampler(seed=1))
        study.optimize(sphere, n_trials=count)
        return [trial.params for trial in study.trials]

    assert once(3) == once(3)
    assert "is in the trash" in capsys.readouterr().out


def test_two_unnamed_studies_of_a_script_are_two():
    one, two = optuna.create_study(), optuna.create_study()
    assert two.study_name == f"{one.study_name}-2"


def test_the_model_of_the_best_trial_is_kept_and_its_epochs_are_recorded():
    def objective(trial):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation="sigmoid")])
        rate = trial.suggest_float("rate", 1e-3, 1.0, log=True)
        model.compile(keras.optimizers.SGD(rate), "binary_crossentropy")
        prunes = KerasPruningCallback(trial, "val_loss")
        fit = {"epochs": 3, "verbose": 0, "validation_data": (X, Y)}
        return min(model.fit(X, Y, callbacks=prunes, **fit).history["val_loss"])

    study = optuna.create_study(study_name="models", pruner=plain.pruners.NopPruner())
    study.optimize(objective, n_trials=2)
    assert keras.Model.fit.__name__ == "fit" and "studyhall" not in keras.Model.fit.__module__
    db = Database.open(URL)
    rows = records.trials(db, studies.find(db, "models"))
    db.close()
    assert [row.epochs for row in rows] == [3, 3]
    assert all(row.attributes["model"].endswith(".keras") for row in rows)


def network():
    model = keras.Sequential([keras.layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    return model


@pytest.mark.parametrize("reports", ["after each fit", "after all"])
def test_reports_beside_fits_are_those_that_optuna_has(reports):
    """Two trainings per trial, as in cross-validation, each reported by its number."""

    def objective(trial):
        trial.suggest_float("a", 0, 1)
        values = [3.0 - trial.number, 1.0 + trial.number]
        for fold in range(2):
            network().fit(X, Y, epochs=2, verbose=0)
            if reports == "after each fit":
                trial.report(values[fold], fold)
        if reports == "after all":
            for fold in range(2):
                trial.report(values[fold], fold)
        return min(values)

    pruner = plain.pruners.NopPruner()
    study = optuna.create_study(study_name="folds", pruner=pruner)
    study.optimize(objective, n_trials=2)
    assert [trial.intermediate_values for trial in study.trials] == [
        {0: 3.0, 1: 1.0}, {0: 2.0, 1: 2.0}
    ]  # fmt: skip


def test_callbacks_see_the_trials_so_far_and_may_fail():
    seen = []

    def after(study, trial):
        seen.append((len(study.trials), study.best_value))
        if trial.number == 0:
            raise KeyError("of mine")

    study = optuna.create_study(study_name="seen")
    complete = (TrialState.COMPLETE,)
    stops = plain.study.MaxTrialsCallback(3, states=complete)
    study.optimize(sphere, n_trials=20, callbacks=[after, stops])
    assert [count for count, _ in seen] == [1, 2, 3] and len(study.trials) == 3


def test_a_later_call_adds_trials_of_its_own():
    study, seen = optuna.create_study(), []
    study.optimize(sphere, n_trials=3, callbacks=[lambda study, trial: seen.append(trial.number)])
    study.enqueue_trial({"a": 0.25, "b": 1})
    study.optimize(sphere, n_trials=2)
    assert len(study.trials) == 5 and seen == [0, 1, 2]
    assert study.trials[3].params == {"a": 0.25, "b": 1}
