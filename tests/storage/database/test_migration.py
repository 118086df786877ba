"""A database that an older studyhall has made is brought up to date when it is opened."""

import pytest
import sqlalchemy as sa

from studyhall.storage.database import Database, Transaction, dialects
from studyhall.storage.database.schema import VERSION, metadata
from studyhall.storage.studies import studies

# What takes this version back to version 1.
_BACK = (
    "ALTER TABLE studyhall_queue DROP COLUMN attributes",
    "DROP TABLE studyhall_retrainings",
    "DROP TABLE studyhall_scorings",
    "ALTER TABLE studyhall_leases RENAME COLUMN repeated_epochs TO repeated",
    "ALTER TABLE studyhall_leases DROP COLUMN repeated_s",
    "ALTER TABLE studyhall_leases DROP COLUMN gpu_seconds_used",
    "ALTER TABLE studyhall_leases DROP COLUMN memory_failures",
    "ALTER TABLE studyhall_history DROP COLUMN seconds",
    "ALTER TABLE studyhall_done RENAME COLUMN repeated_epochs TO repeated",
    "ALTER TABLE studyhall_done DROP COLUMN repeated_s",
    "ALTER TABLE studyhall_done DROP COLUMN gpu_seconds_used",
    "UPDATE studyhall_schema SET version = 1",
)
_OLD_TRIAL = """
    INSERT INTO studyhall_done (trial_id, study_id, sequence, number, state, epochs, params,
        distributions, attributes, worker, host, device, attempt, repeated, fence, started_at,
        finished_at)
    VALUES (:trial_id, :study_id, 1, 0, 'FAIL', 3, '{{}}', '{{}}', '{{}}', 'w', 'h', 'cpu', 2, 5, 1,
        {now}, {now})"""


@pytest.fixture
def database_url(db: Database) -> str:
    """Where the database is."""
    return db.url.render_as_string(hide_password=False)


def columns(db: Database) -> dict[str, set[tuple[str, type, bool]]]:
    """Name, type and nullability of the columns of our tables."""
    engine = dialects.engine(db.url)
    there = {*sa.inspect(engine).get_table_names()}
    found = {
        table: {
            (one["name"], one["type"].python_type, bool(one["nullable"]))
            for one in sa.inspect(engine).get_columns(table)
        }
        for table in metadata.tables
        if table in there
    }
    engine.dispose()
    return found


def test_one_that_has_the_table_already_gets_its_new_column(
    db: Database, database_url: str
) -> None:
    fresh = columns(db)

    def back(transaction: Transaction) -> None:
        transaction.run("ALTER TABLE studyhall_retrainings DROP COLUMN checkpoint")
        transaction.run("UPDATE studyhall_schema SET version = 4")

    db.transaction(back)
    Database.open(database_url).close()
    assert columns(db) == fresh


def test_an_older_database_is_migrated_with_all_it_holds(db: Database, database_url: str) -> None:
    study, _ = studies.create(db, "old", config={}, seed=0, trials=4)
    fresh = columns(db)

    def back(transaction: Transaction) -> None:
        trial_id = transaction.run(
            "INSERT INTO trials (number, study_id, state) VALUES (0, :id, 'FAIL')"
            " RETURNING trial_id",
            id=study.study_id,
        ).scalar_one()
        for statement in _BACK:
            transaction.run(statement)
        transaction.run(_OLD_TRIAL, trial_id=trial_id, study_id=study.study_id)

    db.transaction(back)
    assert columns(db) != fresh
    for _ in range(2):
        newer = Database.open(database_url)
        assert columns(newer) == fresh
        (record,) = studies.trials(newer, study)
        assert (record.attempt, record.repeated_epochs, record.repeated_s) == (2, 5, 0.0)
        version = newer.snapshot(lambda t: t.rows("SELECT version FROM studyhall_schema"))
        assert version == [(VERSION,)]
        newer.close()


def test_seeds_of_32_bits_fit_in_a_database_that_had_no_room(
    db: Database, database_url: str
) -> None:
    def back(transaction: Transaction) -> None:
        if db.kind == "postgresql":
            transaction.run("ALTER TABLE studyhall_studies ALTER COLUMN seed TYPE INTEGER")
        transaction.run("UPDATE studyhall_schema SET version = 5")

    db.transaction(back)
    newer = Database.open(database_url)
    study, _ = studies.create(newer, "large", config={}, seed=2**32 - 1, trials=2**31 - 1)
    assert studies.find(newer, "large") == study and study.seed == 2**32 - 1
    newer.close()
