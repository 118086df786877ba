"""A cache of responses about a study, valid until the study changes.

An open page sends a request every few seconds, and a response takes a second for a study of 1,000
trials. Whether the study has changed is read in a few milliseconds: from the sequence number of
its feed, the epochs of its running trials, and its notes.
"""

from __future__ import annotations

import gzip
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from studyhall.search.dashboard.application import Application
from studyhall.search.dashboard.headers import Headers
from studyhall.storage.database import Database
from studyhall.storage.queries import changes

STUDY = re.compile(r"/api/studies/([0-9]+)(/.*)?")
MOST = 64  # responses in the cache
SHORTEST = 4096  # bytes from which a response is compressed
TURNS = 16  # locks for responses under construction
LEVEL = 3  # of gzip: 10 ms for 4 MB of JSON


@dataclass(frozen=True)
class Answer:
    """A response as it was sent."""

    status: str
    headers: Headers
    body: bytes


class Cache:
    """A WSGI application that caches the dashboard's responses to GET requests about a study."""

    def __init__(self, app: Application, db: Database) -> None:
        self._app = app
        self._db = db
        self._kept: OrderedDict[str, tuple[changes.State, Answer]] = OrderedDict()
        self._lock = threading.Lock()
        self._turns = [threading.Lock() for _ in range(TURNS)]

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        """Answer a request from the cache, or pass it on."""
        asked = Request(environ)
        study = STUDY.fullmatch(asked.path)
        if asked.method != "GET" or study is None:
            return self._app(environ, start_response)
        answer = self._answer(int(study[1]), asked)
        start_response(answer.status, answer.headers)
        return [answer.body]

    def warm(self, study_ids: Iterable[int]) -> None:
        """Cache what a browser requests first, so that the first visitor doesn't wait."""
        for study_id in study_ids:
            asked = EnvironBuilder(
                f"/api/studies/{study_id}",
                query_string={"after": "0"},
                headers=[("Accept-Encoding", "gzip")],
            )
            self._answer(study_id, asked.get_request(Request))

    def _answer(self, study_id: int, asked: Request) -> Answer:
        """Return the cached response if the study is unchanged, else a new one.

        Equal requests share a lock, so that concurrent ones wait for the first instead of repeating
        its work.
        """
        packed = asked.accept_encodings.quality("gzip") > 0
        key = f"{packed} {asked.full_path}"
        with self._turns[hash(key) % TURNS]:
            state = changes.state(self._db, study_id)
            known = self._kept.get(key)
            if known is not None and state is not None and known[0] == state:
                return known[1]
            answer = _asked(self._app, asked.environ, packed)
            if state is not None and answer.status.startswith("200"):
                self._keep(key, state, answer)
            return answer

    def _keep(self, key: str, state: changes.State, answer: Answer) -> None:
        with self._lock:
            self._kept[key] = (state, answer)
            self._kept.move_to_end(key)
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)


def _asked(app: Application, environ: dict[str, Any], packed: bool) -> Answer:
    started: list[tuple[str, Headers]] = []

    def start(status: str, headers: Headers, exc_info: Any = None) -> None:
        started[:] = [(status, headers)]

    body = _whole(app(environ, start))
    (status, headers), *_ = started
    if packed and len(body) >= SHORTEST:
        body = gzip.compress(body, LEVEL, mtime=0)
        headers = [*headers, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")]
    headers = [each for each in headers if each[0].lower() != "content-length"]
    return Answer(status, [*headers, ("Content-Length", str(len(body)))], body)


def _whole(parts: Iterable[bytes]) -> bytes:
    try:
        return b"".join(parts)
    finally:
        close = getattr(parts, "close", None)
        if close is not None:
            close()
