"""The server of the dashboard: puts its parts together and listens on an address."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
import waitress
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError

from studyhall.search.dashboard import application, hosts, misplaced
from studyhall.search.dashboard.audit import Audit
from studyhall.search.dashboard.cache import Cache
from studyhall.search.dashboard.files import Files
from studyhall.search.dashboard.guard import Guard, Writing
from studyhall.search.dashboard.login import Login
from studyhall.search.dashboard.routes import LARGEST
from studyhall.search.dashboard.writes import Writes
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import Database, read_only
from studyhall.storage.database.urls import StorageError
from studyhall.storage.queries.optuna_reader import Reader
from studyhall.storage.studies import studies

HOST, PORT = "127.0.0.1", 8080
THREADS = 8  # a browser holds up to six connections
CONNECTIONS = 1000  # at a time: slow ones must not keep others out
IDLE_S = 30  # without a byte, after which a connection is closed
UNKNOWN_BYTES = 2**16  # of a request's body that are read from somebody who names no login
AUDIT = Path("studyhall-audit.jsonl")


@dataclass(frozen=True)
class Access:
    """The access rules of the service.

    Attributes:
        users: The users file; None: everybody who reaches the service is an admin.
        read_only: Refuse all writes.
        names: Further host names to answer to, such as a proxy's.
        audit: The audit log's path.
        proxies: Addresses of proxies that are trusted to name the client's address.
    """

    users: Path | None = None
    read_only: bool = False
    names: Sequence[str] = ()
    audit: Path = AUDIT
    proxies: Sequence[str] = ()


def serve(
    db: Database,
    host: str = HOST,
    port: int = PORT,
    access: Access | None = None,
    *,
    started: Callable[[str], object] = lambda url: None,
    remark: Callable[[str], object] = lambda line: None,
) -> None:
    """Serve the dashboard until interrupted.

    Args:
        db: The database with the studies.
        host: A loopback address, unless there are users.
        port: 0 takes any free one.
        access: The access rules; None: everybody on this machine is an admin.
        started: Called with the URL once the server answers.
        remark: Called with each line for the user.

    Raises:
        ConfigError: The host, the port or the users file cannot be used.
    """
    access = access or Access()
    _refuse_strangers(host, access)
    with _listening(host, port) as listener:
        app = guarded(db, access, remark)
        server = _server(app, listener)
        threading.Thread(target=_warm, args=(app,), daemon=True).start()
        with _ended_by_sigterm(), contextlib.suppress(KeyboardInterrupt):
            started(f"http://{_bracketed(host)}:{listener.getsockname()[1]}")
            server.run()


class _Parser(HTTPRequestParser):  # type: ignore[misc]
    """Refuses a large body of somebody who names no login before it is read."""

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        large = self.chunked or self.content_length > UNKNOWN_BYTES
        if large and "AUTHORIZATION" not in self.headers:
            raise ParsingError(f"log in to send more than {UNKNOWN_BYTES:,} bytes")


class _Channel(HTTPChannel):  # type: ignore[misc]
    parser_class = _Parser


def _server(app: Guard, listener: socket.socket) -> Any:
    """Return a server of the dashboard, which many slow clients can't stop."""
    server = waitress.create_server(
        app,
        sockets=[listener],
        threads=THREADS,
        max_request_body_size=LARGEST,
        ident=None,
        connection_limit=CONNECTIONS,
        channel_timeout=IDLE_S,
        cleanup_interval=5,
        asyncore_use_poll=True,  # select() knows only 1,024 descriptors
    )
    if app.login is not None:
        server.channel_class = _Channel
    return server


def guarded(
    db: Database, access: Access, remark: Callable[[str], object] = lambda line: None
) -> Guard:
    """Return the dashboard with its access control.

    Raises:
        ConfigError: The users file or the audit log cannot be used.
    """
    login = None if access.users is None else Login(access.users, access.proxies, remark)
    refused = read_only.prepare_role(db)
    if refused is not None:
        remark(f"viewers' connections are read-only by session, not by database role: {refused}")
    reader, looking = Reader(db), read_only.opened(db)
    reading = application.application(reader, Files(looking, reader))
    writable = not access.read_only and read_only.may_write(db)
    return Guard(
        db=looking,
        reading=Cache(reading, looking),
        writing=_writing(db, reader) if writable else None,
        login=login,
        hosts=hosts.names(access.names),
        audit=Audit(access.audit),
    )


def _warm(app: Guard) -> None:
    """Cache every study, the newest first; ignore failures, which a later request will report."""
    with contextlib.suppress(StorageError):
        if app.writing is not None:
            misplaced.bring_home(app.db)
        ids = [studies.find(app.db, name) for name in reversed(studies.names(app.db))]
        app.reading.warm(study.study_id for study in ids if study is not None)


def _writing(db: Database, reader: Reader) -> Writing:
    storage = optuna.storages.get_storage(db.optuna_storage())
    app = application.application(storage, Files(db, storage))
    return Writing(app, Writes(db, reader))


def _refuse_strangers(host: str, access: Access) -> None:
    if access.users is None and not hosts.is_loopback(host):
        expected = "127.0.0.1 or localhost, unless --users says who may reach the dashboard"
        raise ConfigError([f"--host: received {host}, expected {expected}"])


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        expected = f"a free port ({reason})"
        raise ConfigError([f"--port: received {port}, expected {expected}"]) from error


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """End the service on SIGTERM, which stops containers, as on Ctrl-C."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
