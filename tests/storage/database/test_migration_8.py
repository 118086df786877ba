"""A database of version 7 learns of the memory of devices; its running trials go on."""

from studyhall.storage.database import Database, Transaction, migration_8
from studyhall.storage.studies import studies
from studyhall.storage.trials.claimed_trial import Claim
from tests.plain_store import plain_store
from tests.storage.database.test_migration_9 import back_to_8


def back_to_7(transaction: Transaction) -> None:
    """Leaves the tables as version 7 has made them."""
    for table, column in migration_8._COLUMNS:
        transaction.run(f"ALTER TABLE {table} DROP COLUMN {column}")
    back_to_8(transaction)
    transaction.run("UPDATE studyhall_schema SET version = 7")


def test_a_database_of_version_7_goes_on(db: Database) -> None:
    study, _ = studies.create(db, "old", config={}, seed=0, trials=2)
    store = plain_store(db, study)
    begun = store.claim()
    assert isinstance(begun, Claim)
    store.release(begun, out_of_memory=True)
    store.close()

    db.transaction(back_to_7)
    url = db.url.render_as_string(hide_password=False)
    newer = Database.open(url)
    store = plain_store(newer, study)
    claim = store.claim()
    assert isinstance(claim, Claim)
    assert (claim.number, claim.memory_failures, claim.lease.too_small_mib) == (0, 1, 0)
    store.close()
    newer.close()
