"""A database of version 8 learns how long its studies' workers may be silent; its time goes on."""

import pytest

from studyhall.storage.database import Database, Transaction
from studyhall.storage.leases.silence import Terms
from studyhall.storage.queries import status
from studyhall.storage.studies import studies
from studyhall.storage.trials.claimed_trial import Claim
from tests.plain_store import plain_store
from tests.storage.database.test_migration_10 import back_to_9


def back_to_8(transaction: Transaction) -> None:
    """Leaves the tables as version 8 has made them."""
    back_to_9(transaction)
    transaction.run("ALTER TABLE studyhall_budget DROP COLUMN silence_s")
    transaction.run("UPDATE studyhall_schema SET version = 8")


def test_a_database_of_version_8_goes_on(db: Database) -> None:
    study, _ = studies.create(db, "old", config={}, seed=0, trials=2)
    store = plain_store(db, study)
    begun = store.claim()
    assert isinstance(begun, Claim)
    store.release(begun)
    store.close()
    earlier = "UPDATE studyhall_budget SET started_at = started_at - 70, active_at = active_at - 40"
    db.transaction(lambda transaction: transaction.run(earlier))

    db.transaction(back_to_8)
    newer = Database.open(db.url.render_as_string(hide_password=False))
    assert status.status(newer, study).seconds_used == pytest.approx(30, abs=2)
    store = plain_store(newer, study, terms=Terms(silence_s=7.0))
    assert isinstance(store.claim(), Claim)
    store.close()
    assert status.status(newer, study).seconds_used == pytest.approx(70, abs=5)
    read = "SELECT silence_s FROM studyhall_budget"
    assert newer.snapshot(lambda transaction: transaction.value(read)) == 7.0
    newer.close()
