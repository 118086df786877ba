"""The service's address: where it listens, for whom, and how it ends."""

import contextlib
import signal
import socket
import sqlite3

import psycopg
import pytest
import sqlalchemy as sa
from optuna.exceptions import StorageInternalError
from werkzeug.test import Client

from studyhall.search.dashboard import server, users
from studyhall.search.dashboard.server import Access
from studyhall.search.dashboard.users import Role
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import Database
from studyhall.storage.database.urls import StorageError
from studyhall.storage.studies import studies


@pytest.fixture
def database(sqlite_url):
    """An empty database."""
    opened = Database.open(sqlite_url)
    yield opened
    opened.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_only_this_machine_looks_unless_there_are_users(database, host):
    with pytest.raises(ConfigError, match=rf"--host: received {host}, expected 127\.0\.0\.1 or lo"):
        server.serve(database, host=host, port=0)


def test_a_port_that_is_taken_or_none(database):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"--port: received {port}, expected a free"):
            server.serve(database, port=port)


def test_a_users_file_that_is_missing_is_told_before_anything_is_served(database, tmp_path):
    access = Access(tmp_path / "users.json", audit=tmp_path / "audit.jsonl")
    with pytest.raises(ConfigError, match=r"--users: received .*users\.json \(No such file"):
        server.serve(database, host="0.0.0.0", port=0, access=access)


def test_with_users_it_listens_everywhere(sqlite_url, dashboards, tmp_path):
    users.add(tmp_path / "users", "ann", Role.VIEWER, "watches only")
    dashboard = dashboards(sqlite_url, "--host", "0.0.0.0", "--users", str(tmp_path / "users"))
    assert dashboard.url.startswith("http://0.0.0.0:")
    assert dashboard.get("/healthz").body == b"ok\n"
    assert dashboard.get("/api/studies", login="ann:watches only").json == {"study_summaries": []}


def test_a_read_only_service_takes_no_write_from_anybody(sqlite_url, dashboards):
    dashboard = dashboards(sqlite_url, STUDYHALL_READ_ONLY="true")
    study = {"study_name": "x", "directions": ["minimize"]}
    refused = dashboard.ask("POST", "/api/studies", study)
    assert refused.status == 403 and refused.json["reason"] == "this dashboard is read-only"
    assert dashboard.get("/api/studies").json == {"study_summaries": []}


@pytest.mark.sampled(1)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_quietly(sqlite_url, dashboards, number):
    process = dashboards(sqlite_url).process
    process.send_signal(number)
    assert process.wait(20) == 0


@pytest.mark.sampled(1)
def test_behind_a_read_only_service_even_a_forced_write_fails(db, tmp_path):
    """The guard refuses writes; were it not there, the database itself would."""
    study, _ = studies.create(db, "study", config={}, seed=0, trials=4)
    app = server.guarded(db, Access(read_only=True, audit=tmp_path / "audit.jsonl"))
    assert app.writing is None
    unguarded = Client(app.reading._app)
    path = f"/api/studies/{study.study_id}"
    assert unguarded.get("/api/studies").status_code == 200
    for method, place, said in (
        ("DELETE", path, None),
        ("PUT", f"{path}/note", {"body": "x", "version": 1}),
        ("POST", "/api/studies", {"study_name": "x", "directions": ["minimize"]}),
    ):
        with contextlib.suppress(StorageInternalError, sa.exc.DBAPIError):
            assert unguarded.open(place, method=method, json=said).status_code >= 400
    lifted = {"sqlite": "PRAGMA query_only = 0", "postgresql": "RESET ROLE"}[db.kind]

    def force(transaction):
        transaction.run(lifted)
        transaction.run("DELETE FROM studies")

    with pytest.raises((StorageError, sqlite3.Error, psycopg.Error)):
        app.db.statement(force, patience_s=0)
    assert studies.names(db) == ["study"]
    app.db.close()
