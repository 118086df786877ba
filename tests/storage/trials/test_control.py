"""Control of a study from outside: stop it, stop a trial, free trials of silent workers."""

from collections.abc import Callable, Iterator

import optuna
import pytest

from studyhall.storage.database import Database
from studyhall.storage.leases import workers
from studyhall.storage.leases.leases import LeaseLost
from studyhall.storage.leases.orders import Order
from studyhall.storage.leases.silence import Terms
from studyhall.storage.leases.workers import Worker
from studyhall.storage.queries import records, status
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials import control
from studyhall.storage.trials.claim import Exhausted
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.trial_store import TrialStore
from tests.plain_store import held_longer, plain_store

TERMS = Terms(silence_s=60.0, retries=1, heartbeat_s=30.0)
Make = Callable[[], TrialStore]


@pytest.fixture
def study(db: Database) -> Study:
    return studies.create(db, "study", config={}, seed=0, trials=4)[0]


@pytest.fixture
def store(db: Database, study: Study) -> Iterator[Make]:
    """Makes workers."""
    made: list[TrialStore] = []

    def make() -> TrialStore:
        made.append(
            plain_store(db, study, Worker(f"worker-{len(made)}", "host", 1, "cpu"), terms=TERMS)
        )
        return made[-1]

    yield make
    for one in made:
        one.close()


def claimed(store: TrialStore) -> Claim:
    claim = store.claim()
    assert isinstance(claim, Claim)
    claim.trial.suggest_float("x", 0.0, 1.0)
    store.write_params(claim)
    return claim


def silence(db: Database, claim: Claim) -> None:
    """As if the worker had not been heard of for a long time."""
    db.transaction(
        lambda t: t.run(
            "UPDATE studyhall_leases SET heard_at = heard_at - 1000 WHERE trial_id = :trial_id",
            trial_id=claim.lease.trial_id,
        )
    )


def test_stopped_study_gives_no_trial_until_it_may_go_on(
    db: Database, study: Study, store: Make
) -> None:
    worker, other = store(), store()
    claim = claimed(worker)
    control.set_stop(db, study, True)
    assert status.status(db, study).stopping
    assert other.claim() == Exhausted("stopped")
    assert worker.report(claim, 1, 0.5, {}) is Order.STOP
    worker.release(claim)
    assert worker.claim() == Exhausted("stopped")
    control.set_stop(db, study, False)
    continued = claimed(other)
    assert (continued.number, continued.attempt, continued.reports) == (0, 2, {1: 0.5})
    assert other.report(continued, 2, 0.4, {}) is Order.GO_ON


def test_stopping_one_study_leaves_the_others_alone(
    db: Database, study: Study, store: Make
) -> None:
    other, _ = studies.create(db, "other", config={}, seed=0, trials=1)
    control.set_stop(db, other, True)
    worker = store()
    assert worker.report(claimed(worker), 1, 0.5, {}) is Order.GO_ON


def test_running_trial_is_stopped_by_its_own_worker(
    db: Database, study: Study, store: Make
) -> None:
    worker, other = store(), store()
    claim, unconcerned = claimed(worker), claimed(other)
    assert control.stop_trial(db, study, claim.number)
    assert worker.report(claim, 1, 0.5, {}) is Order.PRUNE
    assert other.report(unconcerned, 1, 0.5, {}) is Order.GO_ON
    worker.tell(claim, "PRUNED", 0.5)
    assert not control.stop_trial(db, study, claim.number)  # it has ended
    assert not control.stop_trial(db, study, 99)


def test_trial_that_waits_for_a_worker_is_stopped_at_once(
    db: Database, study: Study, store: Make
) -> None:
    worker = store()
    claim = claimed(worker)
    for epoch, value in ((1, 0.5), (2, 0.3), (3, 0.4)):
        worker.report(claim, epoch, value, {})
    worker.release(claim)
    assert control.stop_trial(db, study, 0)
    record = records.trial(db, study, 0)
    assert record is not None
    assert (record.state, record.value, record.best_epoch) == ("PRUNED", 0.3, 2)
    assert record.params == claim.trial.params
    assert claimed(worker).number == 1


@pytest.mark.parametrize("end", ["handed back", "silent", "seen to die"])
def test_a_stopped_trial_ends_even_if_its_worker_never_hears_of_it(
    db: Database, study: Study, store: Make, end: str
) -> None:
    worker = store()
    claim = claimed(worker)
    worker.report(claim, 1, 0.5, {})
    assert control.stop_trial(db, study, 0)
    if end == "handed back":
        worker.release(claim)
    elif end == "silent":
        silence(db, claim)
        control.reap(db, study, TERMS)
    else:
        control.free(db, study, "worker-0")
    record = records.trial(db, study, 0)
    assert record is not None
    assert (record.state, record.value, record.attributes) == (
        "PRUNED",
        0.5,
        {"stopped": "by hand"},
    )
    assert claimed(worker).number == 1


def test_reaping_frees_the_silent_and_nobody_else(db: Database, study: Study, store: Make) -> None:
    dead, alive, heir = store(), store(), store()
    silent, heard = claimed(dead), claimed(alive)
    dead.report(silent, 1, 0.5, {})
    assert control.reap(db, study, TERMS) == []
    silence(db, silent)
    (found,) = control.reap(db, study, TERMS)
    assert (found.number, found.worker, found.host) == (silent.number, "worker-0", "host")
    assert (found.progress, found.barren) == (1, 0)
    assert control.reap(db, study, TERMS) == []
    with pytest.raises(LeaseLost):
        dead.report(silent, 2, 0.1, {})
    alive.report(heard, 1, 0.6, {})
    continued = claimed(heir)
    assert (continued.number, continued.lease.trial_id) == (silent.number, silent.lease.trial_id)
    assert continued.lease.fence > silent.lease.fence
    assert continued.reports == {1: 0.5}
    assert continued.trial.params == silent.trial.params


def test_trial_that_no_worker_survives_is_failed_with_the_reason(
    db: Database, study: Study, store: Make
) -> None:
    for worker in (store(), store()):
        claim = claimed(worker)
        assert claim.number == 0
        silence(db, claim)
        assert len(control.reap(db, study, TERMS)) == 1
    record = records.trial(db, study, 0)
    assert record is not None
    assert (record.state, record.value) == ("FAIL", None)
    assert record.attributes["reason"] == (
        "its workers died 2 times in a row without completing an epoch; "
        "last worker: worker-1 on host"
    )
    assert record.params == claim.trial.params
    storage = db.optuna_storage()
    theirs = optuna.load_study(study_name="study", storage=storage).trials
    assert [trial.state for trial in theirs] == [optuna.trial.TrialState.FAIL]
    storage.remove_session()
    storage.engine.dispose()
    assert claimed(store()).number == 1


def test_a_dead_workers_trial_is_free_at_once(db: Database, study: Study, store: Make) -> None:
    dead, alive, heir = store(), store(), store()
    claim, other = claimed(dead), claimed(alive)
    held_longer(claim, 30.0)
    dead.report(claim, 1, 0.5, {})
    found = control.free(db, study, "worker-0", out_of_memory=True, terms=TERMS)
    assert found is not None
    assert (found.number, found.progress, found.barren, found.memory_failures) == (0, 1, 0, 1)
    assert found.seconds == pytest.approx(30, abs=5)
    assert control.free(db, study, "worker-0") is None
    assert control.free(db, study, "nobody") is None
    with pytest.raises(LeaseLost):
        dead.report(claim, 2, 0.4, {})
    alive.report(other, 1, 0.6, {})
    continued = claimed(heir)
    assert (continued.number, continued.attempt, continued.memory_failures) == (0, 2, 1)


def test_a_freed_workers_row_goes_too(db: Database, study: Study) -> None:
    for worker in (Worker("dead", "host", 1, "cpu"), Worker("alive", "host", 2, "cpu")):
        db.transaction(lambda t, seen=worker: workers.note(t, study.study_id, seen))
    control.free(db, study, "dead")
    assert [one.name for one in status.status(db, study).workers] == ["alive"]


@pytest.mark.parametrize("out_of_memory", [False, True])
def test_a_trial_that_kills_its_workers_is_failed_when_a_launcher_sees_them_die(
    db: Database, study: Study, store: Make, out_of_memory: bool
) -> None:
    for number in (0, 1):
        assert claimed(store()).number == 0
        assert control.free(db, study, f"worker-{number}", out_of_memory=out_of_memory, terms=TERMS)
    record = records.trial(db, study, 0)
    assert record is not None
    assert record.state == "FAIL"
    assert record.attributes["stopped"] == ("out of memory" if out_of_memory else "worker died")
    assert ("(2 × out of memory)" in record.attributes["reason"]) == out_of_memory
    assert status.status(db, study).out_of_memory.trials == int(out_of_memory)


def test_handing_back_out_of_memory_is_counted(db: Database, store: Make) -> None:
    worker = store()
    claim = claimed(worker)
    assert claim.memory_failures == 0
    worker.release(claim, out_of_memory=True)
    continued = claimed(worker)
    assert (continued.number, continued.memory_failures) == (0, 1)
    worker.release(continued)
    assert claimed(worker).memory_failures == 1


def test_a_hanging_workers_trial_is_failed_from_outside(
    db: Database, study: Study, store: Make
) -> None:
    worker = store()
    claim = claimed(worker)
    worker.report(claim, 1, 0.5, {})
    lease, watchdog = claim.lease, db.another()
    told = (study, lease.trial_id, lease.fence, "no epoch within 60 s", "time limit")
    assert control.fail(watchdog, *told)
    assert not control.fail(watchdog, *told)
    with pytest.raises(LeaseLost):
        worker.report(claim, 2, 0.4, {})
    record = records.trial(db, study, 0)
    assert record is not None
    assert (record.state, record.value, record.params) == ("FAIL", None, claim.trial.params)
    assert record.attributes == {"reason": "no epoch within 60 s", "stopped": "time limit"}
    assert claimed(worker).number == 1
    watchdog.close()


def test_a_trial_that_somebody_else_has_by_now_is_not_failed(
    db: Database, study: Study, store: Make
) -> None:
    hanging, heir = store(), store()
    claim = claimed(hanging)
    silence(db, claim)
    continued = claimed(heir)
    assert not control.fail(
        db, study, claim.lease.trial_id, claim.lease.fence, "late", "time limit"
    )
    heir.tell(continued, "COMPLETE", 0.5)
