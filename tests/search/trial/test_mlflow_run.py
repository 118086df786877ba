"""Runs of MLflow, written by workers and by `export`, read back with its client."""

import dataclasses
import math
import shutil
import socket

import pytest

pytest.importorskip("mlflow")

from mlflow.tracking import MlflowClient

from studyhall.search.cli import app
from studyhall.search.process.stop import STOPPED, Stop
from studyhall.search.study import extras
from studyhall.search.study_file import config
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.trial import listening, mlflow_run
from studyhall.search.trial.context import Outcome
from studyhall.search.trial.listening import Told
from studyhall.search.trial.mlflow_run import MlflowRun
from studyhall.storage.queries import records
from studyhall.storage.studies import studies

pytestmark = pytest.mark.filterwarnings("ignore")  # of MLflow


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """The file of an empty MLflow database, to be copied: making its tables takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    mlflow_run._hurry()
    MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def uri(tables, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where MLflow keeps artifacts
    return f"sqlite:///{shutil.copy(tables, tmp_path / 'mlflow.db')}"


def runs_of(uri, study):
    """The client, and the study's runs by trial number."""
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(study.name)
    found = client.search_runs([experiment.experiment_id])
    return client, {int(run.data.tags["studyhall.trial"]): run for run in found}


def history(client, run, key):
    return {each.step: each.value for each in client.get_metric_history(run.info.run_id, key)}


def check(studio, study, uri):
    client, runs = runs_of(uri, study)
    trials = records.trials(studio.db, study)
    assert sorted(runs) == [trial.number for trial in trials]
    for trial in trials:
        run = runs[trial.number]
        assert run.info.run_name == f"trial-{trial.number}"
        assert run.data.tags["studyhall.state"] == trial.state.lower()
        assert {**run.data.params} == {k: str(v) for k, v in trial.params.items()}
        assert run.data.metrics.get("value") == trial.value
        epochs = records.history(studio.db, trial.trial_id)
        for name in epochs[0]["metrics"] if epochs else ():
            logged = client.get_metric_history(run.info.run_id, name)
            assert [(each.step, each.value) for each in logged] == [
                (row["epoch"], row["metrics"][name]) for row in epochs
            ]
    return client, runs, trials


def test_workers_log_as_they_train(studio, uri):
    study = studio.study(training={"epochs": 3, "mlflow": uri})
    studio.finish(study)
    _, runs, _ = check(studio, study, uri)
    assert {run.info.status for run in runs.values()} == {"FINISHED"}


def test_a_takeover_continues_the_run(studio, uri, monkeypatch):
    stop = Stop()
    training = {"epochs": 5, "checkpoint_every_s": 0, "mlflow": uri}
    study = studio.study(training=training, study={"trials": 1})
    first = studio.worker(study, stop)
    real = listening.Listeners.epoch

    def epoch(self, told):
        real(self, told)
        if told.number == 3:
            stop.ask(STOPPED)

    monkeypatch.setattr(mlflow_run, "PAUSE_S", 1e9)  # what it has not delivered is lost with it
    with monkeypatch.context() as patch:
        patch.setattr(listening.Listeners, "epoch", epoch)
        assert first.run(first.context.store.claim()) is Outcome.HANDED_BACK
    client, runs = runs_of(uri, study)
    assert history(client, runs[0], "loss") == {} and runs[0].info.status == "RUNNING"
    assert studio.finish(study) == [Outcome.COMPLETE]
    check(studio, study, uri)


def test_an_export_has_everything_and_writes_nothing_twice(studio, uri, monkeypatch, capsys):
    from studyhall.search.evaluation import proof

    study = studio.study(study={"trials": 3, "name": "iris"}, trials=[{"learning_rate": 0.01}])
    studio.finish(study)
    monkeypatch.setenv("STUDYHALL_STORAGE", f"sqlite:///{studio.folder}/studyhall.db")

    def typed():
        monkeypatch.setattr("sys.argv", ["studyhall", "export", "iris", "--to", f"mlflow:{uri}"])
        with pytest.raises(SystemExit) as ended:
            app.run()
        said = capsys.readouterr()
        assert not ended.value.code, said.err
        return said.out

    said = typed()
    assert f'experiment "iris" at {uri}: 3 trials' in said and "studyhall best iris" in said
    assert proof.finish(studio.db, study)["proven"]
    assert "no model" not in typed()
    client, runs, trials = check(studio, study, uri)
    best = min(trials, key=lambda trial: trial.value)
    stored = {
        trial.number: {each.path for each in client.list_artifacts(runs[trial.number].info.run_id,
                                                                   "model")}
        for trial in trials
    }  # fmt: skip
    assert stored[best.number] == {"model/best.json", "model/model.keras"}
    assert [*stored.values()].count(set()) == 2
    tags = runs[best.number].data.tags
    assert tags["studyhall.worker"] == best.worker and tags["studyhall.stopped"] == "epochs"
    assert (
        tags["studyhall.verdict"] == "too early to tell" and '"train"' in tags["studyhall.seconds"]
    )
    assert runs[0].info.start_time == round(1000 * trials[0].started_at)
    assert runs[0].info.end_time == round(1000 * trials[0].finished_at)


def test_what_mlflow_does_not_take_is_spelt_otherwise(uri, studio):
    study, _ = studies.create(studio.db, "odd", config={}, seed=0, trials=1)
    params = {"a[0]": [1, 2], "long": "x" * 9000, **{f"p{i}": i for i in range(230)}}
    told = [Told("fold-2", n, {"f1@k": 0.5, "nothing": math.nan}) for n in range(1, 600)]
    run = MlflowRun(uri, study, 4, (5.0, 7.0))
    run.begin(params, told)
    run.end("FAIL", None)
    client, runs = runs_of(uri, study)
    assert len(runs[4].data.params) == 232 and runs[4].data.params["a_0_"] == "[1, 2]"
    assert [*history(client, runs[4], "fold-2/f1_k")] == [*range(1, 600)]
    assert runs[4].info.status == "FAILED" and runs[4].info.end_time == 7000
    again = MlflowRun(uri, study, 4)
    again.begin(params, told)
    client, runs = runs_of(uri, study)
    assert len(runs) == 1 and len(history(client, runs[4], "fold-2/f1_k")) == 599
    copied = dataclasses.replace(study, config={"artifacts": "elsewhere"})
    MlflowRun(uri, copied, 4).begin({}, [])
    assert len(client.search_runs([runs[4].info.experiment_id])) == 2


def test_a_server_that_is_away_does_not_end_the_trial(studio, caplog, monkeypatch, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{taken.getsockname()[1]}"
    study = studio.study(training={"epochs": 2, "mlflow": away}, study={"trials": 1})
    assert studio.finish(study) == [Outcome.COMPLETE]
    (said,) = [text for text in caplog.messages if "MlflowRun" in text]
    assert said.startswith("trial 0: nothing more for MlflowRun: MLflow: ")
    monkeypatch.setenv("STUDYHALL_STORAGE", f"sqlite:///{studio.folder}/studyhall.db")
    monkeypatch.setattr("sys.argv", ["studyhall", "export", "iris", "--to", f"mlflow:{away}"])
    with pytest.raises(SystemExit) as ended:
        app.run()
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(f"--to mlflow:{away}: MLflow: ")


def test_a_mistake_is_refused(studio, monkeypatch):
    for wrong in ("runs", "ftp://host", "http://ann:sesame@host"):
        received = r"\[training\] mlflow: received an unsupported URL, expected a URI "
        with pytest.raises(ConfigError, match=received) as refused:
            config.load(studio.write(training={"mlflow": wrong}))
        assert "sesame" not in str(refused.value)
    file = config.load(studio.write(training={"mlflow": "http://host:5000"}))
    extras.check(file, "study.toml")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"\[training\] mlflow: received \"http://host:5000\", "):
        extras.check(file, "study.toml")
