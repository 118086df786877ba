"""The audit log: a line of JSON for every write, refused or not, and every failed login."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from studyhall.search.study_file.config_error import ConfigError

MODE = 0o600


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
        """Append a line with the time and the given fields; leave out fields that are None.

        A single write with O_APPEND is atomic, so that lines of several processes don't mix.
        """
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"at": at, **{k: v for k, v in what.items() if v is not None}})
        descriptor = self._open()
        try:
            os.write(descriptor, f"{line}\n".encode())
        finally:
            os.close(descriptor)

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, MODE)
