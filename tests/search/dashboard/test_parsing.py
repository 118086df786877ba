"""Whatever is asked: no error of ours, no write by a viewer, no file outside its sandbox."""

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from werkzeug.test import EnvironBuilder, run_wsgi_app
from werkzeug.wrappers import Request

from studyhall.search.dashboard import parsing, server, users
from studyhall.search.dashboard.routes import ROUTES
from studyhall.search.dashboard.server import Access
from studyhall.search.dashboard.users import Role
from studyhall.storage.artifacts import artifact_store
from studyhall.storage.database import Database
from studyhall.storage.studies import studies

PAGE = "<title>a user's page</title>"
PASSWORD = "may do it all or not"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    yield from serving(tmp_path_factory.mktemp("service"))


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A service that may end up with anything."""
    yield from serving(tmp_path_factory.mktemp("changed"))


def serving(folder: Path) -> Iterator[Any]:
    db = Database.open(f"sqlite:///{folder}/studyhall.db")
    artifact_store.open_store(folder / "files")
    record = {"artifacts": str(folder / "files")}
    studies.create(db, "one", config=record, seed=0, trials=1)
    for name, role in (("vic", Role.VIEWER), ("ann", Role.ADMIN)):
        users.add(folder / "users", name, role, PASSWORD)
    access = Access(users=folder / "users", audit=folder / "audit")
    yield Service(folder, db, server.guarded(db, access))
    db.close()


class Service:
    """The guarded dashboard without a network."""

    def __init__(self, folder: Path, db: Database, app: Any) -> None:
        self.folder, self.db, self.app = folder, db, app
        said = {"file": f"data:text/html;base64,{base64.b64encode(PAGE.encode()).decode()}"}
        body = json.dumps({**said, "filename": "page.html"}).encode()
        kind = "application/json"
        answer = self.ask("POST", "/api/artifacts/1", "ann", body, kind)
        self.page = json.loads(answer[2])["artifact_id"]

    def ask(
        self,
        method: str,
        path: str,
        name: str,
        body: bytes = b"",
        kind: str | None = None,
        **more: Any,
    ) -> tuple[int, dict[str, str], bytes]:
        login = base64.b64encode(f"{name}:{PASSWORD}".encode()).decode()
        headers = {"Authorization": f"Basic {login}", **({"Content-Type": kind} if kind else {})}
        environ = EnvironBuilder(
            method="GET", base_url="http://localhost", headers=headers
        ).get_environ()
        environ |= {"REQUEST_METHOD": method, "PATH_INFO": path, **more}
        environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        found, status, sent = run_wsgi_app(self.app, environ)
        content = b"".join(found)
        return int(status.split()[0]), dict(sent), content

    def written(self) -> list[Any]:
        """The rows that a write would change."""
        tables = ("studies", "study_system_attributes", "study_user_attributes")
        rows = [
            self.db.snapshot(lambda tr, table=table: tr.rows(f"SELECT * FROM {table}"))
            for table in tables
        ]
        return [*map(str, rows), *sorted(path.name for path in (self.folder / "files").iterdir())]


PIECES = [
    *("artifacts", "ARTIFACTS", "api", "studies", "trials", "static", "dashboard", "csv", "tell"),
    *("rename", "note", "1", "-1", "9" * 30, "a" * 30, "ID", "..", ".", "", "%2e"),
    *("\\", "\xff", "\x00", "\xc3\xa9", "\n"),
]
FEW = st.text(st.characters(max_codepoint=255), max_size=4)
paths = st.lists(st.sampled_from(PIECES) | FEW, max_size=6).map("/".join)
nearly = st.sampled_from([route.path for route in ROUTES] + ["/artifacts/<study>/<id>"])
NESTED = [b"[" * 100_000, b'{"a":' * 5_000, b"null", b'{"study_name": "b"}', b"{}"]
trees = st.recursive(
    st.none() | st.text(max_size=3), lambda inner: st.dictionaries(st.text(max_size=3), inner)
)
bodies = st.binary(max_size=30) | st.sampled_from(NESTED) | trees.map(json.dumps).map(str.encode)
KINDS = [
    *(None, "application/json", "application/JSON; charset=utf-16", "text/plain", "\xff"),
    *("application/x-www-form-urlencoded", "multipart/form-data; boundary=x"),
]
QUERIES = ["", "after=x", "a=%ff", "limit=-1"]


@settings(
    max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.data())
def test_no_request_breaks_the_service_or_gets_past_it(service: Any, data: st.DataObject) -> None:
    method = data.draw(
        st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "get", "X"])
    )
    path = data.draw(st.one_of(paths.map("/".join), nearly), label="path")
    for name, value in {
        "<study>": "1",
        "<trial>": "1",
        "<id>": service.page,
        "ID": service.page,
    }.items():
        path = path.replace(name, value)
    path = data.draw(st.sampled_from(["", "/", "//"])) + path.lstrip("/")
    odd = data.draw(st.sampled_from(["", "\xff", "\x80", "%ff", ";a=b", "/"]))
    at = data.draw(st.integers(0, len(path)))
    path = path[:at] + odd + path[at:]
    before = service.written()
    query = data.draw(st.sampled_from(QUERIES))
    body, kind = data.draw(bodies), data.draw(st.sampled_from(KINDS))
    answer = service.ask(method, path, "vic", body, kind, QUERY_STRING=query)
    status, headers, content = answer
    assert status < 500, content
    assert service.written() == before
    policy = headers["Content-Security-Policy"]
    if PAGE.encode() in content:
        assert policy.startswith("sandbox;") and "form-action 'none'" in policy
        assert headers["Content-Disposition"] == "attachment"
    assert "default-src" in policy


HOSTS = ["[::1", "[", "a]b[", "[::1]:x", "localhost:99999999", "localhost:", "\xff", "a" * 300, ""]
LARGE = ["1", "0", "-1", "2147483647", "2147483648", "9" * 18, "9" * 19, "9" * 5000, "0" * 30]
VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["fail", "data:text/plain;base64,eA==", "data:,", "data:x;base64,eA", "../x",
                       "\x00", "a/b\\c", "é" * 300, "\ud800", "x" * 5000 + ".png", ".", ""])
    | st.lists(st.integers(), max_size=2)
)  # fmt: skip
KEYS = ["study_name", "file", "filename", "body", "version", "state", "values", "user_attrs",
        "directions", "candidates", "clicked", "output_type", "artifact_key"]  # fmt: skip
objects = st.dictionaries(st.sampled_from(KEYS), VALUES).map(json.dumps).map(str.encode)


@settings(
    max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(data=st.data())
def test_no_admin_breaks_it_either(changed: Any, data: st.DataObject) -> None:
    route = data.draw(st.sampled_from(ROUTES))
    path = route.path
    for name in ("<study>", "<trial>", "<id>"):
        path = path.replace(name, data.draw(st.sampled_from(LARGE), label=name))
    more: dict[str, Any] = {}
    for name in ("HTTP_HOST", "HTTP_ORIGIN", "HTTP_REFERER"):
        if data.draw(st.integers(0, 3), label=f"with {name}") == 0:
            more[name] = data.draw(st.sampled_from(HOSTS) | FEW, label=name)
    body = data.draw(objects | bodies, label="body")
    status, _, content = changed.ask(route.method, path, "ann", body, "application/json", **more)
    assert status < 500, content


def test_a_file_is_found_at_its_own_address_alone(service: Any) -> None:
    address = f"/artifacts/1/{service.page}"
    assert service.ask("GET", address, "vic")[2] == PAGE.encode()
    for odd in ("/artifacts\xff/1/", "//artifacts/1/", "/artifacts//1/", "/./artifacts/1/"):
        status, _, content = service.ask("GET", odd + service.page, "vic")
        assert (status, PAGE.encode() in content) == (400, False)


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_what_a_form_can_send_writes_nothing(service: Any, kind: str | None) -> None:
    before = service.written()
    for path in ("/api/studies/1/rename", "/api/artifacts/1", "/api/studies"):
        status, _, _ = service.ask("POST", path, "ann", b'{"study_name": "b", "x": "="}', kind)
        assert status == 415
    assert service.written() == before


@pytest.mark.parametrize(
    "body", [b"[" * 200_000, b'{"a":' * 200_000, b"[1]", b"{", b'{"a":' * 40 + b"1" + b"}" * 40]
)
def test_a_body_that_is_no_plain_object(body: bytes) -> None:
    request = Request({"CONTENT_TYPE": "application/json; charset=utf-8"})
    with pytest.raises(BadRequest):
        parsing.check_body(request, body)
    parsing.check_body(request, b'{"a": {"b": [1]}}')
    parsing.check_body(Request({}), b"")
    with pytest.raises(UnsupportedMediaType):
        parsing.check_body(Request({"CONTENT_TYPE": "application/json-patch+json"}), b"{}")


def test_what_cant_be_noted_is_not_done(service: Any) -> None:
    before, audit = service.written(), service.folder / "audit"
    kept = audit.read_bytes()
    audit.unlink()
    audit.symlink_to("/dev/full")  # a disk without space
    status, _, content = service.ask(
        "POST", "/api/studies/1/rename", "ann", b'{"study_name": "b"}', "application/json"
    )
    assert (status, service.written()) == (503, before)
    assert b"nothing was changed" in content
    assert service.ask("PUT", "/api/studies/1/note", "vic", b"{}", "application/json")[0] == 403
    audit.unlink()
    audit.write_bytes(kept)


def test_a_note_has_an_end(service: Any) -> None:
    note = {"body": "x" * 70_000, "version": 1}
    said, kind = json.dumps(note).encode(), "application/json"
    before = service.written()
    assert service.ask("PUT", "/api/studies/1/note", "ann", said, kind)[0] == 413
    assert service.written() == before


def test_a_database_that_was_replaced_is_neither_healthy_nor_written(service: Any) -> None:
    path, aside = service.folder / "studyhall.db", service.folder / "aside.db"
    service.ask("GET", "/api/studies", "ann")
    path.rename(aside)
    said = b'{"study_name": "b"}'
    assert service.ask("GET", "/healthz", "ann")[0] == 503
    for method, address, body in (
        ("POST", "/api/studies/1/rename", said),
        ("GET", "/dashboard", b""),
    ):
        status, _, content = service.ask(method, address, "ann", body, "application/json")
        assert status == 503 and b"replaced" in content
    assert not path.exists()
    aside.rename(path)
    assert service.ask("GET", "/healthz", "ann")[0] == 200


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/api/studies/1/note", b"", "body: Field required; version: Field required"),
        ("/api/studies/1/note", b'{"body": "x", "version": "1"}', "version: Input should be a"),
        ("/api/artifacts/1", b'{"file": "x"}', "file: Value error, expected data:TYPE"),
        ("/api/artifacts/1", b'{"file": "data:;base64,x"}', "expected content in base64"),
        ("/api/artifacts/1", b'{"file": "data:,", "filename": 1}', "filename: Input should be a"),
        ("/api/studies", b'{"study_name": "b", "directions": ["up"]}', "directions.0: Input"),
        ("/api/studies", b'{"study_name": "../b", "directions": ["minimize"]}', "study_name: rec"),
        ("/api/studies/1/rename", b'{"study_name": ["b"]}', "study_name: received"),
    ],
)
def test_a_body_without_what_a_write_needs(service: Any, path: str, body: bytes, said: str) -> None:
    before, method = service.written(), "PUT" if path.endswith("note") else "POST"
    status, _, content = service.ask(method, path, "ann", body, "application/json")
    assert (status, service.written()) == (400, before)
    assert said in json.loads(content)["reason"]
