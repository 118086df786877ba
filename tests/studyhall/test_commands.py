"""The commands as Python calls: on a study, and on all of a database."""

import html
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import optuna
import pandas as pd
import plotly.graph_objects as go
import pytest

import studyhall
from studyhall.search.cli.command_list import SHOWN
from tests import pages

pytestmark = pytest.mark.part(26)

# Commands without a function in Python; docs/how-to/python.md says why.
PAGE = pages.text("python.md")
OF_THE_SHELL = {"new", "run", "dashboard", "worker", "slurm", "kubernetes", "users"}
OTHERWISE = {"resume": "run", "import-keras-tuner": "import_keras_tuner"}


@pytest.fixture(scope="module")
def url(shared_studio):
    """A database with two studies that are finished."""
    for name in ("iris", "other"):
        depth = {"low": 1, "high": 3}
        space = {"width": 4, "depth": depth, "learning_rate": {"low": 1e-3, "high": 1e-1}}
        study = shared_studio.study(study={"name": name, "trials": 12, "seed": 1}, space=space)
        shared_studio.finish(study)
    return f"sqlite:///{shared_studio.folder}/studyhall.db"


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch, url):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STUDYHALL_STORAGE", url)


@pytest.fixture
def iris(url):
    return studyhall.Study("iris")


def command(*words):
    """The output of a command."""
    whole = [sys.executable, "-m", "studyhall", *words]
    return subprocess.run(whole, capture_output=True, text=True, check=True).stdout


def refused(call, *arguments, **more):
    with pytest.raises(studyhall.ConfigError) as caught:
        call(*arguments, **more)
    return str(caught.value)


def test_every_command_has_a_function_of_its_name():
    known = {*dir(studyhall.Study), *studyhall.__all__}
    for name in {*SHOWN} - OF_THE_SHELL:
        assert OTHERWISE.get(name, name) in known, name


def test_the_documentation_names_every_command():
    in_python, alone = PAGE.split("\nThese exist only in the shell:\n")
    told = {name for row in in_python.splitlines() if row.startswith("| `") for name in words(row)}
    assert {*SHOWN} - OF_THE_SHELL <= told
    rows = [row for row in alone.splitlines() if row.startswith("| `")]
    assert {name for row in rows for name in words(row)} == OF_THE_SHELL


def words(row):
    """The words in back-ticks in the first column of a row, but for the arguments."""
    return {each.split()[0] for each in re.findall(r"`([^`]+)`", row.split("|")[1])}


def test_public_methods_are_documented_and_typed():
    for name, method in inspect.getmembers(studyhall.Study, inspect.isfunction):
        if not name.startswith("_"):
            assert inspect.getdoc(method), name
            signature = inspect.signature(method)
            assert signature.return_annotation is not inspect.Signature.empty, name


# Questions


def test_status_and_doctor_are_what_the_commands_tell(iris):
    assert iris.status() == json.loads(command("status", "iris", "--json"))
    assert studyhall.status(reap=True) == json.loads(command("status", "--json"))
    assert iris.status(reap=True)["complete"] == 12
    assert iris.doctor().keys() == json.loads(command("doctor", "iris", "--json")).keys()
    assert {each["study"] for each in studyhall.doctor()["studies"]} == {"iris", "other"}


def test_studies_and_trials_are_compared(iris, capsys):
    found = studyhall.compare("iris", "other:0", output="curves.png")
    assert [*found.results] == [
        "iris",
        "other:0",
    ] and "learning_rate" in found.hyperparameters.index
    assert found.remarks and found.remarks[0] in str(found) and "<table" in found._repr_html_()
    assert Path("curves.png").read_bytes()[:4] == b"\x89PNG"
    assert "curves.png" in capsys.readouterr().out
    assert "expected two or more" in refused(studyhall.compare, "iris")
    assert "expected two or more" in refused(studyhall.compare)
    assert "received 'nobody'" in refused(studyhall.compare, "iris", "nobody")


def test_a_study_and_its_best_trial_are_shown_in_tables(iris, monkeypatch):
    assert "12 of 12 finished" in iris._repr_html_() and "learning_rate" in iris._repr_html_()
    nobody = studyhall.Study("<b>nobody</b>")._repr_html_()
    assert "&lt;b&gt;nobody" in nobody and "<b>" not in nobody
    away = studyhall.Study("iris", storage="sqlite:///nowhere.db")._repr_html_()
    assert "not begun" in away and "nowhere.db" in away


def test_names_and_values_are_escaped():
    study = studyhall.Study("markup")
    study.optimize(lambda trial: len(trial.suggest_categorical("<i>a", ["<u>x", "\x1b[1m"])), 2)
    for page in (study._repr_html_(), study.best._repr_html_()):
        assert html.escape("<i>a") in page and "\x1b" not in page
        assert "<i>" not in page and "<u>" not in page
    study.delete()


def test_verdicts_are_those_of_the_trials(iris):
    told = {
        each["trial"]: each["verdict"] for each in json.loads(command("trials", "iris", "--json"))
    }
    table = iris.verdicts
    assert [*table["number"]] == [*told]
    assert [*table["verdict"]] == [None if each is None else each["name"] for each in told.values()]
    assert set(table["advice"].dropna()) <= {"; ".join(e["advice"]) for e in told.values() if e}


# Plots


@pytest.mark.parametrize(
    "method",
    [
        "plot_history",
        "plot_time",
        "plot_learning_curves",
        "plot_importances",
        "plot_parallel_coordinates",
    ],
)
def test_plots_are_figures(iris, method):
    figure = getattr(iris, method)()
    assert isinstance(figure, go.Figure) and figure.data


def test_plots_of_one_trial_one_metric_one_hyperparameter(iris):
    assert len(iris.plot_learning_curves(trial=3, metric="accuracy").data) == 2
    assert iris.plot_slice("depth").data
    assert "received 7777" in refused(iris.plot_learning_curves, trial=7777)
    assert "expected one of loss, " in refused(iris.plot_learning_curves, metric="speed")
    assert "expected learning_rate" in refused(iris.plot_slice, "speed").replace("depth, ", "")


@pytest.mark.parametrize(
    ("method", "needed"),
    [
        ("plot_pareto_front", "two or three objectives"),
        ("plot_confirmation", "confirm() first"),
        ("plot_datacurve", "datacurve() first"),
    ],
)
def test_where_there_is_nothing_to_plot_it_is_said(iris, method, needed):
    assert f"iris: {method}(): received nothing to plot yet" in refused(getattr(iris, method))
    assert needed in refused(getattr(iris, method))


def test_a_study_without_a_complete_trial_has_no_plots(shared_studio):
    shared_studio.study(study={"name": "empty", "trials": 1})
    study = studyhall.Study("empty")
    for method in ("plot_history", "plot_time", "plot_learning_curves", "plot_importances"):
        assert "nothing to plot yet" in refused(getattr(study, method))
    assert "expected a complete trial first" in refused(study.plot_slice, "depth")
    assert "no complete trial yet" in refused(study.plot_confusion)
    assert "no complete trial yet" in refused(study.refine)
    study.delete()
    assert "empty" not in {each["study"] for each in studyhall.status()}


# Actions


def test_reports_and_next_studies_are_written(iris):
    assert iris.report().name == "iris.html" and "<html" in iris.report().read_text()
    assert json.loads(iris.report("x.json").read_text())["study"] == "iris"
    assert iris.report("x", format="md").read_text().startswith("# ")
    assert "--format: received pdf" in refused(iris.report, format="pdf")
    assert 'warm_start = "iris"' in iris.refine("next.toml")
    assert "expected a new one" in refused(iris.refine, "next.toml")
    assert iris.refine("next.toml", force=True) == Path("next.toml").read_text()


def test_trials_go_to_files_and_other_databases(iris, tmp_path):
    iris.export("trials.csv", epochs=True)
    assert len(pd.read_csv("trials.csv")) == 12 and len(pd.read_csv("trials-epochs.csv")) == 36
    assert "--to: received" in refused(iris.export, "trials.doc")
    copy = f"sqlite:///{tmp_path}/copy.db"
    iris.export(copy, artifacts="copied")
    there = studyhall.Study("iris", storage=copy)
    assert [*there.trials["value"]] == [*iris.trials["value"]]
    there.delete()
    assert studyhall.status(copy) == []


def test_a_study_that_is_over_can_not_be_stopped(iris, capsys):
    assert iris.stop() and "there is nothing to stop" in capsys.readouterr().out
    assert "expected a running trial" in refused(iris.stop, trial=3)
    iris.watch(silent=True)


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("stop", {"wait": -1}),
        ("stop", {"wait": float("nan")}),
        ("stop", {"trial": -1}),
        ("stop", {"trial": "3"}),
        ("confirm", {"top": 0}),
        ("confirm", {"seeds": 101}),
        ("replay", {"trial": -1}),
        ("replay", {"trial": 0, "tolerance": float("inf")}),
        ("datacurve", {"seeds": 0}),
    ],
)
def test_numbers_out_of_their_range_are_refused(iris, method, arguments):
    name, value = [*arguments.items()][-1]
    said = refused(getattr(iris, method), **arguments)
    assert f"iris: {name}: received {value!r}, expected a number " in said


def test_studies_of_other_tools_are_taken_in(url):
    made = optuna.create_study(study_name="theirs", storage=url)
    made.optimize(lambda trial: trial.suggest_float("x", 0, 1), 2)
    assert len(studyhall.adopt("theirs").trials) == 2
    assert "data and model are not known" in refused(studyhall.Study("theirs").run)
    assert refused(studyhall.import_keras_tuner, "nowhere")
    with pytest.raises(studyhall.StorageError, match="there is no study 'nobody' in"):
        studyhall.adopt("nobody")


def test_the_trash_is_listed(url):
    assert studyhall.trash() == []
    assert "received 'nobody'" in refused(studyhall.trash, restore="nobody")
    assert "received 'nobody'" in refused(studyhall.trash, purge="nobody")


def test_a_replay_reproduces(iris):
    policy = keras.config.dtype_policy()
    assert iris.replay(0)["reproduces"] and keras.config.dtype_policy() == policy
    assert "received 99, expected a finished trial" in refused(iris.replay, 99)


def test_what_a_study_resolves_to_is_shown(iris, capsys):
    iris.check()
    said = capsys.readouterr().out
    assert "learning_rate" in said and "parameters" in said and "setosa" in said
    own = studyhall.Study("own", data=("sklearn:iris"), model=_built, epochs=1)
    own.check()
    assert "parameters" in capsys.readouterr().out
    assert "own" not in {each["study"] for each in studyhall.status()}
    assert "there is no study 'nobody'" in refused(studyhall.Study("nobody").check)


def _built(hp):
    return keras.Sequential([keras.layers.Dense(hp.Int("units", 4, 8)), keras.layers.Dense(3)])


def test_what_only_a_study_file_has_is_refused_for_own_code():
    study = studyhall.Study("square").optimize(lambda trial: trial.suggest_float("x", 0, 1), 1)
    for call in (study.confirm, study.datacurve, study.refine, study.check):
        assert "expected the study of a study file" in refused(call)
    study.delete()


@pytest.mark.slow
def test_trials_are_confirmed_and_more_data_tried(iris):
    assert iris.prove()["proof"]["proven"] and iris.plot_confusion().data
    confirmed = iris.confirm(top=2, seeds=2, silent=True)
    assert len(confirmed["trials"]) == 2 and all(len(e["values"]) == 2 for e in confirmed["trials"])
    assert iris.datacurve(1, silent=True)["points"][-1]["percent"] == 100
    for method in ("plot_confirmation", "plot_datacurve"):
        assert getattr(iris, method)().data
    assert iris.best.export("best.keras").is_file()
    assert "--format: received 'pdf'" in refused(iris.best.export, "out", format="pdf")


@pytest.mark.slow
def test_confirmations_have_the_function_that_builds_the_models(tmp_path):
    study = studyhall.Study("own", data="sklearn:iris", model=_built, epochs=1).run(trials=2)
    assert len(study.confirm(top=1, seeds=2)["trials"][0]["values"]) == 2
    assert study.replay(0)["reproduces"]
    study.best.export("out")
    study.delete()


@pytest.mark.slow
def test_a_study_file_is_launched(study_file, tmp_path):
    (tmp_path / "iris.toml").write_text(study_file(study={"name": "file", "trials": 9}))
    study = studyhall.launch("iris.toml", trials=2, silent=True)
    assert study.name == "file" and len(study.trials) == 2 and study.best.folder.is_dir()
    assert len(studyhall.launch("iris.toml", trials=3, silent=True).trials) == 3
    (tmp_path / "iris.toml").write_text(study_file(study={"name": "file", "trials": 0}))
    assert "iris.toml: [study] trials: received 0" in refused(studyhall.launch, "iris.toml")
    study.delete()


@pytest.mark.slow  # the command's own test is in acceptance/test_tune.py
def test_tune_writes_the_file_that_it_runs_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path}/tuned.db"
    rows = np.random.default_rng(0).normal(size=(60, 2)).round(3)
    lines = [f"{a},{b},{'yes' if a > b else 'no'}" for a, b in rows]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,c", *lines]))
    assert "a, b" in refused(studyhall.tune, "t.csv", storage=url)
    assert "d" in refused(studyhall.tune, "t.csv", "d", storage=url)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["t.csv"]
    study = studyhall.tune("t.csv", "c", trials=1, minutes=1, storage=url, silent=True)
    assert study.name == "t-c" and len(study.trials) == 1
    assert 'target = "c"' in (tmp_path / "t-c.toml").read_text()
    again = studyhall.tune("t.csv", "c", trials=1, storage=url, silent=True)
    assert again.name == study.name and len(again.trials) == 1
