"""The status of a study, at once even if the study is large."""

import sys
import time
from pathlib import Path

import pytest

from studyhall.storage.database import Database
from studyhall.storage.leases.workers import Worker
from studyhall.storage.queries import status
from studyhall.storage.studies import rows, studies
from studyhall.storage.trials.claimed_trial import Claim
from tests.plain_store import held_longer, plain_store

sys.path.append(str(Path(__file__).parents[3]))
from benchmarks import storage_filling


def test_a_fresh_study_has_nothing_to_show(db: Database) -> None:
    study, _ = studies.create(
        db, "fresh", config={}, seed=0, trials=4, queue=[rows.Queued({"x": 1})]
    )
    state = status.status(db, study)
    assert state.counts == {"RUNNING": 0, "COMPLETE": 0, "PRUNED": 0, "FAIL": 0}
    assert (state.used, state.limit, state.queued, state.finished) == (0, 4, 1, 0)
    assert (state.incumbent, state.running, state.finished_per_hour) == (None, [], None)
    assert (state.seconds_used, state.gpu_seconds_used, state.stopping) == (0, 0, False)


def test_shows_who_runs_what_and_who_is_the_best(db: Database) -> None:
    study, _ = studies.create(db, "busy", config={}, seed=0, trials=9)
    store = plain_store(db, study, Worker("worker-1", "host-1", 42, "gpu 0"))
    for state, value in (("COMPLETE", 0.3), ("COMPLETE", 0.2), ("PRUNED", 0.1), ("FAIL", None)):
        claim = store.claim()
        assert isinstance(claim, Claim)
        store.tell(claim, state, value)
    claim = store.claim()
    assert isinstance(claim, Claim)
    for epoch, value in ((1, 0.5), (2, 0.4), (3, 0.45)):
        store.report(claim, epoch, value, {})
    state = status.status(db, study)
    assert state.counts == {"RUNNING": 1, "COMPLETE": 2, "PRUNED": 1, "FAIL": 1}
    assert (state.used, state.finished) == (5, 4)
    assert state.incumbent is not None
    assert (state.incumbent.number, state.incumbent.value) == (1, 0.2)
    (running,) = state.running
    assert (running.number, running.worker, running.host, running.pid, running.device) == (
        4, "worker-1", "host-1", 42, "gpu 0",
    )  # fmt: skip
    assert running.name is None
    assert (running.epoch, running.value, running.best, running.held) == (3, 0.45, 0.4, True)
    assert 0 <= running.silent_s < 5
    assert state.finished_per_hour is not None
    assert (running.fence, running.epochs, running.memory_failures) == (1, 3, 0)
    assert (state.takeovers, state.repeated_epochs, state.repeated_s) == (0, 0, 0.0)
    store.close()


def test_what_trials_cost_that_ran_out_of_memory(db: Database) -> None:
    study, _ = studies.create(db, "tight", config={}, seed=0, trials=9)
    store = plain_store(db, study, Worker("worker-1", "host-1", 42, "gpu 0", devices=2.0))
    stopped = ("out of memory", "out of memory", "diverged", None)
    for seconds, stop in zip((10, 20, 40, 80), stopped, strict=True):
        claim = store.claim()
        assert isinstance(claim, Claim)
        held_longer(claim, seconds)
        store.tell(claim, "FAIL", None, attributes={"stopped": stop} if stop else {})
    state = status.status(db, study)
    assert state.out_of_memory.trials == 2
    assert state.out_of_memory.gpu_seconds == pytest.approx(60, abs=3)
    assert state.gpu_seconds_used == pytest.approx(300, abs=6)
    store.close()


@pytest.mark.timeout(120)
def test_a_large_study_answers_within_a_second(db: Database) -> None:
    study = storage_filling.fill(db, "large", finished=100_000, running=8, reports=False)
    started = time.perf_counter()
    state = status.status(db, study)
    assert time.perf_counter() - started < 1.0
    assert state.counts == {"RUNNING": 8, "COMPLETE": 75_000, "PRUNED": 25_000, "FAIL": 0}
    assert state.incumbent is not None
    assert state.incumbent.number == 0
