"""A worker's way through trials: sampling, reporting, pruning, taking over, outages."""

import time
from collections.abc import Callable
from typing import Any

import optuna
import pytest

from studyhall.storage.database import Database, urls
from studyhall.storage.database.urls import StorageAway
from studyhall.storage.leases.leases import LeaseLost
from studyhall.storage.leases.orders import Order
from studyhall.storage.leases.silence import Terms
from studyhall.storage.leases.workers import Worker
from studyhall.storage.queries import records, status
from studyhall.storage.sampling import samplers
from studyhall.storage.sampling.pruning import Halving, Never, Percentile
from studyhall.storage.studies import rows, studies
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials import control, knowledge
from studyhall.storage.trials.claim import Exhausted, Waiting
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.trial_store import TrialStore
from tests.plain_store import held_longer, plain_store

Make = Callable[..., TrialStore]


def claimed(store: TrialStore) -> Claim:
    """The store's next trial."""
    claim = store.claim()
    assert isinstance(claim, Claim)
    return claim


def silence(db: Database, claim: Claim) -> None:
    """Makes the holder of a trial look dead."""
    db.transaction(
        lambda t: t.run(
            "UPDATE studyhall_leases SET heard_at = heard_at - 61 WHERE trial_id = :id",
            id=claim.lease.trial_id,
        )
    )


def test_a_trial_goes_from_claim_to_result(db: Database, study: Study, store: Make) -> None:
    worker = store()
    claim = claimed(worker)
    x = claim.trial.suggest_float("x", 0.0, 1.0)
    claim.trial.set_user_attr("by", "the user")
    for epoch in (1, 2, 3):
        value = abs(epoch - 2) + x
        assert worker.report(claim, epoch, value, {"val_loss": value}) is Order.GO_ON
    worker.tell(claim, "COMPLETE", x, attributes={"stopped": "patience"})
    (record,) = records.trials(db, study)
    assert (record.state, record.value, record.best_epoch, record.epochs) == ("COMPLETE", x, 2, 3)
    assert record.params == {"x": x}
    assert record.attributes == {"by": "the user", "stopped": "patience"}
    assert record.started_at is not None
    assert record.finished_at is not None
    assert record.started_at <= record.finished_at
    assert [row["epoch"] for row in records.history(db, record.trial_id)] == [1, 2, 3]


def test_the_budget_is_exact(db: Database, study: Study, store: Make) -> None:
    one, other = store(), store()
    held = [claimed(worker) for worker in (one, other, one, other, one, other)]
    assert [claim.number for claim in held] == list(range(6))
    assert one.claim() == Waiting(6)
    for claim in held:
        one.tell(claim, "FAIL", None, attributes={"reason": "out of memory"})
    assert one.claim() == Exhausted("trials")
    studies.extend(db, study, trials=1)
    assert claimed(one).number == 6


def test_a_lost_lease_changes_nothing(db: Database, study: Study, store: Make) -> None:
    dead, heir = store(), store()
    claim = claimed(dead)
    x = claim.trial.suggest_float("x", 0.0, 1.0)
    dead.report(claim, 1, 0.5, {"val_loss": 0.5})
    dead.checkpoint(claim, "first", 1)
    dead.report(claim, 2, 0.4, {"val_loss": 0.4})
    silence(db, claim)
    taken = claimed(heir)
    assert (taken.number, taken.attempt, taken.checkpoint) == (0, 2, "first")
    assert (taken.reported, taken.reports) == (2, {1: 0.5, 2: 0.4})
    assert taken.trial.suggest_float("x", 0.0, 1.0) == x
    before = records.trials(db, study), records.history(db, claim.lease.trial_id)
    late: list[Callable[[], Any]] = [
        lambda: dead.report(claim, 3, 0.1, {"val_loss": 0.1}),
        lambda: dead.checkpoint(claim, "late", 3),
        lambda: dead.tell(claim, "COMPLETE", 0.1),
        lambda: dead.release(claim),
    ]
    for write in late:
        with pytest.raises(LeaseLost):
            write()
        assert claim.lost
    assert before == (records.trials(db, study), records.history(db, claim.lease.trial_id))
    heir.report(taken, 2, 0.3, {"val_loss": 0.3})
    heir.tell(taken, "COMPLETE", 0.3)
    (record,) = records.trials(db, study)
    assert (record.value, record.attempt, record.repeated_epochs, record.epochs) == (0.3, 2, 1, 2)
    assert record.worker == "worker-1"
    lines = records.history(db, claim.lease.trial_id)
    assert [row["value"] for row in lines] == [0.5, 0.3], "what is trained again replaces"


def test_a_trial_that_kills_its_workers_is_failed(db: Database, study: Study, store: Make) -> None:
    workers = [store() for _ in range(4)]
    for worker in workers[:3]:
        claim = claimed(worker)
        assert claim.number == 0
        claim.trial.suggest_float("x", 0.0, 1.0)
        worker.write_params(claim)
        silence(db, claim)
    assert claimed(workers[3]).number == 1
    record = records.trial(db, study, 0)
    assert record is not None
    assert record.state == "FAIL"
    assert record.attributes["reason"].startswith("its workers died 3 times in a row")
    assert "worker-2 on host" in record.attributes["reason"]
    assert record.params.keys() == {"x"}


def test_a_trial_that_makes_progress_is_never_given_up(db: Database, store: Make) -> None:
    worker = store()
    for epoch in range(1, 6):
        claim = claimed(worker)
        assert (claim.number, claim.attempt) == (0, epoch)
        worker.report(claim, epoch, 1 / epoch, {"val_loss": 1 / epoch})
        silence(db, claim)


def test_handing_back_is_not_dying(store: Make) -> None:
    worker = store()
    for attempt in range(1, 8):
        claim = claimed(worker)
        assert (claim.number, claim.attempt) == (0, attempt)
        worker.release(claim)


def test_queued_configurations_run_first_and_may_be_incomplete(db: Database, store: Make) -> None:
    queue = map(rows.Queued, [{"x": 0.25}, {"x": 0.5, "k": "b"}])
    study = studies.create(db, "queued", config={}, seed=0, trials=3, queue=queue)[0]
    worker = TrialStore(
        db,
        study,
        Worker("w", "h", 1, "cpu"),
        samplers.named("tpe", study_seed=0),
        Never(),
        trial_seed=lambda number: number,
    )
    drawn = []
    for _ in range(3):
        claim = claimed(worker)
        values = (
            claim.trial.suggest_float("x", 0.0, 1.0),
            claim.trial.suggest_categorical("k", ["a", "b"]),
        )
        drawn.append(values)
        worker.report(claim, 1, 0.5, {})
        worker.tell(claim, "COMPLETE", 0.5)
    worker.close()
    assert drawn[0][0] == 0.25
    assert drawn[1] == (0.5, "b")
    assert drawn[2][0] not in (0.25, 0.5)


def test_the_others_parameters_reach_the_sampler(store: Make) -> None:
    one, other = store(), store()
    first = claimed(one)
    x = first.trial.suggest_float("x", 0.0, 1.0)
    unseen = claimed(other)
    assert running(unseen) == {}
    one.write_params(first)
    second = claimed(other)
    assert running(second) == {0: {"x": x}}


def running(claim: Claim) -> dict[int, dict[str, Any]]:
    """Return the parameters of other workers' trials that a claim's sampler sees, by number."""
    trials = claim.trial.study.get_trials(states=[optuna.trial.TrialState.RUNNING])
    return {trial.number: trial.params for trial in trials if trial.number != claim.number}


def test_workers_prune_by_each_others_results(store: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knowledge, "FRESH_S", 3600.0)
    one, other = store(pruner=Percentile(50.0)), store(pruner=Percentile(50.0))
    poor = claimed(other)
    for value in (0.5, 0.4, 0.3, 0.2, 0.1):
        claim = claimed(one)
        one.report(claim, 1, value, {})
        one.tell(claim, "COMPLETE", value)
    other.report(poor, 1, 0.35, {})
    assert not other.should_prune(poor, 1), "what it heard with its claim is fresh"
    monkeypatch.setattr(knowledge, "FRESH_S", 0.0)
    other.report(poor, 1, 0.35, {})
    assert other.should_prune(poor, 1)
    other.report(poor, 1, 0.25, {})
    assert not other.should_prune(poor, 1)


def test_halving_sees_the_running_trials_of_others(store: Make) -> None:
    workers = [store(pruner=Halving()) for _ in range(5)]
    claims = [claimed(worker) for worker in workers]
    decisions = []
    for worker, claim, value in zip(workers, claims, (0.1, 0.5, 0.4, 0.3, 0.05), strict=True):
        worker.report(claim, 1, value, {})
        decisions.append(worker.should_prune(claim, 1))
    assert decisions == [False, True, True, True, False]


def test_orders_come_with_reports(db: Database, study: Study, store: Make) -> None:
    worker = store()
    claim = claimed(worker)
    assert control.stop_trial(db, study, 0)
    assert worker.report(claim, 1, 0.5, {}) is Order.PRUNE
    worker.tell(claim, "PRUNED", 0.5)
    claim = claimed(worker)
    control.set_stop(db, study, True)
    assert worker.report(claim, 1, 0.5, {}) is Order.STOP
    worker.release(claim)
    assert worker.claim() == Exhausted("stopped")
    control.set_stop(db, study, False)
    assert claimed(worker).number == claim.number


def test_orders_come_with_the_heartbeat_during_a_long_epoch(
    db: Database, study: Study, store: Make
) -> None:
    worker = store(terms=Terms(60.0, 2, heartbeat_s=0.05))
    claim = claimed(worker)
    control.set_stop(db, study, True)
    wait_until(lambda: claim.order is Order.STOP)
    silence(db, claim)
    wait_until(lambda: status.status(db, study).running[0].silent_s < 5)
    db.transaction(lambda t: t.run("UPDATE studyhall_leases SET fence = fence + 1"))
    wait_until(lambda: claim.lost)


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_time_is_up_for_all_at_once(db: Database, study: Study, store: Make) -> None:
    studies.set_limits(db, study, trials=6, seconds=100.0)
    worker, other = store(), store()
    claim = claimed(worker)
    assert worker.report(claim, 1, 0.5, {}) is Order.GO_ON
    spend(db, seconds=99.0)
    assert worker.report(claim, 2, 0.5, {}) is Order.GO_ON
    spend(db, seconds=2.0)
    assert worker.report(claim, 3, 0.5, {}) is Order.TIME_UP
    worker.release(claim)
    assert other.claim() == Exhausted("seconds")
    studies.extend(db, study, seconds=50.0)
    assert claimed(other).number == claim.number


def test_a_study_whose_time_ended_between_two_trials_is_spent(
    db: Database, study: Study, store: Make
) -> None:
    studies.set_limits(db, study, trials=6, seconds=100.0)
    worker = store()
    worker.release(claimed(worker))
    spend(db, seconds=101.0)
    db.transaction(lambda t: t.run("UPDATE studyhall_budget SET active_at = active_at - 2"))
    assert not status.status(db, study).spent
    assert worker.claim() == Exhausted("seconds")
    found = status.status(db, study)
    assert found.spent and found.seconds_used == pytest.approx(101, abs=1)


def test_a_refused_claim_counts_no_time_without_any_worker(
    db: Database, study: Study, store: Make
) -> None:
    studies.set_limits(db, study, trials=6, seconds=100.0)
    worker = store()
    worker.release(claimed(worker))
    spend(db, seconds=5101.0)
    db.transaction(lambda t: t.run("UPDATE studyhall_budget SET active_at = active_at - 5000"))
    db.transaction(lambda t: t.run("UPDATE studyhall_leases SET heard_at = heard_at - 5000"))
    for _ in range(2):
        assert worker.claim() == Exhausted("seconds")
        assert status.status(db, study).seconds_used == pytest.approx(101, abs=1)


def spend(db: Database, seconds: float) -> None:
    """Lets the study have begun that much earlier."""
    db.transaction(
        lambda t: t.run("UPDATE studyhall_budget SET started_at = started_at - :s", s=seconds)
    )


def test_time_without_any_worker_is_not_counted(db: Database, study: Study, store: Make) -> None:
    studies.set_limits(db, study, trials=6, seconds=100.0)
    worker = store()
    worker.release(claimed(worker))
    db.transaction(
        lambda t: t.run(
            """
            UPDATE studyhall_budget SET started_at = started_at - 5000,
                active_at = active_at - 4990"""
        )
    )
    db.transaction(lambda t: t.run("UPDATE studyhall_leases SET heard_at = heard_at - 4990"))
    claimed(worker)
    assert status.status(db, study).seconds_used == pytest.approx(10, abs=2)


def test_gpu_seconds_are_summed_over_leases_and_devices(db: Database, store: Make) -> None:
    study = studies.create(db, "gpus", config={}, seed=0, trials=9, gpu_seconds=100.0)[0]
    workers = [
        plain_store(
            db,
            study,
            Worker(f"w{k}", "h", k, f"gpu {k}", devices=2.0),
            terms=Terms(silence_s=60.0, retries=2, heartbeat_s=30.0),
        )
        for k in range(2)
    ]
    claims = [claimed(worker) for worker in workers]
    for claim, worker in zip(claims, workers, strict=True):
        held_longer(claim, 20.0)
        worker._holding.heartbeat._beat()
    assert workers[0].report(claims[0], 1, 0.5, {}) is Order.GO_ON
    workers[0].tell(claims[0], "COMPLETE", 0.5)
    assert status.status(db, study).gpu_seconds_used == pytest.approx(80, abs=3)
    held_longer(claims[1], 11.0)
    assert workers[1].report(claims[1], 1, 0.5, {}) is Order.TIME_UP
    workers[1].release(claims[1])
    assert workers[0].claim() == Exhausted("gpu_seconds")
    assert status.status(db, study).gpu_seconds_used == pytest.approx(102, abs=3)
    for worker in workers:
        worker.close()


class Away:
    """Lets every connection of a store fail until `end`: its address leads to nowhere."""

    def __init__(self, store: TrialStore) -> None:
        self._db, self._address = store._db, store._db._address
        self._db.close()
        nowhere = {
            "sqlite": "sqlite:////nowhere/at/all.db",
            "postgresql": "postgresql+psycopg://x@localhost:1/x",
        }[self._db.kind]
        self._db._address = urls.address(nowhere)

    def end(self) -> None:
        """The database is back."""
        self._db._address = self._address


def test_nobody_is_declared_dead_right_after_an_outage(
    db: Database, study: Study, store: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, other = store(), store()
    claim = claimed(worker)
    silence(db, claim)
    monkeypatch.setattr(Terms, "grace_s", 0.5)
    away = Away(other)
    with pytest.raises(StorageAway):
        other._db.transaction(lambda t: t.run("SELECT 1"), patience_s=0.0)
    away.end()
    assert claimed(other).number == 1, "silence may be the outage's doing"
    time.sleep(0.7)
    assert claimed(other).number == 0


def test_infeasible_trials_steer_the_sampler_away(db: Database) -> None:
    """With a wall at 0.5 that most of the space lies behind, few trials should run into it."""
    study = studies.create(db, "wall", config={}, seed=0, trials=60)[0]
    worker = TrialStore(
        db,
        study,
        Worker("w", "h", 1, "cpu"),
        samplers.named("tpe", study_seed=0),
        Never(),
        trial_seed=lambda number: number,
    )
    failed = []
    while isinstance(claim := worker.claim(), Claim):
        x = claim.trial.suggest_float("x", 0.0, 1.0)
        if x > 0.5:
            worker.tell(claim, "FAIL", None, attributes={"reason": "out of memory"})
            failed.append(claim.number)
        else:
            worker.tell(claim, "COMPLETE", 0.5 - x)  # the best lies beside the wall
    worker.close()
    assert len([number for number in failed if number >= 20]) <= 20
    states = [record.state for record in records.trials(db, study)]
    assert states.count("FAIL") == len(failed)
