"""What has ended since somebody last looked."""

from collections.abc import Iterator

import pytest

from studyhall.storage.database import Database
from studyhall.storage.leases.lease import Worker
from studyhall.storage.queries import latest, records
from studyhall.storage.sampling import pruning, samplers
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.trial_store import TrialStore


@pytest.fixture
def study(db: Database) -> Study:
    return studies.create(db, "study", config={}, seed=0, trials=20)[0]


@pytest.fixture
def store(db: Database, study: Study) -> Iterator[TrialStore]:
    made = TrialStore(
        db,
        study,
        Worker("worker-1", "host", 1, "cpu"),
        samplers.named("random", study_seed=0),
        pruning.named("halving", study_name="study", epochs=4),
        trial_seed=lambda number: number,
    )
    yield made
    made.close()


def claimed(store: TrialStore) -> Claim:
    claim = store.claim()
    assert isinstance(claim, Claim)
    return claim


def test_brings_each_ended_trial_once_in_the_order_of_ending(
    db: Database, study: Study, store: TrialStore
) -> None:
    early = claimed(store)
    store.tell(early, "COMPLETE", 0.9)
    ended, seen = latest.finished_since(db, study, None)
    assert ended == []  # only those still to come
    slow, quick, running = claimed(store), claimed(store), claimed(store)
    store.report(running, 1, 0.5, {})  # passes a rung, which takes a number of the same sequence
    store.tell(quick, "PRUNED", 0.4)
    store.tell(slow, "COMPLETE", 0.3, attributes={"stopped": "end"})
    ended, seen = latest.finished_since(db, study, seen)
    assert [(one.number, one.state, one.value) for one in ended] == [
        (quick.number, "PRUNED", 0.4),
        (slow.number, "COMPLETE", 0.3),
    ]
    assert ended[1] == records.trial(db, study, slow.number)
    assert latest.finished_since(db, study, seen) == ([], seen)
    store.tell(running, "FAIL", None)
    (last,), _ = latest.finished_since(db, study, seen)
    assert (last.number, last.state) == (running.number, "FAIL")


def test_from_the_beginning_brings_all_of_this_study(
    db: Database, study: Study, store: TrialStore
) -> None:
    other, _ = studies.create(db, "other", config={}, seed=0, trials=1)
    for value in (0.3, 0.2):
        store.tell(claimed(store), "COMPLETE", value)
    assert [one.value for one in latest.finished_since(db, study, 0)[0]] == [0.3, 0.2]
    assert latest.finished_since(db, other, 0) == ([], 0)
    assert latest.finished_since(db, other, None) == ([], 0)


def test_attributes_of_the_last_trials_only(db: Database, study: Study, store: TrialStore) -> None:
    assert latest.attributes(db, study, "diagnosis", trials=3) == []
    for number in range(5):
        attributes = {"other": 0} if number == 3 else {"diagnosis": {"of": number}}
        store.tell(claimed(store), "COMPLETE", 0.5, attributes=attributes)
    found = latest.attributes(db, study, "diagnosis", trials=3)
    assert sorted(found, key=str) == [{"of": 2}, {"of": 4}]
