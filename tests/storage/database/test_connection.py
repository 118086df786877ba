"""Opening databases, and transactions that outlive trouble."""

import contextlib
import os
import random
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import optuna
import psycopg
import pytest
import sqlalchemy as sa

from studyhall.storage.database import (
    Database,
    Transaction,
    connection,
    dialects,
    read_only,
    urls,
)
from studyhall.storage.database import setup as creation
from studyhall.storage.database.urls import StorageAway, StorageError
from studyhall.storage.database.versions import VERSION
from studyhall.storage.studies import studies


def test_creates_both_schemas_once_and_opens_them_again(database_url: str) -> None:
    Database.open(database_url).close()
    db = Database.open(database_url)
    tables = {*sa.inspect(dialects.engine(db.url)).get_table_names()}
    assert {"studies", "trials", "alembic_version", "studyhall_leases"} <= tables
    assert db.transaction(lambda t: t.row("SELECT version FROM studyhall_schema")) == (VERSION,)
    db.close()


def test_adds_our_tables_to_a_database_that_optuna_has_made(database_url: str) -> None:
    storage = creation.reading_storage(urls.parse(database_url))
    study = optuna.create_study(storage=storage, study_name="theirs")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    db = Database.open(database_url)
    assert studies.names(db) == []
    with pytest.raises(StorageError, match="studyhall has not created"):
        studies.create(db, "theirs", config={}, seed=0, trials=1)
    assert len(optuna.load_study(storage=storage, study_name="theirs").trials) == 2
    storage.remove_session()
    storage.engine.dispose()
    db.close()


def test_clocks_agree_with_ours(db: Database) -> None:
    row = db.transaction(lambda t: t.row("SELECT {now}, CAST({utc} AS text)"))
    assert row is not None
    assert row[0] == pytest.approx(time.time(), abs=2)
    shown = time.strftime("%Y-%m-%d %H:", time.gmtime(row[0]))
    assert row[1].startswith(shown)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mysql://ann:secret@host/db", "expected sqlite:///file or postgresql://user@host/name"),
        ("nonsense:secret@", "expected sqlite:///file or postgresql://user@host/name"),
        ("sqlite://", "expected sqlite:///file"),
        ("sqlite:////nowhere/at/all.db", "there is no folder /nowhere/at"),
        ("postgresql://ann:secret@localhost:1/db", "Connection refused"),
    ],
)
def test_refuses_in_one_line_without_the_password(url: str, reason: str) -> None:
    with pytest.raises(StorageError) as refused:
        Database.open(url, patience_s=0)
    assert reason in str(refused.value)
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_refuses_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database at all\n" * 100)
    with pytest.raises(StorageError, match="file is not a database"):
        Database.open(f"sqlite:///{tmp_path}/notes.txt")


def test_refuses_a_network_file_system(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urls, "file_system", lambda path: "nfs4")
    with pytest.raises(StorageError, match=r"lies on a network file system \(nfs4\).*postgresql"):
        Database.open(sqlite_url)


def test_refuses_a_missing_file_when_it_may_not_create_one(sqlite_url: str) -> None:
    with pytest.raises(StorageError, match="there is no such file"):
        Database.open(sqlite_url, create=False)


def test_refuses_a_server_without_that_database(postgres_url: str) -> None:
    with pytest.raises(StorageError, match="does not exist"):
        Database.open(postgres_url.replace("/test_", "/other_"))


def test_refuses_a_read_only_folder() -> None:
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o555)
    with _not_as_root(), pytest.raises(StorageError, match="cannot be written to"):
        Database.open(f"sqlite:///{folder}/studyhall.db")
    folder.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of another account")
def test_another_accounts_file_or_folder_is_one_sentence() -> None:
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    url = f"sqlite:///{folder}/studyhall.db"
    Database.open(url).close()
    with _not_as_root(), pytest.raises(StorageError, match="another account's file"):
        Database.open(url)
    folder.chmod(0o700)
    for create in (True, False):
        with (
            _not_as_root(),
            pytest.raises(StorageError, match=r"Permission denied: .*studyhall.db"),
        ):
            Database.open(url, create=create)
    shutil.rmtree(folder)


@contextlib.contextmanager
def _not_as_root() -> Iterator[None]:
    """Root may write anywhere."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_refuses_tables_of_a_later_version(db: Database) -> None:
    db.transaction(lambda t: t.run("UPDATE studyhall_schema SET version = version + 1"))
    with pytest.raises(StorageError, match="update studyhall"):
        Database.open(db.url.render_as_string(hide_password=False))


def test_refuses_tables_of_another_optuna(db: Database) -> None:
    db.transaction(lambda t: t.run("UPDATE alembic_version SET version_num = 'v9.0.0.a'"))
    with pytest.raises(StorageError, match="no longer compatible with the table schema"):
        Database.open(db.url.render_as_string(hide_password=False))


def test_waits_for_another_process_that_writes(sqlite_url: str) -> None:
    db = Database.open(sqlite_url)
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    threading.Timer(0.3, other.commit).start()
    db.transaction(lambda t: t.run("DELETE FROM studyhall_facts"))
    other.close()
    db.close()


def test_a_dropped_connection_is_replaced(postgres_url: str) -> None:
    db = Database.open(postgres_url)
    pid = db.transaction(lambda t: t.value("SELECT pg_backend_pid()"))
    with psycopg.connect(postgres_url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pid])
    again = []
    db.transaction(lambda t: again.append(t.again) or t.run("SELECT 1"))
    assert again[-1], "the second try must know that it is one"
    assert db.transaction(lambda t: t.value("SELECT pg_backend_pid()")) != pid
    db.close()


def test_gives_up_after_its_patience_and_keeps_the_cause(postgres_url: str) -> None:
    db = Database.open(postgres_url)
    db.close()
    name = sa.make_url(postgres_url).database
    with psycopg.connect(postgres_url, dbname="postgres", autocommit=True) as other:
        other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    started = time.monotonic()
    with pytest.raises(StorageAway) as gave_up:
        db.transaction(lambda t: t.run("SELECT 1"), patience_s=0.5)
    assert 0.2 < time.monotonic() - started < 5
    assert isinstance(gave_up.value.__cause__, psycopg.OperationalError)


def test_what_fails_is_undone(db: Database) -> None:
    def work(transaction: Transaction) -> None:
        transaction.run("INSERT INTO studyhall_facts VALUES (1, 'key', '1')")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        db.transaction(work)
    assert db.transaction(lambda t: t.rows("SELECT * FROM studyhall_facts")) == []


def test_a_mistake_in_a_statement_is_not_tried_again(db: Database) -> None:
    tries = []
    with pytest.raises((dialects.driver(db.kind).Error, StorageError)):
        db.transaction(lambda t: tries.append(1) or t.run("SELECT nonsense FROM nowhere"))
    assert len(tries) == 1


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:secret@host/db", "postgresql://ann:***@host/db"),
        ("postgresql+psycopg://ann:se%40cret@host/db", "postgresql://ann:***@host/db"),
        ("sqlite:///studyhall.db", "sqlite:///studyhall.db"),
        ("postgresql://ann:secret@host:port/db", "postgresql://ann:***@host:port/db"),
    ],
)
def test_never_shows_a_password(url: str, shown: str) -> None:
    assert connection.shown(url) == shown


def test_the_default_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STUDYHALL_STORAGE", raising=False)
    assert connection.default_url() == "sqlite:///studyhall.db"
    monkeypatch.setenv("STUDYHALL_STORAGE", "postgresql://host/db")
    assert connection.default_url() == "postgresql://host/db"


def test_a_client_frozen_in_a_transaction_blocks_nobody_for_long(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialects, "FROZEN_S", 0.3)
    frozen, other = Database.open(postgres_url), Database.open(postgres_url)
    tries = []

    def work(transaction: Transaction) -> None:
        tries.append(transaction.again)
        transaction.run("UPDATE studyhall_schema SET version = version")
        if len(tries) == 1:
            other.transaction(lambda t: t.run("UPDATE studyhall_schema SET version = version"))
        transaction.run("SELECT 1")

    frozen.transaction(work)
    assert tries == [False, True]
    frozen.close()
    other.close()


def test_the_global_random_numbers_are_left_to_the_models(db: Database) -> None:
    """Keras draws the seeds of its weights from them, while a heartbeat writes."""
    state = random.getstate()
    db.transaction(lambda transaction: transaction.row("SELECT 1"))
    db.statement(lambda transaction: transaction.row("SELECT 1"))
    assert random.getstate() == state


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///studyhall.db", "sqlite:////a/b c/d-e_f.db", "sqlite:///~/x+y.db",
        "sqlite:///a%20b.db", "sqlite:///ü.db", "sqlite:///x.db?timeout=3",
    ],
)  # fmt: skip
def test_a_plain_url_is_read_as_sqlalchemy_reads_it(url: str) -> None:
    address, theirs = urls.address(url), urls.parse(url)
    assert address.file is None if theirs.query else str(address.file) == theirs.database
    assert urls.shown(url) == theirs.render_as_string()


REPLACED = "the file was deleted, moved, replaced or overwritten while it was in use"


@pytest.mark.parametrize("how", ["deleted", "moved", "replaced"])
def test_a_file_that_is_no_longer_the_one_that_was_opened(tmp_path: Path, how: str) -> None:
    path = tmp_path / "a b%20é.db"
    url = sa.URL.create("sqlite", database=str(path)).render_as_string()
    db = Database.open(url)
    reader, other = read_only.opened(db), db.another()
    for each in (db, reader, other):
        each.statement(lambda t: t.run("SELECT 1"))
    aside = tmp_path / "aside.db"
    if how == "deleted":
        path.unlink()
    else:
        path.rename(aside)
    if how == "replaced":
        Database.open(url).close()
    for each in (db, reader, other):
        with pytest.raises(StorageError, match=REPLACED):
            each.transaction(lambda t: t.run("SELECT 1"))
        each.close()  # as after an outage: a new connection must not create another file
        with pytest.raises(StorageError, match=REPLACED):
            each.snapshot(lambda t: t.run("SELECT 1"))
    assert path.exists() == (how == "replaced")
    if how == "moved":
        aside.rename(path)
        assert db.statement(lambda t: t.value("SELECT 7")) == 7, "it was put back"
    for each in (db, reader, other):
        each.close()


def test_a_working_directory_may_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    db = Database.open("sqlite:///studyhall.db")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    for _ in range(2):
        assert db.statement(lambda t: t.value("SELECT 7")) == 7
        db.close()
    assert not (tmp_path / "below" / "studyhall.db").exists()
