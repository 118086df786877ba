"""Trials as records: what a table, a report or an export shows of them."""

import math
import random
from collections.abc import Iterator

import pytest

from studyhall.storage.database import Database
from studyhall.storage.leases.workers import Worker
from studyhall.storage.queries import records, status
from studyhall.storage.sampling import samplers
from studyhall.storage.sampling.pruning import Halving
from studyhall.storage.studies import rows, studies
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.trial_store import TrialStore
from tests.plain_store import plain_store


@pytest.fixture
def study(db: Database) -> Study:
    queue = [rows.Queued({"rate": 0.01, "kind": "steep", "units": 24}, {"name": "steep"})]
    return studies.create(db, "study", config={}, seed=0, trials=9, queue=queue)[0]


def opened(db: Database, study: Study, name: str) -> TrialStore:
    return plain_store(db, study, Worker(name, "host", 1, "cpu"))


@pytest.fixture
def store(db: Database, study: Study) -> Iterator[TrialStore]:
    made = opened(db, study, "worker-1")
    yield made
    made.close()


def begun(store: TrialStore) -> Claim:
    claim = store.claim()
    assert isinstance(claim, Claim)
    claim.trial.suggest_float("rate", 1e-4, 1.0, log=True)
    claim.trial.suggest_categorical("kind", ["flat", "steep"])
    claim.trial.suggest_int("units", 8, 64, step=8)
    store.write_params(claim)
    return claim


def test_trial_that_has_not_been_started_has_no_record(db: Database, study: Study) -> None:
    assert records.trials(db, study) == []
    assert records.trial(db, study, 0) is None


def test_finished_trial_is_recorded_with_its_best_epoch(
    db: Database, study: Study, store: TrialStore
) -> None:
    claim = begun(store)
    for epoch, value in enumerate((0.5, 0.2, 0.4), start=1):
        store.report(claim, epoch, value, {"accuracy": 1 - value})
    store.tell(claim, "COMPLETE", 0.2, attributes={"stopped": "end", "sizes": [1, 2]})
    record = records.trial(db, study, 0)
    assert record is not None
    assert (record.trial_id, record.number, record.state) == (claim.lease.trial_id, 0, "COMPLETE")
    assert (record.value, record.best_epoch, record.epochs) == (0.2, 2, 3)
    assert record.params == {"rate": 0.01, "kind": "steep", "units": 24}
    assert isinstance(record.params["units"], int)
    assert record.attributes == {"name": "steep", "stopped": "end", "sizes": [1, 2]}
    assert (record.worker, record.attempt, record.repeated_epochs) == ("worker-1", 1, 0)
    assert record.started_at is not None
    assert record.finished_at is not None
    assert record.started_at <= record.finished_at <= status.status(db, study).now


def test_the_best_are_found_without_reading_the_others(
    db: Database, study: Study, store: TrialStore
) -> None:
    for value in (0.5, 0.2, None, 0.3):
        claim = begun(store)
        store.report(claim, 1, value or 1.0, {})
        store.tell(claim, "FAIL" if value is None else "COMPLETE", value)
    best, others = records.best(db, study, 2, [0, 2])
    assert [trial.number for trial in best] == [1, 3] and best[0].value == 0.2
    assert [trial.number for trial in others] == [0, 2]
    assert [trial.number for trial in records.best(db, study, 9)[0]] == [1, 3, 0]


def test_running_trial_shows_its_best_so_far(db: Database, study: Study, store: TrialStore) -> None:
    claim = begun(store)
    for epoch, value in enumerate((0.5, 0.3, math.nan, 0.4), start=1):
        store.report(claim, epoch, value, {})
    record = records.trial(db, study, 0)
    assert record is not None
    assert (record.state, record.value, record.epochs) == ("RUNNING", 0.3, 4)
    assert (record.best_epoch, record.finished_at) == (None, None)
    assert record.params == claim.trial.params
    assert record.attributes == {"name": "steep"}
    assert status.status(db, study).running[0].name == "steep"


def test_failed_trial_keeps_its_reason_and_has_no_value(
    db: Database, study: Study, store: TrialStore
) -> None:
    claim = begun(store)
    store.report(claim, 1, 0.5, {})
    store.tell(claim, "FAIL", None, attributes={"reason": "out of memory"})
    record = records.trial(db, study, 0)
    assert record is not None
    assert (record.state, record.value) == ("FAIL", None)
    assert record.attributes == {"name": "steep", "reason": "out of memory"}


def test_records_come_by_number_and_of_one_study_only(
    db: Database, study: Study, store: TrialStore
) -> None:
    other, _ = studies.create(db, "other", config={}, seed=0, trials=1)
    neighbour = opened(db, other, "neighbour")
    theirs = begun(neighbour)
    first, second = begun(store), begun(store)
    store.tell(second, "COMPLETE", 0.2, attributes={"of": 1})
    store.tell(first, "PRUNED", 0.1, attributes={"of": 0})
    neighbour.tell(theirs, "COMPLETE", 0.0, attributes={"of": "other"})
    neighbour.close()
    found = records.trials(db, study)
    assert [(one.number, one.state, one.attributes) for one in found] == [
        (0, "PRUNED", {"name": "steep", "of": 0}),
        (1, "COMPLETE", {"of": 1}),
    ]
    assert found[1] == records.trial(db, study, 1)


def test_continued_trial_says_who_had_it_and_what_was_repeated(
    db: Database, study: Study, store: TrialStore
) -> None:
    claim = begun(store)
    for epoch in (1, 2, 3):
        store.report(claim, epoch, 1 / epoch, {}, seconds=10.0 + epoch)
        if epoch == 2:
            store.checkpoint(claim, "after-2", 2)
    store.release(claim)
    waiting = records.trial(db, study, 0)
    assert waiting is not None
    assert (waiting.repeated_epochs, waiting.repeated_s) == (0, 0.0), "nobody has repeated it yet"
    heir = opened(db, study, "heir")
    continued = heir.claim()
    assert isinstance(continued, Claim)
    record = records.trial(db, study, 0)
    assert record is not None
    assert (record.worker, record.attempt) == ("heir", 2)
    assert (record.repeated_epochs, record.repeated_s) == (1, 13.0)
    heir.tell(continued, "COMPLETE", 1 / 3)
    ended = records.trial(db, study, 0)
    assert ended is not None
    assert (ended.worker, ended.attempt) == ("heir", 2)
    assert (ended.repeated_epochs, ended.repeated_s) == (1, 13.0)
    assert 0 < ended.gpu_seconds_used < 60
    state = status.status(db, study)
    assert (state.takeovers, state.repeated_epochs, state.repeated_s) == (1, 1, 13.0)
    assert ended.params == record.params
    heir.close()


def test_history_holds_every_metric_of_every_epoch_and_fold(
    db: Database, study: Study, store: TrialStore
) -> None:
    claim = begun(store)
    store.report(claim, 1, None, {"loss": 1.0, "grads": math.inf}, fold=1)
    store.report(claim, 2, 0.5, {"loss": math.nan, "note": "NaNs seen"})
    store.report(claim, 1, 0.75, {"loss": 0.5, "rates": [0.1, 0.2]})
    lines = records.history(db, claim.lease.trial_id)
    assert [(row["fold"], row["epoch"], row["value"]) for row in lines] == [
        (0, 1, 0.75),
        (0, 2, 0.5),
        (1, 1, None),
    ]
    assert lines[0]["metrics"] == {"loss": 0.5, "rates": [0.1, 0.2]}
    assert math.isnan(lines[1]["metrics"]["loss"])
    assert lines[1]["metrics"]["note"] == "NaNs seen"
    assert lines[2]["metrics"] == {"loss": 1.0, "grads": math.inf}


# What has ended since somebody last looked.


@pytest.fixture
def rung_store(db: Database, study: Study) -> Iterator[TrialStore]:
    made = TrialStore(
        db,
        study,
        Worker("worker-1", "host", 1, "cpu"),
        samplers.named("random", study_seed=0),
        Halving(),
        trial_seed=lambda number: number,
    )
    yield made
    made.close()


def claimed(rung_store: TrialStore) -> Claim:
    claim = rung_store.claim()
    assert isinstance(claim, Claim)
    return claim


def test_brings_each_ended_trial_once_in_the_order_of_ending(
    db: Database, study: Study, rung_store: TrialStore
) -> None:
    early = claimed(rung_store)
    rung_store.tell(early, "COMPLETE", 0.9)
    ended, seen = records.finished_since(db, study, None)
    assert ended == []  # only those still to come
    slow, quick, running = claimed(rung_store), claimed(rung_store), claimed(rung_store)
    rung_store.report(
        running, 1, 0.5, {}
    )  # passes a rung, which takes a number of the same sequence
    rung_store.tell(quick, "PRUNED", 0.4)
    rung_store.tell(slow, "COMPLETE", 0.3, attributes={"stopped": "end"})
    ended, seen = records.finished_since(db, study, seen)
    assert [(one.number, one.state, one.value) for one in ended] == [
        (quick.number, "PRUNED", 0.4),
        (slow.number, "COMPLETE", 0.3),
    ]
    assert ended[1] == records.trial(db, study, slow.number)
    assert records.finished_since(db, study, seen) == ([], seen)
    rung_store.tell(running, "FAIL", None)
    (last,), _ = records.finished_since(db, study, seen)
    assert (last.number, last.state) == (running.number, "FAIL")


def test_from_the_beginning_brings_all_of_this_study(
    db: Database, study: Study, rung_store: TrialStore
) -> None:
    other, _ = studies.create(db, "other", config={}, seed=0, trials=1)
    for value in (0.3, 0.2):
        rung_store.tell(claimed(rung_store), "COMPLETE", value)
    assert [one.value for one in records.finished_since(db, study, 0)[0]] == [0.3, 0.2]
    assert records.finished_since(db, other, 0) == ([], 0)
    assert records.finished_since(db, other, None) == ([], 0)


def test_attributes_of_the_last_trials_only(
    db: Database, study: Study, rung_store: TrialStore
) -> None:
    assert records.latest_attributes(db, study, "diagnosis", trials=3) == []
    for number in range(5):
        attributes = {"other": 0} if number == 3 else {"diagnosis": {"of": number}}
        rung_store.tell(claimed(rung_store), "COMPLETE", 0.5, attributes=attributes)
    found = records.latest_attributes(db, study, "diagnosis", trials=3)
    assert sorted(found, key=str) == [{"of": 2}, {"of": 4}]


@pytest.mark.parametrize("seed", range(3))
def test_among_equals_the_further_objectives_decide_who_is_best(db: Database, seed: int) -> None:
    """The database and its records rank alike; none beats the first in every objective."""
    draw = random.Random(seed)
    ways = tuple(draw.choice(("minimize", "maximize")) for _ in range(3))
    config = {"file": {"study": {"objective": ["first", "second", "third"]}}}
    study, _ = studies.create(db, "several", config=config, seed=0, trials=12, directions=ways)
    store = opened(db, study, "worker-1")
    for _ in range(12):
        claim = store.claim()
        assert isinstance(claim, Claim)
        found = [draw.choice((0.25, 0.5)), draw.choice((-1.0, 2.0)), draw.random()]
        cost = found[0] if ways[0] == "minimize" else -found[0]
        names = dict(zip(("first", "second", "third"), found, strict=True))
        store.report(claim, 1, cost, {})
        store.tell(claim, "COMPLETE", cost, attributes={"objectives": names}, further=found[1:])
    store.close()
    ranked, _ = records.best(db, study, 12)
    assert ranked == records.best_first(records.trials(db, study), study)
    state = status.status(db, study)
    assert state.incumbent is not None and state.incumbent.number == ranked[0].number
    signs = [1 if way == "minimize" else -1 for way in ways]
    first, *others = [
        [
            sign * value
            for sign, value in zip(signs, each.attributes["objectives"].values(), strict=True)
        ]
        for each in ranked
    ]
    assert not any(
        all(a <= b for a, b in zip(each, first, strict=True)) and each != first for each in others
    )
