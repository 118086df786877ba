"""The audit log: a line of JSON for every write, refused or not, and every failed login."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from studyhall.search.study_file.config_error import ConfigError

MODE = 0o600
LONGEST = 500  # characters of a field, of which the sender chooses the length
UNKNOWN: Any = object()  # a status that is not known yet


class Audit:
    """The audit log file, which only its owner can read.

    Raises:
        ConfigError: the file can't be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            os.close(self._open())
        except OSError as error:
            received = f"{path} ({error.strerror})"
            raise ConfigError(
                [f"--audit: received {received}, expected a file to append to"]
            ) from error

    def note(self, **what: object) -> None:
        """Append a line with the time and the given fields; leave out fields that are None."""
        os.close(self._append(_line(what))[0])

    @contextlib.contextmanager
    def before(self, **what: object) -> Iterator[Callable[[int], object]]:
        """Append a line before something is done; the function given writes its status into it.

        The status of what never ended stays null.

        Raises:
            OSError: the log can't be written, so that it must not be done.
        """
        line = _line({**what, "status": UNKNOWN})
        descriptor, start = self._append(line)
        position = start + line.rindex(b"null")
        try:
            yield lambda status: os.pwrite(descriptor, b"%4d" % status, position)
        finally:
            os.close(descriptor)

    def _append(self, line: bytes) -> tuple[int, int]:
        """Append a line; return a descriptor that can write in it, and where it begins.

        A single write with O_APPEND is atomic, so that lines of several processes don't mix.
        """
        descriptor = self._open()
        try:
            if os.write(descriptor, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            start = os.lseek(descriptor, 0, os.SEEK_CUR) - len(line)
            # With O_APPEND, pwrite would append, too.
            flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
            fcntl.fcntl(descriptor, fcntl.F_SETFL, flags & ~os.O_APPEND)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor, start

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, MODE)


def _line(what: Mapping[str, object]) -> bytes:
    at = datetime.now(UTC).isoformat(timespec="milliseconds")
    fields = {key: _cut(value) for key, value in what.items() if value is not None}
    return f"{json.dumps({'at': at, **fields})}\n".encode()


def _cut(value: object) -> object:
    if isinstance(value, str) and len(value) > LONGEST:
        return f"{value[:LONGEST]}… ({len(value)} characters)"
    return None if value is UNKNOWN else value
