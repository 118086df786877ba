"""The audit log: a line of JSON for every write and every wrong login, refused or not."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

from studyhall.search.study_file.config_error import ConfigError

MODE = 0o600


class Audit:
    """Appends to a file that only its owner reads.

    Raises:
        ConfigError: it can't be written.
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
        """Append a line, as a whole even beside other processes' lines."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"at": at, **{k: v for k, v in what.items() if v is not None}})
        descriptor = self._open()
        try:
            os.write(descriptor, f"{line}\n".encode())
        finally:
            os.close(descriptor)

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, MODE)
