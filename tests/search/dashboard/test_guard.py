"""The guarded dashboard over real HTTP, on both kinds of databases: who may do what."""

import contextlib
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import optuna
import pytest
import sqlalchemy as sa

from studyhall.search.dashboard import users
from studyhall.search.dashboard.routes import ROUTES, Route
from studyhall.search.dashboard.users import Role
from studyhall.storage.database import Database, dialects
from studyhall.storage.database.companions import CONFIRM
from studyhall.storage.leases.workers import Worker
from studyhall.storage.sampling import pruning, samplers
from studyhall.storage.studies import retrainings, studies, trash
from studyhall.storage.studies.retrainings import Retraining
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials import control
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.trial_store import TrialStore
from tests.plain_store import plain_store

LOGINS = {
    Role.VIEWER: "vic:watches only",
    Role.EDITOR: "eva:writes notes",
    Role.ADMIN: "ann:may do it all",
}
IDENTIFIER = "57d7a11e-0001-8000-8000-000000000001"


@dataclass
class Service:
    """A dashboard with users over a study that has a running trial."""

    db: Database
    study: Study
    trial_id: int
    folder: Path
    dashboard: Any
    token: str

    def ask(self, method: str, path: str, said: Any = None, role: Role | None = None, **more: str):
        return self.dashboard.ask(method, path, said, login=role and LOGINS[role], **more)

    def path(self, route: Route) -> str:
        ids = {"<study>": self.study.study_id, "<trial>": self.trial_id, "<id>": IDENTIFIER}
        path = route.path
        for name, value in ids.items():
            path = path.replace(name, str(value))
        return path

    def contents(self) -> dict[str, list[str]]:
        """Every row of every table, and every file."""
        metadata = sa.MetaData()
        with dialects.engine(self.db.url).connect() as connection:
            metadata.reflect(connection)
            found = {
                table.name: sorted(map(str, connection.execute(sa.select(table)).all()))
                for table in metadata.sorted_tables
            }
        files = (self.folder / "files").rglob("*")
        return {**found, "files": sorted(str(path) for path in files)}

    def audited(self) -> list[dict[str, Any]]:
        """Return the entries of the audit log."""
        return [json.loads(line) for line in (self.folder / "audit").read_text().splitlines()]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, dashboards: Any
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    url = f"sqlite:///{folder}/studyhall.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("new_database")()
    for role, login in LOGINS.items():
        users.add(folder / "users", *_named(login, role))
    token, _ = users.add_token(folder / "users", "prometheus", Role.VIEWER)
    db = Database.open(url)
    (folder / "files").mkdir()
    record = {"artifacts": str(folder / "files")}
    study, _ = studies.create(db, "digits", config=record, seed=0, trials=3)
    claim = _running(db, study)
    options = ("--users", str(folder / "users"), "--audit", str(folder / "audit"))
    dashboard = dashboards(url, *options)
    yield Service(db, study, claim.lease.trial_id, folder, dashboard, token)
    db.close()


def _named(login: str, role: Role) -> tuple[str, Role, str]:
    name, _, password = login.partition(":")
    return name, role, password


def _running(db: Database, study: Study) -> Claim:
    """A trial in the hands of a worker."""
    store = plain_store(db, study, Worker("worker-1", "host", 1, "cpu"))
    claim = store.claim()
    assert isinstance(claim, Claim)
    claim.trial.suggest_float("x", 0.0, 1.0)
    store.report(claim, 1, 0.5, {"val_loss": 0.5})
    store.close()  # no heartbeat may change what tests compare
    return claim


# Who may look


def test_everybody_who_logs_in_looks(service: Service) -> None:
    for role in Role:
        listed = service.ask("GET", "/api/studies", role=role).json["study_summaries"]
        assert [study["study_name"] for study in listed] == ["digits"]
        assert service.ask("GET", "/dashboard", role=role).status == 200
    assert service.dashboard.get("/api/studies", login=service.token).status == 200


def test_nobody_else_does(service: Service) -> None:
    for path in ("/", "/dashboard", "/api/studies", "/metrics", "/static/x.js", "/csv/1"):
        answer = service.dashboard.get(path)
        assert answer.status == 401, path
        assert answer.headers.get_all("WWW-Authenticate")[0].startswith("Basic realm=")
    assert service.dashboard.get("/api/studies", login="vic:wrong").status == 401
    assert service.dashboard.get("/api/studies", login="x" * 43).status == 401
    assert {"user": "vic", "status": 401}.items() <= service.audited()[-2].items()


def test_health_is_told_without_login_and_metrics_are_not(service: Service) -> None:
    assert (service.dashboard.get("/healthz").status) == 200
    page = service.dashboard.get("/metrics", login=service.token)
    assert page.headers["Content-Type"].startswith("text/plain; version=")
    assert 'studyhall_trials{state="running",study="digits"} 1.0' in page.body.decode()


def test_names_that_are_not_ours_get_nothing_not_even_health(service: Service) -> None:
    for path in ("/healthz", "/api/studies"):
        answer = service.ask("GET", path, role=Role.ADMIN, Host="evil.example:80")
        assert answer.status == 403 and b"evil.example" in answer.body


def test_every_answer_has_the_headers(service: Service) -> None:
    for path in ("/healthz", "/dashboard", "/api/studies", "/nowhere", "/metrics"):
        for role in (None, Role.VIEWER):
            headers = service.ask("GET", path, role=role).headers
            assert headers["X-Content-Type-Options"] == "nosniff", path
            assert headers["X-Frame-Options"] == "DENY"
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
            assert headers["Server"] is None


def test_slow_connections_keep_nobody_out(service: Service) -> None:
    address = urlsplit(service.dashboard.url)
    with contextlib.ExitStack() as opened:
        for _ in range(150):
            slow = socket.create_connection((address.hostname, address.port))
            opened.enter_context(slow).sendall(b"GET /dashboard HTTP/1.1\r\nHost: local")
        assert service.ask("GET", "/healthz").status == 200


def test_whoever_names_no_login_sends_no_large_body(service: Service) -> None:
    address = urlsplit(service.dashboard.url)
    start = "POST /api/artifacts/1 HTTP/1.1\r\nHost: localhost\r\n"
    for length in ("Content-Length: 60000000", "Transfer-Encoding: chunked"):
        with socket.create_connection((address.hostname, address.port), 60) as asked:
            asked.sendall(f"{start}{length}\r\n\r\n".encode())
            assert asked.recv(4096).startswith(b"HTTP/1.1 400 "), "answered before the body"


# Who may write


@pytest.mark.parametrize("role", [None, *Role], ids=str)
def test_a_write_above_ones_role_changes_nothing(service: Service, role: Role | None) -> None:
    above = [r for r in ROUTES if role is None or not role.includes(r.role)]
    before = service.contents()
    for route in above:
        answer = service.ask(route.method, service.path(route), {"study_name": "x"}, role)
        assert answer.status == (401 if role is None else 403), route
        assert role is None or f"expected an {route.role}".encode() in answer.body
    assert service.contents() == before
    assert len(above) == {None: 20, Role.VIEWER: 20, Role.EDITOR: 15, Role.ADMIN: 0}[role]


def test_what_is_not_listed_is_refused_to_everybody(service: Service) -> None:
    before = service.contents()
    for method, path in (("PATCH", "/api/studies/1"), ("POST", "/dashboard"), ("PUT", "/x")):
        assert service.ask(method, path, {}, Role.ADMIN).status == 403
    assert service.contents() == before


def test_a_page_of_another_site_writes_nothing(service: Service) -> None:
    before = service.contents()
    path = f"/api/studies/{service.study.study_id}"
    for headers in ({"Sec_Fetch_Site": "cross-site"}, {"Origin": "http://evil.example"}):
        answer = service.ask("DELETE", path, {}, Role.ADMIN, **headers)
        assert answer.status == 403 and "may not change anything here" in answer.json["reason"]
    assert service.contents() == before


def test_an_editor_writes_a_note_that_a_viewer_sees_at_once(service: Service) -> None:
    study, shown = f"/api/studies/{service.study.study_id}", {}
    for version in (1, 2):
        body = f"looks good, {version}"
        said = {"version": version, "body": body}
        assert service.ask("PUT", f"{study}/note", said, Role.EDITOR).status == 200
        assert (
            service.ask("PUT", f"{study}/{service.trial_id}/note", said, Role.EDITOR).status == 200
        )
        shown = service.ask("GET", study, role=Role.VIEWER).json
        assert shown["note"] == said and shown["trials"][0]["note"] == said
    noted = service.audited()[-1]
    assert (noted["user"], noted["role"], noted["status"]) == ("eva", "editor", 204)
    assert noted["path"].endswith("/note") and noted["address"] == "127.0.0.1"


def test_nobody_tells_a_trials_value_for_its_worker(service: Service) -> None:
    before = service.contents()
    tell = f"/api/trials/{service.trial_id}/tell"
    said = {"state": "Complete", "values": [0.0]}
    answer = service.ask("POST", tell, said, Role.ADMIN)
    assert answer.status == 409 and "To stop the trial, choose Fail" in answer.json["reason"]
    attributes = {"user_attrs": {"model": "../../etc/passwd"}}
    assert service.ask("POST", tell[:-5] + "/user-attrs", attributes, Role.ADMIN).status == 409
    assert service.contents() == before


def test_what_is_trained_beside_a_search_is_nobodys_to_write(service: Service) -> None:
    """Though its trial has an identifier that can be guessed."""
    retrainings.plan(service.db, service.study, CONFIRM, [Retraining(CONFIRM, 0, 0, 100, 5)])
    about = Worker("bob", "here", 1, "cpu"), samplers.named("random", study_seed=0)
    hidden = retrainings.hidden(service.study, CONFIRM)
    store = TrialStore(service.db, hidden, *about, pruning.Never(), trial_seed=int)
    claim = store.claim()
    assert isinstance(claim, Claim)
    store.close()  # no heartbeat may change what is compared
    trial_id, before = claim.lease.trial_id, service.contents()
    for path, said in {
        f"/api/trials/{trial_id}/tell": {"state": "Fail"},
        f"/api/trials/{trial_id}/user-attrs": {"user_attrs": {"model": "another"}},
        f"/api/studies/{service.study.study_id}/{trial_id}/note": {"body": "a", "version": 1},
    }.items():
        method = "PUT" if path.endswith("note") else "POST"
        assert service.ask(method, path, said, Role.ADMIN).status == 404
    assert service.contents() == before


def test_a_study_with_workers_is_not_renamed_nor_the_schema_upgraded(service: Service) -> None:
    service.db.transaction(
        lambda t: t.run(
            """
            INSERT INTO studyhall_workers (study_id, name, host, pid, device, started_at, seen_at)
            VALUES (:study_id, 'one', 'here', 1, 'cpu', {now}, {now})
            ON CONFLICT (study_id, name) DO UPDATE SET seen_at = excluded.seen_at""",
            study_id=service.study.study_id,
        )
    )
    before = service.contents()
    for path in (f"/api/studies/{service.study.study_id}/rename", "/incompatible-rdb-schema"):
        answer = service.ask("POST", path, {"study_name": "other"}, Role.ADMIN)
        assert answer.status == 409 and b"Workers are on study" in answer.body, path
    assert service.contents() == before


def test_once_they_have_left_it_is_renamed_in_place(service: Service) -> None:
    _forget_workers(service)
    study_id, trial_id = service.study.study_id, service.trial_id
    rename = f"/api/studies/{study_id}/rename"
    for name in ("", "a/b", "trash/1/x", None):
        assert service.ask("POST", rename, {"study_name": name}, Role.ADMIN).status == 400
    answer = service.ask("POST", rename, {"study_name": "numbers"}, Role.ADMIN)
    assert answer.status == 201
    assert (answer.json["study_id"], answer.json["study_name"]) == (study_id, "numbers")
    assert studies.names(service.db) == ["numbers"]
    csv = service.ask("GET", f"/csv/{study_id}", role=Role.VIEWER)
    assert csv.headers["Content-Disposition"].endswith("=numbers.csv")
    back = service.ask("POST", rename, {"study_name": "digits"}, Role.ADMIN)
    assert back.json["study_name"] == "digits"
    shown = service.ask("GET", f"/api/studies/{study_id}", role=Role.VIEWER).json
    assert [trial["trial_id"] for trial in shown["trials"]] == [trial_id]


def test_the_schema_is_in_order_so_that_an_upgrade_only_leads_back(service: Service) -> None:
    _forget_workers(service)
    answer = service.ask("POST", "/incompatible-rdb-schema", {}, Role.ADMIN)
    assert answer.status == 302 and answer.headers["Location"].endswith("/dashboard")


def test_another_clients_study_is_for_admins_to_run(service: Service) -> None:
    made = service.ask(
        "POST", "/api/studies", {"study_name": "plain", "directions": ["minimize"]}, Role.ADMIN
    )
    study_id = made.json["study_summary"]["study_id"]
    refused = {"study_name": "trash/9/x", "directions": ["minimize"]}
    assert service.ask("POST", "/api/studies", refused, Role.ADMIN).status == 400
    storage = service.db.optuna_storage()
    trial = optuna.load_study(study_name="plain", storage=storage).ask()
    path = f"/api/trials/{trial._trial_id}"
    attributes = {"user_attrs": {"colour": "red"}}
    assert service.ask("POST", f"{path}/user-attrs", attributes, Role.ADMIN).status == 200
    told = {"state": "Complete", "values": [0.25]}
    assert service.ask("POST", f"{path}/tell", told, Role.EDITOR).status == 200
    (shown,) = service.ask("GET", f"/api/studies/{study_id}", role=Role.VIEWER).json["trials"]
    assert shown["values"] == [0.25]
    assert shown["user_attrs"] == [{"key": "colour", "value": "red"}]
    assert service.ask("DELETE", f"/api/studies/{study_id}", {}, Role.ADMIN).status == 200
    (deleted,) = trash.contents(service.db)
    trash.purge(service.db, deleted)
    storage.engine.dispose()


def test_an_editor_stops_a_trial_by_its_lease(service: Service) -> None:
    said = {"state": "Fail"}
    tell = f"/api/trials/{service.trial_id}/tell"
    assert service.ask("POST", tell, said, Role.EDITOR).status == 200
    asked = service.db.snapshot(
        lambda t: t.value(
            "SELECT stop FROM studyhall_leases WHERE trial_id = :id", id=service.trial_id
        )
    )
    assert asked == 1
    assert service.ask("POST", "/api/trials/12345/tell", said, Role.EDITOR).status >= 400


@pytest.mark.sampled(1)
def test_an_admins_delete_fills_the_trash_and_the_study_can_come_back(service: Service) -> None:
    control.set_stop(service.db, service.study, False)
    before = service.contents()
    path = f"/api/studies/{service.study.study_id}"
    assert service.ask("DELETE", path, {}, Role.ADMIN).status == 200
    assert service.ask("GET", "/api/studies", role=Role.VIEWER).json["study_summaries"] == []
    assert service.ask("GET", path, role=Role.VIEWER).status == 404
    assert service.ask("DELETE", path, {}, Role.ADMIN).status == 404
    (deleted,) = trash.contents(service.db)
    assert (deleted.name, deleted.deleted_by, deleted.trials) == ("digits", "ann", 1)
    trash.restore(service.db, deleted)
    assert service.contents() == before
    assert service.ask("GET", path, role=Role.VIEWER).status == 200


def _forget_workers(service: Service) -> None:
    service.db.transaction(lambda t: t.run("DELETE FROM studyhall_workers"))
