"""Trainings anew that are killed, stopped or hang: they go on where they were, and end in time."""

import os
import signal
import subprocess
import sys
import time

import pytest

from studyhall.search import worker
from studyhall.search.process import identity, recycling
from studyhall.search.process.stop import Stop
from studyhall.search.retraining import confirm_result
from studyhall.search.retraining import hidden_trials as working
from studyhall.search.retraining.trainer import Retrainer
from studyhall.search.study import record
from studyhall.search.training import training
from studyhall.search.trial import time_limit
from studyhall.search.trial.objective import Objective
from studyhall.search.trial.time_limit import TimeLimit
from studyhall.storage.artifacts import retention
from studyhall.storage.database.companions import CONFIRM
from studyhall.storage.leases.silence import Terms
from studyhall.storage.leases.workers import Worker
from studyhall.storage.queries import records
from studyhall.storage.sampling import pruning, samplers
from studyhall.storage.studies import retrainings
from studyhall.storage.trials import control
from studyhall.storage.trials.trial_store import TrialStore

LONG = {"epochs": 80, "patience": "none", "checkpoint_every_s": 0}


class Killed(BaseException):
    """Nothing catches it: the process is gone."""


def planned(studio, count=1, **about):
    """A study of one trial, which is to be trained anew so often."""
    study = studio.study(study={"trials": 1}, **about)
    studio.finish(study)
    confirm_result.plan(studio.db, study, 1, count)
    return study


def rows(studio, study):
    return retrainings.read(studio.db, study, CONFIRM)


def objects(study, kind):
    return [one.name for one in record.objects(study).objects() if one.kind == kind]


def whole(studio, study, row):
    """The values of all epochs of each fold, trained without a break."""
    stored = record.stored(study)
    plan = worker.plan_of(stored, stored.folder, study)
    trial = records.trial(studio.db, study, row.trial)
    folds = range(len(plan.data.folds))
    runs = [Retrainer(plan).training(trial, row.seed + fold, fold) for fold in folds]
    return [[epoch.value for epoch in run.epochs()] for run in runs]


@pytest.fixture
def trained(monkeypatch):
    """Epochs that were trained here, one by one; at which of them to do what."""
    counted, then = [], {}
    count = TimeLimit.count_epoch

    def one_more(limit):
        counted.append(1)
        then.get(len(counted), lambda: None)()
        count(limit)

    monkeypatch.setattr(TimeLimit, "count_epoch", one_more)
    monkeypatch.setattr(training, "CALL_S", 0.0)  # or a checkpoint would hold later epochs too
    return counted, then


def kill(*_):
    raise Killed


@pytest.mark.parametrize("about", [{}, {"data": {"folds": 2}}], ids=["one", "folds"])
def test_a_kill_costs_the_epochs_since_the_checkpoint(studio, monkeypatch, trained, about):
    """In the last fold, and nothing is left in the folder but the model."""
    training = {**LONG, "epochs": 6, "checkpoint_every_epochs": 2}
    study = planned(studio, training=training, **about)
    folds = about.get("data", {}).get("folds", 1)
    counted, then = trained
    counted.clear()
    killed_at = 6 * (folds - 1) + 5  # after the fourth epoch's checkpoint
    then[killed_at] = kill
    with monkeypatch.context() as dying:
        dying.setattr(Objective, "_give_back", lambda *_: None)
        with pytest.raises(Killed):
            working.work(studio.db, study, CONFIRM, Stop())
    (left,) = rows(studio, study)
    assert [left.checkpoint] == objects(study, "checkpoint") and left.result is None
    retention.tidy(studio.db, study, record.objects(study), keep_models=1, max_bytes=10**9)
    assert [left.checkpoint] == objects(study, "checkpoint")
    counted.clear()
    working.work(studio.db, study, CONFIRM, Stop())
    assert len(counted) == 2
    (row,) = rows(studio, study)
    values = [min(each) for each in whole(studio, study, row)]
    assert row.result.get("folds", [row.result["value"]]) == values
    assert row.checkpoint is None
    assert objects(study, "checkpoint") == []


def test_what_is_handed_back_goes_on_after_another_call(studio, trained):
    training = {**LONG, "epochs": 6, "checkpoint_every_epochs": 100}
    study = planned(studio, count=2, training=training)
    counted, then = trained
    counted.clear()
    stop = Stop()
    then[3] = stop.ask
    working.work(studio.db, study, CONFIRM, stop)
    left, other = rows(studio, study)
    assert left.worker is None and left.checkpoint and left.gpu_seconds > 0
    confirm_result.plan(studio.db, study, 1, 2)
    assert rows(studio, study) == [left, other]
    counted.clear()
    working.work(studio.db, study, CONFIRM, Stop())
    assert len(counted) == 3 + 6
    first, second = rows(studio, study)
    assert [first.result["value"]] == [min(each) for each in whole(studio, study, first)]
    assert first.gpu_seconds > left.gpu_seconds
    assert second.result["value"] != first.result["value"] and not objects(study, "checkpoint")


def test_a_damaged_checkpoint_costs_the_training(studio, trained, caplog):
    study = planned(studio, training={**LONG, "epochs": 6, "checkpoint_every_epochs": 100})
    counted, then = trained
    counted.clear()
    stop = Stop()
    then[3] = stop.ask
    working.work(studio.db, study, CONFIRM, stop)
    (left,) = rows(studio, study)
    record.objects(study).path(left.checkpoint).write_bytes(b"nonsense")
    working.work(studio.db, study, CONFIRM, Stop())
    (row,) = rows(studio, study)
    assert "trial 0 restarts" in caplog.text
    assert [row.result["value"]] == [min(each) for each in whole(studio, study, row)]


def test_whoever_has_lost_it_leaves_the_others_checkpoint_alone(studio, trained):
    study = planned(studio, training={**LONG, "epochs": 6, "checkpoint_every_epochs": 2})
    counted, then = trained
    counted.clear()
    stop, hidden = Stop(), retrainings.hidden(study, CONFIRM)
    about = Worker("other", "elsewhere", 1, "cpu"), samplers.named("random", study_seed=0)
    other = TrialStore(studio.db, hidden, *about, pruning.Never(), trial_seed=int)

    def take():
        control.reap(studio.db, hidden, Terms(silence_s=-1.0))
        assert other.claim().checkpoint is not None
        stop.ask()  # and so it would save it

    then[3] = take
    working.work(studio.db, study, CONFIRM, stop)
    other.close()
    (row,) = rows(studio, study)
    assert (row.worker, len(records.history(studio.db, row.trial_id))) == ("other", 2)
    assert objects(study, "checkpoint") == [row.checkpoint]


@pytest.fixture
def process(studio, monkeypatch):
    """Starts a process that confirms a study; it is killed in the end."""
    started = []

    def start(study):
        command = [sys.executable, "-P", "-m", "studyhall", "retrain", CONFIRM, study.name]
        url = studio.db.url.render_as_string(hide_password=False)
        environment = {**os.environ, "STUDYHALL_STORAGE": url, identity.PLACE: "worker-1"}
        started.append(subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL))
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.wait()


def saved(studio, study, repeat):
    """Wait until a process of its own has saved the training of this repeat."""
    until = time.monotonic() + 120
    while not rows(studio, study)[repeat].checkpoint and time.monotonic() < until:
        time.sleep(0.01)


@pytest.mark.slow
def test_a_process_that_is_killed_costs_no_epoch_before_its_checkpoint(studio, trained, process):
    """SIGKILL within the second training; the first one's result stays."""
    counted, _ = trained
    study = planned(studio, count=2, training={**LONG, "checkpoint_every_epochs": 1})
    killed = process(study)
    saved(studio, study, 1)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    done, left = rows(studio, study)
    assert done.result is not None and done.worker.startswith("worker-1@")
    assert left.result is None and left.checkpoint
    counted.clear()
    working.work(studio.db, study, CONFIRM, Stop())
    again, row = rows(studio, study)
    assert again == done and row.result is not None
    assert 0 < len(counted) < LONG["epochs"] and not objects(study, "checkpoint")
    for each in (done, row):
        assert [each.result["value"]] == [min(values) for values in whole(studio, study, each)]


def everything(studio, study):
    """All that the database and the folder hold of what was trained beside a study."""
    (row,) = rows(studio, study)
    found = records.history(studio.db, row.trial_id), row
    return (*found, record.objects(study).objects())


@pytest.mark.slow
def test_a_paused_process_writes_nothing_once_another_has_taken_its_training_over(studio, process):
    """SIGSTOP in the middle; somebody else ends the training; then it wakes."""
    study = planned(studio, training={**LONG, "epochs": 400, "checkpoint_every_epochs": 1})
    paused = process(study)
    saved(studio, study, 0)
    paused.send_signal(signal.SIGSTOP)
    (left,) = rows(studio, study)
    assert left.result is None and left.worker.startswith("worker-1@")
    hidden = retrainings.hidden(study, CONFIRM)
    assert len(control.reap(studio.db, hidden, Terms(silence_s=-1.0))) == 1
    working.work(studio.db, study, CONFIRM, Stop())
    before = everything(studio, study)
    assert before[1].result["value"] and not before[1].worker.startswith("worker-1@")
    paused.send_signal(signal.SIGCONT)
    assert paused.wait(120) == 0  # it has found out, and that nothing is left to do
    assert everything(studio, study) == before
    assert [before[1].result["value"]] == [min(v) for v in whole(studio, study, before[1])]


HANGING = """
    import keras, pathlib, time

    def build(trial, input_shape, outputs):
        here = pathlib.Path(__file__).parent
        while (here / "hang").exists():
            time.sleep(0.01)
        return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(3, "softmax")])
"""


def test_one_that_hangs_is_failed_and_its_process_ended(studio, monkeypatch, caplog):
    study = studio.study(
        HANGING,
        study={"trials": 1},
        training={"epochs": 2, "trial_minutes": 0.001},
        space={"width": None},
    )
    studio.finish(study)
    confirm_result.plan(studio.db, study, 1, 1)
    (studio.folder / "hang").touch()
    monkeypatch.setattr(time_limit, "GRACE_S", 0.2)
    monkeypatch.setattr(
        time_limit.recycling, "leave_at_once", lambda: (studio.folder / "hang").unlink(True)
    )
    working.work(studio.db, study, CONFIRM, Stop())
    (row,) = rows(studio, study)
    reason = "hung: no first epoch beyond its limit of 0.001 minutes"
    assert row.result == {"reason": reason} and f"trial 0 {reason}" in caplog.text
    assert records.trials(studio.db, study)[0].state == "COMPLETE"
    assert confirm_result.read(studio.db, study).ranked[0].reasons == [reason]


FAILING = """
    import keras, pathlib, tensorflow as tf

    def build(trial, input_shape, outputs):
        here = pathlib.Path(__file__).parent
        if (here / "memory").exists():
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
        if (here / "fail").exists():
            raise RuntimeError("not any more")
        return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(3, "softmax")])
"""


@pytest.fixture
def failing(studio):
    """A study whose builder fails once a file of this name is there, and four trainings of it."""

    def make(how):
        study = studio.study(FAILING, study={"trials": 1}, space={"width": None})
        studio.finish(study)
        confirm_result.plan(studio.db, study, 1, 4)
        (studio.folder / how).touch()
        return study

    return make


def test_all_that_fail_have_their_reasons(studio, failing):
    """A search would be stopped by so many failures in a row."""
    study = failing("fail")
    working.work(studio.db, study, CONFIRM, Stop())
    for row in rows(studio, study):
        assert row.result["reason"].endswith("RuntimeError: not any more")


def test_one_that_runs_out_of_memory_is_tried_once_more_by_a_fresh_process(studio, failing):
    study, stop = failing("memory"), Stop()
    working.work(studio.db, study, CONFIRM, stop)
    assert stop.code == recycling.EXIT_CODE
    assert [row.result or row.worker for row in rows(studio, study)] == [None] * 4
    working.work(studio.db, study, CONFIRM, Stop())
    first, *others = rows(studio, study)
    assert first.result["reason"].startswith("out of memory, 2 times")
    assert [row.result for row in others] == [None] * 3
