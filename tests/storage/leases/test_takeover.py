"""Trials that ran out of memory: which worker may try them again, and when they fail."""

from collections.abc import Callable, Iterator

import pytest

from studyhall.storage.database import Database
from studyhall.storage.leases import workers
from studyhall.storage.leases.silence import Terms
from studyhall.storage.leases.workers import Worker
from studyhall.storage.queries import records, status
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials import control
from studyhall.storage.trials.claim import Exhausted, Waiting
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.trial_store import TrialStore
from tests.plain_store import plain_store

TERMS = Terms(silence_s=60.0, retries=0, heartbeat_s=0.5)
SMALL, LARGE = 8000, 16000  # MiB
Make = Callable[[int], TrialStore]


@pytest.fixture(autouse=True)
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests have just begun to watch the database; silence counts nevertheless."""
    monkeypatch.setattr(Terms, "grace_s", 0.0)


@pytest.fixture
def study(db: Database) -> Study:
    return studies.create(db, "study", config={}, seed=0, trials=2)[0]


@pytest.fixture
def worker(db: Database, study: Study) -> Iterator[Make]:
    """Makes live workers with so much memory."""
    made: list[TrialStore] = []

    def make(mib: int) -> TrialStore:
        who = Worker(f"worker-{len(made)}", "host", 1, "cpu", memory_mib=mib)
        made.append(plain_store(db, study, who, terms=TERMS))
        db.transaction(lambda t: workers.note(t, study.study_id, who))  # as its first beat does
        return made[-1]

    yield make
    for one in made:
        one.close()


def claimed(store: TrialStore) -> Claim:
    claim = store.claim()
    assert isinstance(claim, Claim), claim
    return claim


def ran_out(*stores: TrialStore) -> None:
    """These workers take trial 0, one after the other, and run out of memory."""
    for store in stores:
        claim = claimed(store)
        assert claim.number == 0
        store.release(claim, out_of_memory=True)


def later(db: Database, seconds: int = 61, beside: str = "") -> None:
    """As if so much time had passed without a heartbeat, but of one worker."""

    def work(t) -> None:
        t.run("UPDATE studyhall_leases SET heard_at = heard_at - :s WHERE held = 0", s=seconds)
        t.run(
            "UPDATE studyhall_workers SET seen_at = seen_at - :s WHERE name <> :beside",
            s=seconds,
            beside=beside,
        )

    db.transaction(work)


def test_the_second_try_is_left_to_a_larger_worker_while_there_is_other_work(
    worker: Make,
) -> None:
    small, large = worker(SMALL), worker(LARGE)
    ran_out(small)
    other = claimed(small)
    assert other.number == 1  # a new one instead
    taken = claimed(large)
    assert (taken.number, taken.memory_failures, taken.lease.too_small_mib) == (0, 1, SMALL)


def test_without_other_work_anybody_tries_it_a_second_time(worker: Make) -> None:
    small, _, third = worker(SMALL), worker(LARGE), worker(SMALL)
    ran_out(small)
    claimed(small)
    assert claimed(third).number == 0


def test_the_third_try_is_a_larger_workers_alone(db: Database, study: Study, worker: Make) -> None:
    small, large = worker(SMALL), worker(LARGE)
    claimed(large)  # which is busy
    first = claimed(small)
    small.release(first, out_of_memory=True)
    second = claimed(small)
    assert second.number == first.number == 1
    small.release(second, out_of_memory=True)
    assert control.has_larger(db, study, SMALL, TERMS.silence_s)
    assert small.claim() == Waiting(2)
    (waiting,) = [one for one in status.status(db, study).running if not one.held]
    assert waiting.needs_larger and waiting.too_small_mib == SMALL
    assert claimed(worker(LARGE)).memory_failures == 2


def test_it_fails_once_no_larger_worker_is_left(db: Database, study: Study, worker: Make) -> None:
    small, large = worker(SMALL), worker(LARGE)
    held = claimed(large)
    for _ in range(2):
        claim = claimed(small)
        assert claim.number == 1
        small.release(claim, out_of_memory=True)
    large.tell(held, "COMPLETE", 0.5)
    large.release(claimed(large))  # it takes the trial, hands it back
    large.close()  # and leaves
    assert small.claim() == Waiting(1)  # another one like it may be about to start
    later(db, beside="worker-0")
    assert small.claim() == Exhausted("trials")
    failed = records.trial(db, study, 1)
    assert failed is not None and failed.state == "FAIL"
    assert failed.attributes["stopped"] == "out of memory"
    assert failed.attributes["reason"] == (
        "out of memory, 2 times, with 8000 MiB; no worker with more is left"
    )


def test_alike_workers_try_it_as_ever(db: Database, study: Study, worker: Make) -> None:
    """Some MiB more or less make no difference."""
    one, other = worker(SMALL), worker(SMALL + 100)
    ran_out(one)
    second = claimed(other)
    assert second.number == 0
    assert not control.has_larger(db, study, SMALL + 100, TERMS.silence_s)
    assert not control.has_larger(db, study, SMALL, TERMS.silence_s)


@pytest.mark.parametrize("unknown", [0, 1])
def test_unknown_memory_makes_nobody_larger(
    db: Database, study: Study, worker: Make, unknown: int
) -> None:
    stores = [worker(0 if number == unknown else LARGE) for number in (0, 1)]
    ran_out(stores[0])
    assert claimed(stores[1]).number == 0
    assert not control.has_larger(db, study, 0 if unknown == 0 else LARGE, TERMS.silence_s)


def test_a_dead_workers_memory_is_remembered(db: Database, study: Study, worker: Make) -> None:
    small, large = worker(SMALL), worker(LARGE)
    assert claimed(small).number == 0
    many = Terms(silence_s=60.0, retries=100)
    left = control.free(db, study, "worker-0", out_of_memory=True, terms=many)
    assert left is not None and (left.memory_failures, left.too_small_mib) == (1, SMALL)
    assert claimed(large).lease.too_small_mib == SMALL


def test_the_budget_stays_exact(db: Database, study: Study, worker: Make) -> None:
    small, large = worker(SMALL), worker(LARGE)
    ran_out(small)
    for store in (small, large):
        store.tell(claimed(store), "COMPLETE", 0.5)
    for store in (small, large):
        assert store.claim() == Exhausted("trials")
    assert status.status(db, study).counts["COMPLETE"] == status.status(db, study).used == 2
