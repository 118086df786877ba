"""A database of version 9 learns of goals; its studies go on without one, until they get one."""

from studyhall.storage.database import Database, Transaction
from studyhall.storage.leases.goal import NO_IMPROVEMENT, Goal
from studyhall.storage.queries import status
from studyhall.storage.studies import studies
from studyhall.storage.trials.claim import Exhausted
from studyhall.storage.trials.claimed_trial import Claim
from tests.plain_store import plain_store


def back_to_9(transaction: Transaction) -> None:
    """Leaves the tables as version 9 has made them."""
    for column in ("target", "stop_after", "min_improvement"):
        transaction.run(f"ALTER TABLE studyhall_budget DROP COLUMN {column}")
    transaction.run("UPDATE studyhall_schema SET version = 9")


def test_a_database_of_version_9_goes_on(db: Database) -> None:
    study, _ = studies.create(db, "old", config={}, seed=0, trials=9)
    db.transaction(back_to_9)
    newer = Database.open(db.url.render_as_string(hide_password=False))
    assert status.status(newer, study).goal == Goal()
    store = plain_store(newer, study)
    for value in (1.0, 1.0):
        begun = store.claim()
        assert isinstance(begun, Claim)
        store.report(begun, 1, value, {})
        store.tell(begun, "COMPLETE", value)
    studies.set_limits(newer, study, trials=9, goal=Goal(stop_after=1))
    assert store.claim() == Exhausted(NO_IMPROVEMENT)
    store.close()
    newer.close()
