"""optuna-dashboard over our studies, with learning curves drawn when somebody looks at them."""

from __future__ import annotations

import contextlib
import functools
import io
import ipaddress
import itertools
import re
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import bottle  # type: ignore[import-untyped]  # what optuna-dashboard answers with
import optuna
import waitress
from optuna.storages import BaseStorage
from optuna_dashboard import _serializer, wsgi

from search.report import curves, notes, plots
from search.study_file import config
from storage import artifacts, records
from storage.artifacts import ArtifactStore
from storage.database import Database

HOST, PORT = "127.0.0.1", 8080
THREADS = 8  # a browser holds up to six connections
IDENTIFIER = re.compile(r"[0-9a-fA-F-]{32,36}")  # a UUID, with or without dashes

Attributes = dict[str, Any]


class Artifacts:
    """All artifacts of a database's studies, as the dashboard asks for them.

    Curves and histories are made from the stored history at each request, so that no worker
    spends time on drawing; everything else is read from the studies' folders.
    """

    def __init__(self, db: Database, storage: BaseStorage, stores: Sequence[ArtifactStore]) -> None:
        self._db = db
        self._storage = storage
        self._stores = stores

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """The bytes of an artifact.

        Raises:
            bottle.HTTPError: 404, where no folder has it any more.
        """
        made = notes.made_on_demand(artifact_id)
        if made is not None:
            return io.BytesIO(self._made(*made))
        path = self._find(artifact_id)
        if path is None:
            raise bottle.HTTPError(404, "This file has been removed.")
        return path.open("rb")

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Keep what somebody uploads, in the first folder."""
        if not self._stores:
            raise bottle.HTTPError(400, "There is no folder to keep files in.")
        artifacts.write_whole(self._stores[0].path(artifact_id), content_body.read())

    def remove(self, artifact_id: str) -> None:
        """Remove a file, wherever it lies; what is gone or made on demand is no trouble."""
        path = self._find(artifact_id)
        if path is not None:
            path.unlink(missing_ok=True)

    def _find(self, artifact_id: str) -> Path | None:
        """The object whose name ends in that identifier, whatever its suffix."""
        if not IDENTIFIER.fullmatch(artifact_id):
            return None
        found = (store.root.glob(f"*{artifact_id}*") for store in self._stores)
        return next(itertools.chain.from_iterable(found), None)

    def _made(self, trial_id: int, name: str) -> bytes:
        history = curves.flat(records.history(self._db, trial_id))
        if name == notes.HISTORY:
            return plots.history_csv(history).encode()
        number = self._storage.get_trial(trial_id).number
        return plots.learning_curve_png(history, f"trial {number}")


def serve(
    db: Database,
    stores: Sequence[ArtifactStore],
    host: str = HOST,
    port: int = PORT,
    *,
    started: Callable[[str], object] = lambda url: None,
) -> None:
    """Serve the dashboard until interrupted.

    Args:
        db: The database with the studies.
        stores: Where their files lie.
        host: A loopback address: whoever reaches the dashboard may delete studies.
        port: 0 takes any free one.
        started: Called with the address once it answers.

    Raises:
        config.ConfigError: The host or the port cannot be used.
    """
    _refuse_strangers(host)
    with _listening(host, port) as listener:
        server = waitress.create_server(
            application(db, stores), sockets=[listener], threads=THREADS
        )
        started(f"http://{_bracketed(host)}:{listener.getsockname()[1]}")
        server.run()


def application(db: Database, stores: Sequence[ArtifactStore]) -> Callable[..., Any]:
    """The dashboard as a WSGI application."""
    # Optuna's cache of finished trials: without it every poll reads the whole study.
    storage = optuna.storages.get_storage(db.optuna_storage())
    _look_up_notes_by_trial()
    app: Callable[..., Any] = wsgi(storage, artifact_store=Artifacts(db, storage, stores))
    return app


def _refuse_strangers(host: str) -> None:
    with contextlib.suppress(ValueError):
        if host == "localhost" or ipaddress.ip_address(host).is_loopback:
            return
    expected = "127.0.0.1 or localhost: whoever reaches the dashboard may delete studies"
    raise config.ConfigError([f"--host: received {host}, expected {expected}"])


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        expected = f"a free port ({reason})"
        raise config.ConfigError([f"--port: received {port}, expected {expected}"]) from error


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _look_up_notes_by_trial() -> None:
    """Give optuna-dashboard only a trial's own notes to look through for that trial.

    It looks through all attributes of a study for each of its trials: with a note per trial, 78 s
    at 10,000 trials for what this does in well under a second. What it shows stays the same.
    """
    if not hasattr(_serializer.serialize_frozen_trial, "__wrapped__"):
        _serializer.serialize_frozen_trial = _narrowed(_serializer.serialize_frozen_trial)


def _narrowed(serialize: Callable[..., Attributes]) -> Callable[..., Attributes]:
    sorted_out: tuple[Attributes, dict[str, Attributes]] = ({}, {})

    @functools.wraps(serialize)
    def serialize_narrowly(study_id: int, trial: Any, attributes: Attributes) -> Attributes:
        nonlocal sorted_out
        whole, by_trial = sorted_out
        if whole is not attributes:
            by_trial = _by_trial(attributes)
            sorted_out = attributes, by_trial
        return serialize(study_id, trial, by_trial.get(str(trial._trial_id), {}))

    return serialize_narrowly


def _by_trial(attributes: Attributes) -> dict[str, Attributes]:
    """``dashboard:<trial>:note_…`` and ``dashboard:artifacts:<trial>:…``, by trial."""
    found: dict[str, Attributes] = {}
    for key, value in attributes.items():
        first, _, rest = key.removeprefix("dashboard:").partition(":")
        trial = rest.partition(":")[0] if first == "artifacts" else first
        if key.startswith("dashboard:") and trial.isdigit():
            found.setdefault(trial, {})[key] = value
    return found
