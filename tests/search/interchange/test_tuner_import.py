"""Projects of KerasTuner, made by KerasTuner, as studies."""

import json
import subprocess
import sys

import pytest
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from studyhall.search.diagnosis import findings
from studyhall.search.interchange import keras_tuner, tuner_import
from studyhall.search.study import warm_start
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import Database, StorageError
from studyhall.storage.queries import frozen, records
from studyhall.storage.sampling.window import Window
from studyhall.storage.studies import studies

kt = pytest.importorskip("keras_tuner")

pytestmark = pytest.mark.filterwarnings("ignore")  # KerasTuner's own


def build(hp):
    import keras

    model = keras.Sequential([keras.Input((2,))])
    for layer in range(hp.Int("layers", 1, 2)):
        model.add(keras.layers.Dense(hp.Int(f"units_{layer}", 4, 15, step=4)))
    kind = hp.Choice("kind", ["sgd", "adam"])
    with hp.conditional_scope("kind", ["sgd"]):
        if kind == "sgd":
            hp.Float("inertia", 0.0, 0.95, step=0.1)
    hp.Boolean("noise")
    hp.Fixed("always", 3)
    model.add(keras.layers.Dense(1))
    rate = hp.Float("rate", 1e-4, 1e-1, sampling="log")
    model.compile(keras.optimizers.get({"class_name": kind, "config": {"learning_rate": rate}}),
                  loss="mse", metrics=["mae"])  # fmt: skip
    return model


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A project of three trials that trained models twice each, for two epochs."""
    import numpy as np

    folder = tmp_path_factory.mktemp("tuned")
    x = np.random.default_rng(0).random((20, 2))
    tuner = kt.RandomSearch(build, "val_mae", max_trials=3, executions_per_trial=2, seed=3,
                            directory=folder, project_name="prices")  # fmt: skip
    tuner.search(x, x.sum(axis=1), validation_data=(x, x.sum(axis=1)), epochs=2, verbose=0)
    return tuner, folder / "prices"


@pytest.fixture
def searched(tmp_path):
    """Makes projects whose trials compute a number instead of training."""

    def make(run, kind=kt.RandomSearch, trials=4, name="numbers", **about):
        class Tuner(kind):
            def run_trial(self, trial, *args, **kwargs):
                return run(trial)

        limit = {} if kind is kt.Hyperband else {"max_trials": trials}
        tuner = Tuner(
            lambda hp: hp.Float("x", 0.0, 1.0),
            directory=tmp_path,
            project_name=name,
            seed=1,
            **limit,
            **about,
        )
        tuner.search(verbose=0)
        return tuner, tmp_path / name

    return make


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_project_has_the_same_trials_as_the_tuner(db: Database, trained, here):
    tuner, folder = trained
    study, left = tuner_import.create(db, folder, "prices", None)
    assert left == 0 and study.directions == ("minimize",)
    trials, spaces = records.trials(db, study), frozen.of_study(db, study.study_id)
    for ours, named in zip(trials, tuner.oracle.start_order, strict=True):
        theirs = tuner.oracle.trials[named]
        values = theirs.hyperparameters.values
        assert ours.state == "COMPLETE" and ours.value == theirs.score
        assert ours.params == {name: values[name] for name in values if name != "always"}
        assert ours.attributes["keras_tuner"] == {"trial_id": named, "always": 3}
        assert ours.best_epoch == theirs.best_step + 1 == ours.epochs
        (epoch,) = records.history(db, ours.trial_id)
        for metric, value in epoch["metrics"].items():
            assert value == pytest.approx(theirs.metrics.get_best_value(metric))
        assert {"val_mae", "val_loss", "mae", "loss"} <= {*epoch["metrics"]}
    asked = {name: each for trial in spaces for name, each in trial.distributions.items()}
    assert asked["layers"] == IntDistribution(1, 2)
    assert asked["units_0"] == IntDistribution(4, 12, step=4)
    assert asked["kind"] == CategoricalDistribution(["sgd", "adam"])
    assert asked["noise"] == CategoricalDistribution([False, True])
    assert asked["rate"] == FloatDistribution(1e-4, 1e-1, log=True)
    for trial in spaces:
        assert ("inertia" in trial.params) == (trial.params["kind"] == "sgd")
    best = tuner.oracle.get_best_trials()[0]
    assert findings.read(db, study).complete[0].value == best.score


def test_the_commands_show_it(trained, here, tmp_path, monkeypatch, command):
    _, folder = trained
    monkeypatch.setenv("STUDYHALL_STORAGE", f"sqlite:///{tmp_path}/imported.db")

    code, said, _ = command("import-keras-tuner", folder)
    assert code == 0 and said.startswith(
        'study "prices" with 3 trials on mae; see studyhall trials'
    )
    code, said, _ = command("status", "--json")
    (told,) = json.loads(said)
    assert (told["objective"], told["complete"], told["left"]) == ("mae", 3, 0)
    assert [each["value"] for each in json.loads(command("trials", "prices", "--json")[1])]
    code, said, _ = command("best", "prices")
    assert code == 0 and "What did you get?  trial" in said and "not done yet" not in said
    assert command("report", "prices", "--output", "p.html")[0] == 0
    assert (tmp_path / "p.html").stat().st_size > 10_000
    assert "all is well" in command("doctor")[1]
    for words in (("resume", "prices"), ("best", "prices", "--export", "x"), ("confirm", "prices")):
        code, _, problem = command(*words)
        assert code == 2 and problem.startswith("prices: received a study of KerasTuner")
    code, _, problem = command("import-keras-tuner", folder)
    assert code == 2 and "has a study 'prices' already" in problem
    assert [*(tmp_path / "studyhall-artifacts").iterdir()] == [
        tmp_path / "studyhall-artifacts" / "prices"
    ]


def test_a_search_learns_from_it(studio, trained, here):
    _, folder = trained
    tuner_import.create(studio.db, folder, "prices", None)
    code = """
        import keras

        def build(trial, input_shape, outputs):
            return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(outputs)])
    """
    space = {"rate": {"low": 1e-4, "high": 1e-1, "log": True}, "width": None}
    about = {"space": {**space, "learning_rate": None}, "search": {"warm_start": "prices"}}
    with pytest.raises(ConfigError, match=r"the same \[study\] objective$"):
        studio.study(code, **about)
    about["study"] = {"objective": "mae", "direction": "minimize"}
    study = studio.study(code, **about)
    learned = study.config["warm_start"]
    assert [each["value"] for each in learned["trials"]] == sorted(
        trial.value for trial in records.trials(studio.db, studies.find(studio.db, "prices"))
    )
    assert all("rate" in each["params"] for each in learned["trials"])
    window = warm_start.fill(Window(), study)
    assert len(window.trials()) == 3


def test_failures_and_other_tuners_are_read(db: Database, searched, here):
    def run(trial):
        x = trial.hyperparameters.Float("x", 0.0, 1.0)
        if trial.trial_id == "1":
            raise kt.errors.FailedTrialError("on purpose")
        return {"score": x, "other": 2.0}

    way = kt.Objective("score", "max")
    tuner, folder = searched(run, objective=way, max_retries_per_trial=0)
    study, _ = tuner_import.create(db, folder, "numbers", "max:score")
    trials = records.trials(db, study)
    assert study.directions == ("maximize",)
    assert [trial.state for trial in trials] == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert trials[1].attributes["reason"] == "keras_tuner.src.errors.FailedTrialError: on purpose"
    assert "Traceback" in trials[1].attributes["keras_tuner"]["message"] and trials[1].value is None
    best = tuner.oracle.get_best_trials()[0]
    assert findings.read(db, study).complete[0].value == best.score
    with pytest.raises(StorageError, match="has a study 'numbers' already"):
        tuner_import.create(db, folder, "numbers", "max:score")


def test_hyperbands_own_values_are_no_hyperparameters(db: Database, searched, here):
    def run(trial):
        return trial.hyperparameters.Float("x", 0.0, 1.0)

    _, folder = searched(run, kt.Hyperband, max_epochs=4, hyperband_iterations=1)
    study, _ = tuner_import.create(db, folder, "bands", None)
    trials = records.trials(db, study)
    assert len(trials) > 4 and all({*trial.params} == {"x"} for trial in trials)
    assert "tuner/epochs" in trials[0].attributes["keras_tuner"]


def test_what_a_folder_does_not_tell_is_asked_for(searched):
    def run(trial):
        trial.hyperparameters.Float("x", 0.0, 1.0)
        return {"a": 0.5, "b": 0.5}

    _, folder = searched(run, objective=kt.Objective("a", "max"), name="same")
    trials = keras_tuner.read(folder)
    told = "expected min:NAME or max:NAME, and as NAME one of a, b"
    for trial in trials:
        trial.directions.update(a="min", b="max")
    with pytest.raises(ConfigError, match=f"don't tell it.*{told}"):
        keras_tuner.objective_of(trials, None)
    assert keras_tuner.objective_of(trials, "max:b") == ("b", "maximize")
    for wrong in ("max:c", "up:a"):
        with pytest.raises(ConfigError, match=f"received '{wrong}', {told}"):
            keras_tuner.objective_of(trials, wrong)


def test_other_folders_are_refused(tmp_path, db: Database):
    with pytest.raises(ConfigError, match=r"oracle.json: received No such file.*project folder"):
        tuner_import.create(db, tmp_path, "x", None)
    (tmp_path / "oracle.json").write_text("{}")
    with pytest.raises(ConfigError, match="no trial that has ended"):
        tuner_import.create(db, tmp_path, "x", None)
    (tmp_path / "trial_0").mkdir()
    for content, said in (("{", "received no JSON"), ("{}", "received no trial of KerasTuner")):
        (tmp_path / "trial_0" / "trial.json").write_text(content)
        with pytest.raises(ConfigError, match=said):
            tuner_import.create(db, tmp_path, "x", None)
    assert studies.names(db) == []


def test_ranges_that_optuna_lacks_hold_their_values():
    def asked(hp):
        (space,) = hp.get_config()["space"]
        return tuner_import.distribution(space)

    for about in ({"sampling": "reverse_log"}, {"sampling": "log", "step": 2}, {"step": 3}, {}):
        for kind in ("Int", "Float"):
            hp = kt.HyperParameters()
            getattr(hp, kind)("n", 1, 100, **about)
            values = {hp.space[0].random_sample(seed) for seed in range(30)}
            held = asked(hp)
            assert all(held._contains(held.to_internal_repr(value)) for value in values), about


@pytest.mark.slow
def test_it_needs_no_keras_tuner_and_no_tensorflow(trained, tmp_path):
    _, folder = trained
    code = (
        "import sys; sys.modules['keras_tuner'] = sys.modules['tensorflow'] = None\n"
        "from studyhall.search.cli import app; app.run()"
    )
    words = ["import-keras-tuner", str(folder), "--storage", "sqlite:///x.db", "--name", "y"]
    answer = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, text=True
    )
    assert answer.returncode == 0 and 'study "y" with 3 trials' in answer.stdout, answer.stderr
