"""The trial of a worker that its launcher has seen die is free, or fails, at once."""

import pytest

from studyhall.search.launcher import dead_workers
from studyhall.search.launcher.crew import Dead
from studyhall.search.process import device_memory
from studyhall.storage.queries import records, status
from studyhall.storage.trials.claimed_trial import Claim

LARGE = {"trial": 0, "parameters": 1_000_000_000, "batch_size": 512}


@pytest.fixture
def died(studio):
    """A worker claims the trial that is free, and dies of something."""

    def die(study, **about):
        store = studio.worker(study).context.store
        claim = store.claim()
        assert isinstance(claim, Claim)
        store.close()
        about = {"how": "SIGKILL", "out_of_memory": False, "model": {}, **about}
        return dead_workers.bury(studio.db, study, Dead(store._worker.name, **about))

    return die


def test_its_trial_is_free_at_once(studio, died):
    study = studio.study(study={"trials": 1})
    assert died(study)
    (left,) = status.status(studio.db, study).running
    assert (left.held, left.memory_failures) == (False, 0)
    assert [outcome.value for outcome in studio.finish(study)] == ["complete"]


def test_a_worker_without_a_trial_leaves_nothing(studio):
    dead = Dead("worker-1@here:1", "SIGKILL", out_of_memory=True, model={})
    assert not dead_workers.bury(studio.db, studio.study(), dead)


def test_without_memory_it_is_tried_once_more(studio, died):
    study = studio.study(study={"trials": 1}, workers={"retries": 0})
    assert died(study, out_of_memory=True, model=LARGE)
    (left,) = status.status(studio.db, study).running
    assert (left.held, left.memory_failures) == (False, 1)
    assert died(study, out_of_memory=True, model=LARGE)
    (trial,) = records.trials(studio.db, study)
    assert (trial.state, trial.attributes["stopped"]) == ("FAIL", "out of memory")
    reason = "out of memory, 2 times: 1,000,000,000 parameters, 512 samples per batch; SIGKILL"
    assert trial.attributes["reason"] == reason
    assert status.status(studio.db, study).out_of_memory.trials == 1


def test_a_larger_worker_may_try_it_a_third_time(studio, died, monkeypatch):
    study = studio.study(study={"trials": 1})
    monkeypatch.setenv(device_memory.DECLARED, "8000")
    studio.colleague(study, 16_000)
    for _ in range(2):
        died(study, out_of_memory=True, model=LARGE)
    (left,) = status.status(studio.db, study).running
    assert (left.held, left.memory_failures, left.too_small_mib) == (False, 2, 8000)
    monkeypatch.setenv(device_memory.DECLARED, "16000")
    died(study, out_of_memory=True, model=LARGE)  # of the larger one
    (trial,) = records.trials(studio.db, study)
    assert trial.state == "FAIL" and "out of memory, 3 times" in trial.attributes["reason"]


def test_what_it_said_of_an_earlier_trials_model_is_of_no_use(studio, died):
    study = studio.study(study={"trials": 1})
    for _ in range(2):
        died(study, out_of_memory=True, model={**LARGE, "trial": 7})
    (trial,) = records.trials(studio.db, study)
    assert "2 times: before its model was built; SIGKILL" in trial.attributes["reason"]


def test_a_trial_that_kills_its_workers_is_failed_at_last(studio, died):
    study = studio.study(study={"trials": 1}, workers={"retries": 1})
    died(study)
    died(study)
    (trial,) = records.trials(studio.db, study)
    assert (trial.state, trial.attributes["stopped"]) == ("FAIL", "worker died")


def test_while_the_database_is_away_its_silence_must_do(studio, died, monkeypatch):
    study = studio.study(study={"trials": 1})
    monkeypatch.setattr(studio.db, "away_since", 1.0)
    dead = Dead("worker-1@here:1", "SIGKILL", out_of_memory=False, model={})
    assert not dead_workers.bury(studio.db, study, dead)
