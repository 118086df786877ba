"""Connections that the database itself lets not write."""

import sqlite3

import psycopg
import pytest
import sqlalchemy as sa
from optuna.exceptions import StorageInternalError

from studyhall.storage.database import Database, read_only
from studyhall.storage.database.urls import StorageError
from studyhall.storage.queries.optuna_reader import Reader
from studyhall.storage.queries.status import status
from studyhall.storage.studies import studies

REFUSED = (sqlite3.Error, psycopg.Error)


@pytest.fixture
def study(db):
    return studies.create(db, "study", config={}, seed=0, trials=4)[0]


@pytest.fixture
def looking(db, study):
    """A read-only connection to it."""
    assert read_only.prepare_role(db) is None
    opened = read_only.opened(db)
    yield opened
    opened.close()


def test_it_reads_what_is_there_and_what_comes(db, study, looking):
    assert status(looking, study).limit == 4
    studies.set_limits(db, study, trials=5)
    assert status(looking, study).limit == 5


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE studyhall_budget SET trials = 1",
        "DELETE FROM studies",
        "INSERT INTO studies (study_name) VALUES ('x')",
        "CREATE TABLE mine (x INTEGER)",
        "DROP TABLE studyhall_facts",
    ],
)
def test_it_writes_nothing(db, study, looking, statement):
    with pytest.raises((StorageError, *REFUSED)):
        looking.statement(lambda transaction: transaction.run(statement), patience_s=0)
    assert status(db, study).limit == 4


def test_optunas_storage_on_it_writes_nothing_either(db, study):
    reader = Reader(db)
    with pytest.raises((StorageInternalError, sa.exc.DBAPIError)):
        reader.set_study_user_attr(study.study_id, "key", "value")
    with pytest.raises((StorageInternalError, sa.exc.DBAPIError)):
        reader.delete_study(study.study_id)
    reader.close()
    assert studies.names(db) == ["study"]


def test_a_file_name_with_every_odd_character(tmp_path):
    (tmp_path / "a b?c#d%20").mkdir()
    url = sa.URL.create("sqlite", database=str(tmp_path / "a b?c#d%20" / "e&f.db"))
    db = Database.open(url.render_as_string())
    study, _ = studies.create(db, "study", config={}, seed=0, trials=4)
    looking = read_only.opened(db)
    assert status(looking, study).limit == 4
    looking.close()
    db.close()


# PostgreSQL: the role


@pytest.fixture
def server(postgres_url):
    """A database of PostgreSQL and a connection as its administrator."""
    db = Database.open(postgres_url)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield db, connection
    db.close()


def test_the_role_itself_may_only_select(server):
    db, connection = server
    assert read_only.prepare_role(db) is None
    assert read_only.prepare_role(db) is None  # again changes nothing
    connection.execute(f"SET ROLE {read_only.ROLE}")  # without the session's own restriction
    connection.execute("SELECT * FROM trials")
    for statement in ("DELETE FROM trials", "UPDATE studies SET study_name = 'x'"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


def test_tables_that_come_later_can_be_read_too(server):
    db, connection = server
    read_only.prepare_role(db)
    connection.execute("CREATE TABLE later (x INTEGER)")
    connection.execute(f"SET ROLE {read_only.ROLE}")
    assert connection.execute("SELECT * FROM later").fetchall() == []


def _user(connection, name, privilege):
    connection.execute(f"CREATE ROLE {name} LOGIN")
    connection.execute(f"GRANT {privilege} ON ALL TABLES IN SCHEMA public TO {name}")


def test_a_user_that_may_not_make_the_role_is_told_why(server):
    db, connection = server
    _user(connection, "plain", "ALL")
    plain = Database.open(db.url.set(username="plain").render_as_string(hide_password=False))
    assert "permission denied" in read_only.prepare_role(plain)
    looking = read_only.opened(plain)
    with pytest.raises((StorageError, *REFUSED)):
        looking.statement(lambda t: t.run("DELETE FROM studies"), patience_s=0)
    for each in (plain, looking):
        each.close()
    connection.execute("DROP OWNED BY plain; DROP ROLE plain")


def test_a_user_that_may_only_select_needs_no_role(server):
    db, connection = server
    _user(connection, "watcher", "SELECT")
    watcher = Database.open(db.url.set(username="watcher").render_as_string(hide_password=False))
    assert read_only.may_write(db) and not read_only.may_write(watcher)
    assert read_only.prepare_role(watcher) is None
    looking = read_only.opened(watcher)
    assert looking.snapshot(lambda t: t.rows("SELECT study_id FROM studies")) == []
    for each in (watcher, looking):
        each.close()
    connection.execute("DROP OWNED BY watcher; DROP ROLE watcher")
