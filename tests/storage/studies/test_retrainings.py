"""Trainings outside of the search: each is one process's at a time, and its result is kept."""

import dataclasses

import pytest

from studyhall.storage.database import Database
from studyhall.storage.leases.leases import Worker
from studyhall.storage.studies import retrainings, studies
from studyhall.storage.studies.retrainings import CONFIRM, DATACURVE, Retraining
from studyhall.storage.studies.rows import Study

ANN, BOB = Worker("ann", "one", 1, "cpu"), Worker("bob", "two", 2, "gpu 0", 0.5)
SILENCE_S = 90.0


@pytest.fixture
def study(db: Database) -> Study:
    study, _ = studies.create(db, "study", config={}, seed=0, trials=3)
    retrainings.plan(db, study, CONFIRM, wanted(7, 3))
    return study


def wanted(*trials: int) -> list[Retraining]:
    return [Retraining(CONFIRM, trial, repeat, 100, 5) for trial in trials for repeat in (0, 1)]


def claim(db: Database, study: Study, worker: Worker, **how: object) -> Retraining | None:
    silence_s = how.pop("silence_s", SILENCE_S)
    return retrainings.claim(db, study, CONFIRM, worker, silence_s, **how)  # type: ignore[arg-type]


def test_each_is_taken_once_the_first_repeats_first(db: Database, study: Study) -> None:
    taken = [claim(db, study, worker) for worker in (ANN, BOB)]
    assert [(one.trial, one.repeat) for one in taken if one] == [(3, 0), (7, 0)]
    assert retrainings.finish(db, study, taken[0], {"value": 0.5}, 8.0)
    following = claim(db, study, ANN)
    assert following is not None and (following.trial, following.repeat) == (3, 1)
    (first, *_) = retrainings.read(db, study, CONFIRM)
    assert (first.result, first.gpu_seconds, first.worker) == ({"value": 0.5}, 8.0, "ann")
    assert retrainings.claim(db, study, DATACURVE, ANN, SILENCE_S) is None


def test_one_whose_worker_is_gone_is_somebody_elses(db: Database, study: Study) -> None:
    lost = claim(db, study, ANN)
    assert lost is not None and retrainings.heard(db, study, lost, 2.0)
    found = claim(db, study, BOB, is_dead=lambda one: one.worker == "ann")
    assert found == dataclasses.replace(lost, worker="bob", host="two", pid=2, gpu_seconds=2.0)
    assert not retrainings.heard(db, study, lost, 1.0)
    assert not retrainings.finish(db, study, lost, {}, 1.0)
    assert retrainings.read(db, study, CONFIRM)[0].gpu_seconds == 2.0
    silent = claim(db, study, ANN, silence_s=-1.0)
    assert silent is not None and silent.key == lost.key


def test_what_is_handed_back_waits_again(db: Database, study: Study) -> None:
    for worker in (ANN, BOB):
        assert claim(db, study, worker)
    retrainings.release(db, study, "ann")
    assert [one.worker for one in retrainings.read(db, study, CONFIRM)][:2] == [None, "bob"]


def test_a_new_plan_keeps_what_is_begun(db: Database, study: Study) -> None:
    done = claim(db, study, ANN)
    assert done is not None
    retrainings.finish(db, study, done, {"value": 1.0}, 1.0)
    assert claim(db, study, BOB)
    retrainings.plan(db, study, CONFIRM, wanted(3, 9))
    found = [(one.trial, one.repeat, one.worker) for one in retrainings.read(db, study, CONFIRM)]
    assert found == [(3, 0, "ann"), (7, 0, "bob"), (9, 0, None), (3, 1, None), (9, 1, None)]


def test_a_result_may_lose_its_model_or_be_trained_again(db: Database, study: Study) -> None:
    done = claim(db, study, ANN)
    assert done is not None
    retrainings.finish(db, study, done, {"value": 1.0, "model": "model-study-3"}, 1.0)
    retrainings.revise(db, study, done, {"value": 1.0})
    assert retrainings.read(db, study, CONFIRM)[0].result == {"value": 1.0}
    retrainings.revise(db, study, done, None)
    again = claim(db, study, BOB)
    assert again is not None and again.key == done.key and again.result is None


def test_they_go_with_their_study(db: Database, study: Study) -> None:
    studies.delete(db, study)
    other, _ = studies.create(db, "study", config={}, seed=0, trials=3)
    assert retrainings.read(db, other, CONFIRM) == []


def test_the_checkpoint_stays_with_it_until_its_end(db: Database, study: Study) -> None:
    one = claim(db, study, ANN)
    assert one is not None and one.checkpoint is None
    assert retrainings.point(db, study, one, "first")
    assert retrainings.heard(db, study, one, 2.0)
    retrainings.release(db, study, "ann")
    retrainings.plan(db, study, CONFIRM, wanted(3))  # again; the other trial is not wanted any more
    rows = retrainings.read(db, study, CONFIRM)
    assert [(row.trial, row.checkpoint, row.gpu_seconds) for row in rows] == [
        (3, "first", 2.0),
        (3, None, 0.0),
    ]
    again = claim(db, study, BOB)
    assert again is not None and again.checkpoint == "first"
    assert not retrainings.point(db, study, one, "late")
    assert retrainings.finish(db, study, again, {"value": 0.5}, 1.0)
    assert retrainings.read(db, study, CONFIRM)[0].checkpoint is None
