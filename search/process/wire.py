"""The wire between a launcher and each of its workers: a socket, which is the worker's stdin.

It breaks when one of them is gone, however it went. The launcher tells a stand-by to begin; a
worker tells when it will need a successor, and what model it is about to train.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

LAUNCHED = "STUDYHALL_LAUNCHED"  # set by a launcher: the worker's stdin is a wire
STANDBY = "STUDYHALL_STANDBY"  # set likewise: it begins when it is told to
IN_UTF8 = {"PYTHONIOENCODING": "utf-8"}  # what a command of ours prints for another
STARTED = "worker started"  # a worker's first line in its log
STDIN = 0  # read without Python's buffer, whose lock would outlive the main thread
GO = b"go\n"


def answer(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of ours in a process of its own, to its end; what it prints is kept as text.

    Args:
        words: the command's.
        environment: what is set for it beyond our own.
    """
    return subprocess.run(
        [sys.executable, "-P", "-m", "studyhall", *words],
        env={**os.environ, **IN_UTF8, **environment},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


class WorkerProcess(subprocess.Popen[bytes]):
    """A worker as its launcher holds it: a process, and the launcher's end of its wire.

    Args:
        command: the worker's.
        environment: what is set for it beyond the launcher's own.
        log: what it prints is appended there.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._wire, theirs = socket.socketpair()
        self._wire.setblocking(False)
        self._unread = b""
        with theirs, log.open("ab") as out:
            # A session of its own: a terminal's Ctrl-C reaches the launcher alone.
            super().__init__(
                command,
                env={**os.environ, **environment, LAUNCHED: "1"},
                stdin=theirs.fileno(),
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def let_begin(self) -> None:
        """Tell a stand-by that its turn has come."""
        with contextlib.suppress(OSError):  # it is gone, as will be noticed
            self._wire.send(GO)

    def heard(self) -> dict[str, Any]:
        """What it has said since the last time, the latest of each kind."""
        with contextlib.suppress(OSError):  # nothing to read, or it is gone
            while part := self._wire.recv(4096):
                self._unread += part
        *lines, self._unread = self._unread.split(b"\n")
        return {key: value for line in lines for key, value in _read(line).items()}

    def hang_up(self) -> None:
        """Break the wire: a worker that still lives leaves after its epoch."""
        self._wire.close()


def tell_launcher(**said: Any) -> None:
    """Tell the launcher, if this process has one.

    Args:
        said: JSON-able values by what they are.
    """
    if LAUNCHED not in os.environ:
        return
    line = json.dumps(said).encode() + b"\n"
    with (
        contextlib.suppress(OSError),  # it is gone, as will be noticed, or stands still
        socket.fromfd(STDIN, socket.AF_UNIX, socket.SOCK_STREAM) as wire,
    ):
        wire.send(line, socket.MSG_DONTWAIT)


def _read(line: bytes) -> dict[str, Any]:
    """One line of a worker's; what the user's code may have written there is nothing."""
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
