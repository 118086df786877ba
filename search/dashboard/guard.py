"""The access control before the dashboard: checks the host, the user and the right to write."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from werkzeug.exceptions import (
    Forbidden,
    HTTPException,
    RequestEntityTooLarge,
    ServiceUnavailable,
    Unauthorized,
)
from werkzeug.wrappers import Request, Response

from studyhall.search.dashboard import bodies, headers, hosts, parsing, prometheus, routes
from studyhall.search.dashboard.application import Application
from studyhall.search.dashboard.audit import Audit
from studyhall.search.dashboard.cache import Cache
from studyhall.search.dashboard.login import Login, Visitor
from studyhall.search.dashboard.routes import LARGEST, SAFE, Write
from studyhall.search.dashboard.users import Role
from studyhall.search.dashboard.writes import Writes
from studyhall.storage.database import Database
from studyhall.storage.database.urls import StorageError

HEALTH, METRICS = "/healthz", "/metrics"


@dataclass(frozen=True)
class Writing:
    """The parts of a service that accepts writes.

    Attributes:
        app: The dashboard on a connection that can write.
        writes: The writes that studyhall does itself.
    """

    app: Application
    writes: Writes


@dataclass(frozen=True)
class Guard:
    """A WSGI application that controls access to optuna-dashboard.

    Attributes:
        db: A connection that can't write.
        reading: The dashboard on such a connection, for all requests that only read.
        writing: The parts that write; None: the service is read-only for everybody.
        login: The login; None: everybody who reaches the service is an admin.
        hosts: The host names that it answers to.
        audit: The log of all writes and failed logins.
    """

    db: Database
    reading: Cache
    writing: Writing | None
    login: Login | None
    hosts: list[str]
    audit: Audit

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Answer one request."""
        request = Request(environ)
        request.max_content_length = LARGEST
        try:
            parsing.check_path(environ)
            answer = self._answer(request)
        except HTTPException as refusal:
            answer = _shown(refusal, request)
        return answer(environ, headers.starting(request.path, start_response))

    def _answer(self, request: Request) -> Any:
        hosts.check(request, self.hosts)
        if request.path == HEALTH:
            return self._health()
        self._check_database()
        visitor = self._visitor(request)
        if request.method not in SAFE:
            return self._write(request, visitor)
        if request.path == METRICS:
            return Response(prometheus.text(self.db), content_type=prometheus.CONTENT_TYPE)
        return self.reading

    def _visitor(self, request: Request) -> Visitor:
        if self.login is None:
            return Visitor("local", Role.ADMIN)
        try:
            return self.login.visitor(request)
        except Unauthorized as refusal:
            if request.authorization is not None:
                self._note(request, refusal.code, who=request.authorization.get("username"))
            raise

    def _write(self, request: Request, visitor: Visitor) -> Response:
        try:
            writing, write, body = self._permitted(request, visitor)
        except HTTPException as refusal:
            self._note(request, refusal.code, visitor, refusal.description)
            raise
        with self._noted(request, visitor) as ended:
            try:
                answer = writing.writes.answer(write, request, visitor)
            except HTTPException as refusal:
                ended(refusal.code or 0)
                raise
            # The body has been read: give the dashboard a fresh copy.
            request.environ["wsgi.input"] = io.BytesIO(body)
            found = Response.from_app(writing.app if answer is None else answer, request.environ)
            ended(found.status_code)
        if found.status_code == HTTPStatus.NO_CONTENT:  # the page reads JSON from every answer
            return Response("{}", mimetype="application/json")
        return found

    def _permitted(self, request: Request, visitor: Visitor) -> tuple[Writing, Write, bytes]:
        """Return what carries out a write, the write, and the body of its request.

        Raises:
            HTTPException: the write is not allowed.
        """
        hosts.check_origin(request)
        write = routes.find(request.method, request.path)
        if write is None:
            raise Forbidden("this change is not allowed through the dashboard")
        if self.writing is None:
            raise Forbidden("this dashboard is read-only")
        if not visitor.role.includes(write.route.role):
            raise Forbidden(
                f"{write.route.what}: received {_a(visitor.role)}, expected {_a(write.route.role)}"
            )
        body = request.get_data()  # raises where it is too large
        parsing.check_body(request, body)
        if len(body) > write.route.longest:
            raise RequestEntityTooLarge(
                f"{write.route.what}: received {len(body):,} bytes, "
                f"expected at most {write.route.longest:,}"
            )
        bodies.check(write.route.path, body)
        return self.writing, write, body

    @contextlib.contextmanager
    def _noted(self, request: Request, visitor: Visitor) -> Iterator[Callable[[int], object]]:
        """Note a write before it is done; the function given adds its status.

        Raises:
            ServiceUnavailable: the audit log can't be written, so nothing may be.
        """
        about = self._about(request) | {"user": visitor.name, "role": visitor.role}
        with contextlib.ExitStack() as open_line:
            try:
                ended = open_line.enter_context(self.audit.before(**about))
            except OSError as error:
                raise ServiceUnavailable(
                    f"nothing was changed: the audit log can't be written ({error.strerror})"
                ) from error
            yield ended

    def _note(
        self,
        request: Request,
        code: int | None,
        visitor: Visitor | None = None,
        why: str | None = None,
        who: str | None = None,
    ) -> None:
        about = self._about(request) | {
            "user": visitor.name if visitor else who,
            "role": visitor.role if visitor else None,
        }
        with contextlib.suppress(OSError):  # refused anyway, whether it can be noted or not
            self.audit.note(**about, status=code, why=why)

    def _about(self, request: Request) -> dict[str, Any]:
        """Return what the audit log says of a request."""
        address = request.remote_addr if self.login is None else self.login.address(request)
        return {"address": address, "method": request.method, "path": request.path}

    def _check_database(self) -> None:
        """Check that SQLite's file is still the one that was opened: Optuna would not notice.

        Raises:
            ServiceUnavailable: it is not.
        """
        try:
            self.db.check_file()
        except StorageError as error:
            raise ServiceUnavailable(str(error)) from error

    def _health(self) -> Response:
        try:
            self.db.statement(lambda transaction: transaction.run("SELECT 1"), patience_s=0)
        except StorageError:
            return Response("the database can't be reached\n", status=503)
        return Response("ok\n")


def _shown(refusal: HTTPException, request: Request) -> Any:
    """Return a refusal as JSON that optuna-dashboard's page shows, or as text outside its API."""
    if not request.path.startswith("/api/"):
        answer = Response(f"{refusal.description}\n", status=refusal.code)
    else:
        said = json.dumps({"reason": refusal.description})
        answer = Response(said, status=refusal.code, mimetype="application/json")
    for name, value in refusal.get_headers(request.environ):
        if name.lower() in ("www-authenticate", "retry-after"):
            answer.headers.add(name, value)
    return answer


def _a(role: Role) -> str:
    return f"{'a' if role is Role.VIEWER else 'an'} {role}"
