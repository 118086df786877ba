"""The wire between a launcher and each of its workers: a socket, which is the worker's stdin.

It breaks when one of them is gone, however it went. The launcher tells a stand-by to begin; a
worker tells when it will need a successor, and what model it is about to train.

Early workers start while the launcher still looks at the study file's data. They are told when
these are fine, so that nothing imports TensorFlow in vain, and then that their study is there.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

LAUNCHED = "STUDYHALL_LAUNCHED"  # set by a launcher: the worker's stdin is a wire
STANDBY = "STUDYHALL_STANDBY"  # set likewise: it begins when it is told to
EARLY = "STUDYHALL_EARLY"  # set likewise: its study is not there yet
IN_UTF8 = {"PYTHONIOENCODING": "utf-8"}  # what a command of ours prints for another
STARTED = "worker started"  # a worker's first line in its log
STDIN = 0  # read without Python's buffer, whose lock would outlive the main thread
GO, LOAD = "go", "load"


def command(*words: str) -> list[str]:
    """A command of ours in a process of its own; a URL, which may hold a password, is no word."""
    return [sys.executable, "-P", "-m", "studyhall", *words]


def answer(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command of ours in a process of its own, to its end; what it prints is kept as text.

    Args:
        words: the command's.
        environment: what is set for it beyond our own.
    """
    return subprocess.run(
        command(*words),
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
        log: what it prints is appended there; None while it has none.

    Attributes:
        begun: whether it was told to begin, if it waits for that.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], log: Path | None
    ) -> None:
        self._wire, theirs = socket.socketpair()
        self._wire.setblocking(False)
        self._unread = b""
        self.begun = False
        self._is_early, self._loads = log is None, False
        with theirs, tempfile.TemporaryFile() if log is None else log.open("ab") as out:
            # A session of its own: a terminal's Ctrl-C reaches the launcher alone.
            super().__init__(
                command,
                env={**os.environ, **environment, LAUNCHED: "1"},
                stdin=theirs.fileno(),
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def let_load(self) -> None:
        """Tell an early one that it may import TensorFlow, once."""
        if not self._loads:
            self._loads = True
            self._tell(LOAD)

    def let_begin(self, log: Path | None = None) -> None:
        """Tell a stand-by that its turn has come, an early one also where its log is."""
        self.begun = True
        self._tell(f"{GO} {log}" if self._is_early else GO)

    def heard(self) -> dict[str, Any]:
        """What it has said since the last time, the latest of each kind."""
        with contextlib.suppress(OSError):  # nothing to read, or it is gone
            while part := self._wire.recv(4096):
                self._unread += part
        *lines, self._unread = self._unread.split(b"\n")
        return {key: value for line in lines for key, value in _read(line).items()}

    def _tell(self, line: str) -> None:
        with contextlib.suppress(OSError):  # it is gone, as will be noticed
            self._wire.send(os.fsencode(f"{line}\n"))

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


def model_in_words(model: Mapping[str, Any]) -> str:
    """Return a model's size as text: what makes a trial run out of memory."""
    if "parameters" not in model:
        return "before its model was built"
    return f"{model['parameters']:,} parameters, {model['batch_size']:,} samples per batch"
