"""Orders from outside: who is asked to leave, what is said, and what a trial ends as."""

import threading

import pytest

from studyhall.search import worker
from studyhall.search.cli import lifecycle, stopping
from studyhall.search.process.stop import STOPPED, Stop
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.trial.context import Outcome
from studyhall.storage.database.companions import CONFIRM
from studyhall.storage.leases.workers import Worker
from studyhall.storage.queries import records, status
from studyhall.storage.sampling import pruning, samplers
from studyhall.storage.studies import retrainings
from studyhall.storage.studies.retrainings import Retraining
from studyhall.storage.trials.claim import Exhausted
from studyhall.storage.trials.trial_store import TrialStore

GO_ON = "studyhall resume iris"


@pytest.fixture
def study(studio):
    """Two trials of six epochs."""
    return studio.study(training={"epochs": 6, "patience": "none"})


def working(studio, study):
    """A worker with a trial in hand: its store, its objective, its claim."""
    objective = studio.worker(study)
    claim = objective.context.store.claim()
    objective.context.store._holding.heartbeat._beat()  # it is on the list of workers
    return objective, claim


def test_whoever_works_is_named_and_leaves_after_its_epoch(studio, study, capsys):
    objective, claim = working(studio, study)
    objective.context.store.write_params(claim)
    assert stopping.stop_study(studio.db, study, 0, GO_ON) == 0
    asked, name, last = capsys.readouterr().out.splitlines()
    assert asked == "asked to finish the epoch, save a checkpoint and stop: 1 worker"
    assert name.startswith("  worker@") and name.endswith(": trial 0, epoch 0")
    assert last == "to continue: studyhall resume iris"
    assert objective.run(claim) is Outcome.HANDED_BACK
    assert objective.context.stop.code == STOPPED
    (waiting,) = status.status(studio.db, study).running
    assert (waiting.epoch, waiting.held, waiting.checkpoint is not None) == (1, False, True)


def test_no_worker_begins_until_it_is_resumed(studio, study, capsys, caplog):
    caplog.set_level("INFO")
    assert stopping.stop_study(studio.db, study, 0, GO_ON) == 0
    said = 'no worker is on study "iris"; none will start a trial\nto continue: ' + GO_ON
    assert capsys.readouterr().out == said + "\n"
    stop = Stop()
    worker.work(studio.db, study, stop)
    assert stop.code == STOPPED and "studyhall resume" in caplog.text
    stopping.lift(studio.db, study)
    stopping.lift(studio.db, study)
    assert capsys.readouterr().out.count('study "iris" was stopped and continues') == 1
    worker.work(studio.db, study, Stop())
    assert [trial.state for trial in records.trials(studio.db, study)] == ["COMPLETE"] * 2


def test_waiting_ends_with_the_last_worker(studio, study, capsys):
    objective, claim = working(studio, study)
    leaving = threading.Timer(0.5, lambda: _leave(objective, claim))
    leaving.start()
    assert stopping.stop_study(studio.db, study, 60, GO_ON) == 0
    leaving.join()
    assert "all workers have stopped" in capsys.readouterr().out


def test_what_is_trained_beside_a_search_is_stopped_too(studio, study, capsys):
    """Though the study has spent its budget."""
    worker.work(studio.db, study, Stop())
    capsys.readouterr()
    best, _ = records.best(studio.db, study, 1)
    wanted = [Retraining(CONFIRM, best[0].number, repeat, 100, 5) for repeat in (0, 1)]
    retrainings.plan(studio.db, study, CONFIRM, wanted)
    about = Worker("ann", "here", 1, "cpu"), samplers.named("random", study_seed=0)
    hidden = retrainings.hidden(study, CONFIRM)
    store = TrialStore(studio.db, hidden, *about, pruning.Never(), trial_seed=int)
    store.claim()
    assert stopping.stop_study(studio.db, study, 0.3, GO_ON) == stopping.STILL_BUSY
    store.close()
    asked, name, still, last = capsys.readouterr().out.splitlines()
    assert asked.endswith(": 1 worker") and name == "  ann: a training for confirm, epoch 0"
    assert still.endswith("ann (a training for confirm, epoch 0)")
    assert last == "to continue: studyhall confirm iris"
    assert store.claim() == Exhausted("stopped")


def _leave(objective, claim):
    objective.context.store.release(claim)
    objective.context.store.close()


def test_waiting_in_vain_says_for_whom(studio, study, capsys):
    working(studio, study)
    assert stopping.stop_study(studio.db, study, 0.3, GO_ON) == stopping.STILL_BUSY
    assert "still busy after 0.3 s: worker@" in capsys.readouterr().out


def test_a_worker_that_fell_silent_is_not_waited_for(studio, study, capsys):
    objective, _ = working(studio, study)
    objective.context.store._holding.heartbeat.stop()
    for table, heard in (("leases", "heard_at"), ("workers", "seen_at")):
        studio.db.transaction(
            lambda t, a=table, b=heard: t.run(f"UPDATE studyhall_{a} SET {b} = {b} - 1000")
        )
    assert stopping.stop_study(studio.db, study, 60, GO_ON) == 0
    assert "no worker is on study" in capsys.readouterr().out


def test_a_study_that_is_done_is_not_stopped(studio, study, capsys):
    studio.finish(study)
    stopping.stop_study(studio.db, study, 0, GO_ON)
    assert "there is nothing to stop" in capsys.readouterr().out
    assert not status.status(studio.db, study).stopping


def test_one_trial_ends_as_pruned_with_its_best_epochs_value(studio, study, capsys, monkeypatch):
    objective, claim = working(studio, study)
    store = objective.context.store
    report = store.report

    def asked_at_three(claim, epoch, *others, **named):
        if epoch == 3:
            stopping.stop_trial(studio.db, study, 0)
        return report(claim, epoch, *others, **named)

    monkeypatch.setattr(store, "report", asked_at_three)
    assert objective.run(claim) is Outcome.PRUNED
    assert "trial 0 will end as pruned after its current epoch" in capsys.readouterr().out
    (trial,) = records.trials(studio.db, study)
    rows = records.history(studio.db, trial.trial_id)
    assert len(rows) == 3 and trial.value == min(row["value"] for row in rows)
    assert trial.attributes["stopped"] == "by hand"


def test_a_trial_without_a_worker_ends_at_once(studio, study, capsys):
    objective, claim = working(studio, study)
    objective.context.store.release(claim)
    stopping.stop_trial(studio.db, study, 0)
    assert "trial 0 had no worker and has ended as pruned" in capsys.readouterr().out
    assert [trial.state for trial in records.trials(studio.db, study)] == ["PRUNED"]


def test_a_trial_that_is_not_under_way_is_a_mistake(studio, study):
    with pytest.raises(ConfigError, match=r"--trial: received 5, expected a running trial; there"):
        stopping.stop_trial(studio.db, study, 5)
    working(studio, study)
    with pytest.raises(ConfigError, match=r"--trial: received 5, expected 0$"):
        stopping.stop_trial(studio.db, study, 5)


def test_a_launch_whose_workers_were_stopped_says_so(studio, study, capsys, monkeypatch):
    def stopped(db, *_, **__):
        stopping.stop_study(db, study, 0, GO_ON)
        return 0

    monkeypatch.setattr(lifecycle.launch, "launch", stopped)
    code = lifecycle.run(studio.db, study, "sqlite:///studyhall.db", [], quiet=True)
    assert code == STOPPED
    assert "somebody stopped the study" in capsys.readouterr().out
