"""TensorBoard reads of a study: metrics by epoch, hyperparameters, values."""

import contextlib
import sys

import pytest

pytest.importorskip("tensorboard")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata, plugin_data_pb2

from studyhall.search.process.stop import STOPPED, Stop
from studyhall.search.study import creation, extras, inspection, record
from studyhall.search.study_file import config
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.trial import event_files, listening
from studyhall.search.trial.context import Outcome
from studyhall.storage.queries import records

ASKED = {"tensorboard": True}


def read(study, run):
    """Scalars by tag (a dict of values by step), and the plugin's data by tag."""
    found = EventAccumulator(str(event_files.folder_of(study) / run))
    found.Reload()
    scalars = {
        tag: {each.step: each.value for each in found.Scalars(tag)}
        for tag in found.Tags()["scalars"]
    }
    data = {}
    with contextlib.suppress(KeyError):  # a fold has none
        for tag, content in found.PluginTagToContent(metadata.PLUGIN_NAME).items():
            data[tag] = plugin_data_pb2.HParamsPluginData.FromString(content)
    return scalars, data


def expected(studio, trial, fold=0):
    history = [row for row in records.history(studio.db, trial.trial_id) if row["fold"] == fold]
    names = {name for row in history for name in row["metrics"]}
    return {
        name: {row["epoch"]: pytest.approx(row["metrics"][name], rel=1e-6) for row in history}
        for name in names
    }


def test_every_epoch_and_the_hyperparameters_are_there(studio):
    space = {"width": [4, 8], "learning_rate": {"low": 1e-3, "high": 1e-1, "log": True},
             "batch_norm": [True, False]}  # fmt: skip
    study = studio.study(training={"epochs": 3, **ASKED}, space=space)
    studio.finish(study)
    folder = record.local_folder(study)
    assert event_files.folder_of(study) == folder.parent / "tensorboard" / "iris"
    for trial in records.trials(studio.db, study):
        scalars, data = read(study, f"trial-{trial.number}")
        assert scalars.pop("value") == {0: pytest.approx(trial.value, rel=1e-6)}
        assert scalars == expected(studio, trial) and len(scalars["val_loss"]) == 3
        begun = data[metadata.SESSION_START_INFO_TAG].session_start_info
        assert begun.group_name == f"iris/trial-{trial.number}"
        shown = {name: getattr(value, value.WhichOneof("kind"))
                 for name, value in begun.hparams.items()}  # fmt: skip
        assert shown == trial.params and isinstance(shown["batch_norm"], bool)
        assert data[metadata.SESSION_END_INFO_TAG].session_end_info.status == 1  # success


def test_tensorboards_plugin_shows_them(studio):
    """The table of hyperparameters and metrics as its server answers it."""
    from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
    from tensorboard.context import RequestContext
    from tensorboard.plugins import base_plugin
    from tensorboard.plugins.hparams import (
        api_pb2,
        backend_context,
        get_experiment,
        list_session_groups,
    )

    study = studio.study(training={"epochs": 2, **ASKED})
    studio.finish(study)
    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(event_files.folder_of(study)))
    multiplexer.Reload()
    provider = data_provider.MultiplexerDataProvider(multiplexer, "logs")
    context = backend_context.Context(base_plugin.TBContext(data_provider=provider))
    request = RequestContext()
    about = api_pb2.GetExperimentRequest()
    experiment = get_experiment.Handler(request, context, "", about).run()
    assert {info.name for info in experiment.hparam_infos} == {"learning_rate"}
    assert {"val_loss", "value"} <= {info.name.tag for info in experiment.metric_infos}
    asked = api_pb2.ListSessionGroupsRequest(slice_size=10, start_index=0,
                                             allowed_statuses=[1, 0, 2, 3])  # fmt: skip
    metric = asked.col_params.add()
    metric.metric.tag = "value"
    answer = list_session_groups.Handler(request, context, "", asked).run()
    rates = {group.hparams["learning_rate"].number_value for group in answer.session_groups}
    trials = records.trials(studio.db, study)
    assert rates == {trial.params["learning_rate"] for trial in trials}


def test_a_takeover_continues_the_run(studio):
    """Also where the worker before has written less, or more, than the database has."""
    stop = Stop()
    training = {"epochs": 6, "checkpoint_every_s": 0, **ASKED}
    study = studio.study(training=training, study={"trials": 1})
    first = studio.worker(study, stop)
    real, told = listening.Listeners.epoch, []

    def epoch(self, one):
        told.append(one.number)
        real(self, one)
        if one.number == 3:
            stop.ask(STOPPED)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listening.Listeners, "epoch", epoch)
        assert first.run(first.context.store.claim()) is Outcome.HANDED_BACK
    assert [*read(study, "trial-0")[0]["loss"]] == [1, 2, 3] == told
    (written,) = (event_files.folder_of(study) / "trial-0").iterdir()
    written.write_bytes(written.read_bytes()[:-30])  # as if it had been killed
    assert studio.finish(study) == [Outcome.COMPLETE]
    scalars, _ = read(study, "trial-0")
    (trial,) = records.trials(studio.db, study)
    scalars.pop("value")
    assert scalars == expected(studio, trial) and [*scalars["loss"]] == [1, 2, 3, 4, 5, 6]


def test_folds_have_folders_of_their_own(studio):
    study = studio.study(
        data={"folds": 2}, training={"epochs": 2, "repeats": 2, **ASKED}, study={"trials": 1}
    )
    studio.finish(study)
    (trial,) = records.trials(studio.db, study)
    names = ("repeat-1-fold-1", "repeat-1-fold-2", "repeat-2-fold-1", "repeat-2-fold-2")
    for part, name in enumerate(names):
        assert read(study, f"trial-0/{name}")[0] == expected(studio, trial, part)
    assert [*read(study, "trial-0")[0]] == ["value"]


def test_failed_trials_are_marked(studio):
    study = studio.study(
        training={"epochs": 2, **ASKED}, study={"trials": 1}, space={"learning_rate": 1e30}
    )
    assert studio.finish(study) == [Outcome.FAILED]
    _, data = read(study, "trial-0")
    assert data[metadata.SESSION_END_INFO_TAG].session_end_info.status == 2  # failure


def test_a_full_disk_does_not_end_the_trial(studio, monkeypatch, caplog):
    def full(self, told):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(event_files.EventFiles, "epoch", full)
    study = studio.study(training={"epochs": 2, **ASKED}, study={"trials": 1})
    assert studio.finish(study) == [Outcome.COMPLETE]
    assert caplog.messages.count(
        "trial 0: nothing more for EventFiles: [Errno 28] No space left on device"
    ) == 1  # fmt: skip


def test_without_the_package_it_is_refused(studio, monkeypatch):
    path = studio.write(training=ASKED)
    file = config.load(path)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"^study.toml: \[training\] tensorboard: received true"):
        inspection.glance(file, path)
    monkeypatch.undo()
    extras.check(file, "study.toml")
    study = creation.create(studio.db, file, studio.folder, inspection.inspect(file, path))
    off = config.overridden(file, {"training": {"tensorboard": False}})
    (change,) = config.differences(file, off)
    assert (change.key, change.effect) == ("training.tensorboard", "applies")
    assert study.config["file"]["training"]["tensorboard"] is True
