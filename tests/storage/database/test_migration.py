"""Databases of older versions: brought up to date with all they hold, or refused with advice."""

from typing import Any

import pytest
import sqlalchemy as sa

from studyhall.storage.database import Database, dialects, setup, versions
from studyhall.storage.database.urls import StorageError
from studyhall.storage.database.versions import VERSION
from studyhall.storage.studies import studies


@pytest.fixture
def database_url(db: Database) -> str:
    """The URL of the database."""
    return db.url.render_as_string(hide_password=False)


def columns(db: Database, table: str) -> set[str]:
    """Names of a table's columns."""
    engine = dialects.engine(db.url)
    found = {str(one["name"]) for one in sa.inspect(engine).get_columns(table)}
    engine.dispose()
    return found


def set_version(db: Database, version: int) -> None:
    db.transaction(lambda t: t.run("UPDATE studyhall_schema SET version = :v", v=version))


def version_of(db: Database) -> Any:
    return db.snapshot(lambda t: t.rows("SELECT version FROM studyhall_schema"))[0][0]


@pytest.mark.parametrize("version", [1, 5])
def test_one_from_before_the_first_release_is_refused_with_what_to_do(
    db: Database, database_url: str, version: int
) -> None:
    set_version(db, version)
    expected = (
        rf"its tables have version {version}, from before the first release, and this studyhall "
        r"reads 6 and later: open it once with the studyhall of commit \w+, which brings it to "
        r"version 6, or start a new database \(--storage selects another\)$"
    )
    with pytest.raises(StorageError, match=expected):
        Database.open(database_url)
    assert version_of(db) == version


def test_one_of_a_later_studyhall_is_refused(db: Database, database_url: str) -> None:
    set_version(db, VERSION + 1)
    expected = rf"version {VERSION + 1}, but this studyhall reads 6 to {VERSION}: update studyhall$"
    with pytest.raises(StorageError, match=expected):
        Database.open(database_url)


@pytest.mark.parametrize("version", range(versions.OLDEST, VERSION + 1))
def test_every_version_since_has_its_step(version: int) -> None:
    assert (version in setup._STEPS) == (version > versions.OLDEST)


def a_next_version(monkeypatch: pytest.MonkeyPatch, *statements: str) -> int:
    """Lets the version after today's be led to by these statements."""
    monkeypatch.setattr(versions, "VERSION", VERSION + 1)
    step = lambda transaction: [transaction.run(text) for text in statements]  # noqa: E731
    monkeypatch.setitem(setup._STEPS, VERSION + 1, step)
    return VERSION + 1


def test_an_older_one_is_brought_up_to_date_with_all_it_holds(
    db: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, _ = studies.create(db, "old", config={"a": 1}, seed=0, trials=4)
    version = a_next_version(monkeypatch, "ALTER TABLE studyhall_queue ADD COLUMN added TEXT")
    for _ in range(2):
        newer = Database.open(database_url)
        assert version_of(newer) == version
        assert "added" in columns(newer, "studyhall_queue")
        assert studies.find(newer, "old") == study
        newer.close()


def test_a_step_that_fails_leaves_the_database_as_it_was(
    db: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = "ALTER TABLE studyhall_queue ADD COLUMN added TEXT"
    a_next_version(monkeypatch, added, "ALTER TABLE nowhere ADD COLUMN added TEXT")
    with pytest.raises(StorageError):
        Database.open(database_url)
    assert version_of(db) == VERSION
    assert "added" not in columns(db, "studyhall_queue")


def test_seeds_of_32_bits_fit(db: Database) -> None:
    study, _ = studies.create(db, "large", config={}, seed=2**32 - 1, trials=2**31 - 1)
    assert studies.find(db, "large") == study and study.seed == 2**32 - 1
