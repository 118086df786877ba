"""The database's clock is set back or forth by hours: no live worker is lost, no time credited."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from studyhall.storage.database import Database
from studyhall.storage.leases.orders import Order
from studyhall.storage.leases.silence import Terms
from studyhall.storage.leases.workers import Worker
from studyhall.storage.queries import records, status
from studyhall.storage.studies import notices, studies
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials import control
from studyhall.storage.trials.claim import Waiting
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.trial_store import TrialStore
from tests import clock_shift
from tests.plain_store import plain_store

HOUR_S = 3600.0
TERMS = Terms(silence_s=30.0, retries=2, heartbeat_s=0.2)
steps = pytest.mark.parametrize("step", [-5 * HOUR_S, 5 * HOUR_S], ids=["back", "forth"])


@pytest.fixture
def clock(db: Database) -> Iterator[Callable[[float], None]]:
    """Sets the clock of the database."""
    with clock_shift.shifted(db):
        yield lambda seconds: clock_shift.shift(db, seconds)


@pytest.fixture
def study(db: Database) -> Study:
    """A study of two trials, with limits of time far above what the tests take."""
    return studies.create(
        db, "study", config={}, seed=0, trials=2, seconds=HOUR_S, gpu_seconds=HOUR_S
    )[0]


@pytest.fixture
def worker(db: Database, study: Study) -> Iterator[Callable[..., TrialStore]]:
    """Makes workers of the study, each a process of its own as far as clocks go."""
    made: list[TrialStore] = []

    def make(name: str, terms: Terms = TERMS) -> TrialStore:
        own = Database(db._address)
        made.append(plain_store(own, study, Worker(name, "host", 1, "cpu"), terms=terms))
        return made[-1]

    yield make
    for one in made:
        one.close()
        one._db.close()


def claimed(store: TrialStore) -> Claim:
    claim = store.claim()
    assert isinstance(claim, Claim), claim
    return claim


def beaten(db: Database, study: Study) -> None:
    """Waits until every held lease has been renewed after the step."""
    until = time.monotonic() + 60.0
    while any(one.silent_s > 5.0 for one in status.status(db, study).held):
        assert time.monotonic() < until, "no heartbeat came"
        time.sleep(0.02)


@steps
def test_no_live_worker_is_taken_for_silent(db, study, worker, clock, step):
    ann, bob = worker("ann"), worker("bob")
    claims = [claimed(ann), claimed(bob)]
    newcomer, watching = worker("newcomer"), worker("watching")
    assert isinstance(watching.claim(), Waiting)
    time.sleep(TERMS.grace_s)
    assert isinstance(watching.claim(), Waiting)  # it could tell by now
    clock(step)
    assert isinstance(watching.claim(), Waiting)
    assert isinstance(newcomer.claim(), Waiting)
    with closing(Database(db._address)) as own:
        assert control.reap(own, study, TERMS) in (None, [])
    beaten(db, study)
    for store, claim in zip((ann, bob), claims, strict=True):
        assert store.report(claim, 1, 0.5, {}) is Order.GO_ON
        store.tell(claim, "COMPLETE", 0.5)
    assert [one.attempt for one in records.trials(db, study)] == [1, 1]


@steps
def test_a_dead_worker_is_found_all_the_same(db, study, worker, clock, step):
    dead, heir = worker("dead"), worker("heir")
    lost = claimed(dead)
    dead.close()
    clock(step)
    until = time.monotonic() + 60.0
    other = claimed(heir)
    assert other.number == 1, "at first it can't tell"
    while not isinstance(claim := heir.claim(), Claim):
        assert time.monotonic() < until, "the dead worker was never found"
        time.sleep(0.05)
    assert (claim.number, claim.attempt) == (lost.number, 2)


@steps
def test_neither_more_nor_less_time_is_counted_than_has_passed(db, study, worker, clock, step):
    began, ann = time.monotonic(), worker("ann")
    claim = claimed(ann)
    for epoch in range(1, 4):
        clock(step)
        assert ann.report(claim, epoch, 0.5, {}) is Order.GO_ON
        beaten(db, study)
        state = status.status(db, study)
        assert not state.spent
        for used in (state.seconds_used, state.gpu_seconds_used):
            assert 0.0 <= used <= time.monotonic() - began
    ann.tell(claim, "COMPLETE", 0.5)
    state, (trial,) = status.status(db, study), records.trials(db, study)
    passed = time.monotonic() - began
    assert 0.0 < state.gpu_seconds_used == trial.gpu_seconds_used <= passed
    assert 0.0 <= state.seconds_used <= passed
    assert trial.started_at is not None and trial.finished_at is not None
    assert trial.started_at <= trial.finished_at
    assert state.finished_per_hour is None
    optunas = "SELECT count(*) FROM trials WHERE datetime_complete < datetime_start"
    assert db.snapshot(lambda t: t.value(optunas)) == 0


def test_the_time_limit_holds_whatever_the_clock_does(db, worker, clock):
    """A study of three seconds, whose clock is set back and forth all the time."""
    study, _ = studies.create(db, "short", config={}, seed=0, trials=9, seconds=3.0)
    ann = plain_store(db, study, terms=TERMS)
    began, claim, epoch, order = time.monotonic(), claimed(ann), 0, Order.GO_ON
    while order is Order.GO_ON:
        assert time.monotonic() - began < 60.0
        epoch += 1
        if epoch % 20 == 0:
            clock((-1) ** (epoch // 20) * 5 * HOUR_S)
        order = ann.report(claim, epoch, 0.5, {})
        time.sleep(0.02)
    assert order is Order.TIME_UP
    assert time.monotonic() - began >= 3.0
    ann.release(claim)
    ann.close()


@steps
def test_the_rate_of_results_is_that_since_the_step(db, worker, clock, step):
    study, _ = studies.create(db, "many", config={}, seed=0, trials=99)
    ann = plain_store(db, study, terms=TERMS)

    def finish(count: int) -> None:
        for _ in range(count):
            claim = claimed(ann)
            ann.report(claim, 1, 0.5, {})
            ann.tell(claim, "COMPLETE", 0.5)
            clock(60.0)

    finish(5)
    assert status.status(db, study).finished_per_hour == pytest.approx(60.0, rel=0.05)
    clock(step)
    finish(5)
    assert status.status(db, study).finished_per_hour == pytest.approx(60.0, rel=0.05)
    ann.close()


@steps
def test_a_notice_does_not_wait_for_the_clock_to_catch_up(db, study, clock, step):
    notices.add(db, study, "key", {"event": "x"})
    taken = notices.take(db, study)
    assert taken is not None and notices.take(db, study) is None
    clock(step)
    again = notices.take(db, study)
    assert again is not None and again.tries == 2


@pytest.mark.timeout(120)
def test_machines_whose_clocks_are_an_hour_apart(
    postgres_url: str, crew: Callable[..., Any]
) -> None:
    """On one server; one of the workers is killed, and the other machine takes its trial over."""
    server = Database.open(postgres_url)
    study, _ = studies.create(server, "study", config={}, seed=0, trials=8, seconds=HOUR_S)
    began = time.monotonic()
    crews = [
        crew(server, epochs=10, epoch_s=0.03, silence_s=2.0, heartbeat_s=0.2, machine_ahead_s=s)
        for s in (-HOUR_S, HOUR_S)
    ]
    for one in crews:
        one.start(1)
    _wait(lambda: len(status.status(server, study).held) == 2)
    assert all(one.silent_s < 60.0 for one in status.status(server, study).held)
    crews[0].kill_one()
    for one in crews:
        one.join()
    found = records.trials(server, study)
    assert [(one.state, one.epochs) for one in found] == [("COMPLETE", 10)] * 8
    assert sum(one.attempt - 1 for one in found) == 1
    assert not any(one.said("twice") for one in crews)
    assert 0.0 < status.status(server, study).seconds_used <= time.monotonic() - began
    server.close()


@pytest.mark.timeout(120)
def test_a_worker_that_slept_for_a_day_gives_its_trial_up(
    db: Database, crew: Callable[..., Any], clock: Callable[[float], None]
) -> None:
    study, _ = studies.create(db, "study", config={}, seed=0, trials=3)
    workers = crew(db, epochs=60, epoch_s=0.02, silence_s=20.0, heartbeat_s=0.2, shifted=True)
    workers.start(1)
    _wait(lambda: any(one.epoch > 3 for one in status.status(db, study).running))
    (sleeper,) = workers.running
    os.kill(sleeper.pid, signal.SIGSTOP)
    clock(24 * HOUR_S)
    workers.start(1)
    _wait(lambda: any(one.attempt == 2 for one in records.trials(db, study)))
    os.kill(sleeper.pid, signal.SIGCONT)
    workers.join()
    assert workers.said("lost") == [f"0 {sleeper.pid}"]
    found = records.trials(db, study)
    assert [(one.number, one.state, one.epochs) for one in found] == [
        (number, "COMPLETE", 60) for number in range(3)
    ]
    for one in found:
        epochs = [row["epoch"] for row in records.history(db, one.trial_id)]
        assert epochs == list(range(1, 61))


def _wait(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60.0
    while not condition():
        assert time.monotonic() < until, "it has not come about"
        time.sleep(0.05)
