"""The connection between a launcher and each of its workers: a socket, which is the worker's stdin.

Each side notices when the other has ended, even if it was killed. The launcher tells a stand-by to
begin; a worker reports when it will need a successor, and the model that it is about to train.

Early workers start before their study exists. The launcher lets the first inspect the study file's
data, and tells the others when these are fine, so that they don't import TensorFlow for nothing;
then it tells all when their study exists.
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
from typing import IO, Any

from studyhall.storage.database import private_files

LAUNCHED = "STUDYHALL_LAUNCHED"  # set by a launcher: the worker's stdin is this socket
STANDBY = "STUDYHALL_STANDBY"  # set by a launcher: the worker waits until told to begin
EARLY = "STUDYHALL_EARLY"  # set by a launcher: the worker's study does not exist yet
IN_UTF8 = {"PYTHONIOENCODING": "utf-8"}  # for output that another process reads
STARTED = "worker started"  # a worker's first line in its log
STDIN = 0  # read by descriptor: the lock of sys.stdin's buffer would outlive the main thread
GO, LOAD, INSPECT = "go", "load", "inspect"
WAITING = "waiting for "  # so begin the lines of `storage.database.waits`
LISTEN_S = 1.0  # between two looks at what a command says that it waits for


def command(*words: str) -> list[str]:
    """Return the command line of a studyhall command in a process of its own.

    Never pass a database URL in it: the URL may contain a password, and other users can see command
    lines.
    """
    return [sys.executable, "-P", "-m", "studyhall", *words]


def answer(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a studyhall command in a process of its own, to its end, and capture its output as text.

    What it waits for meanwhile is printed to our stderr.

    Args:
        words: the command and its arguments.
        environment: environment variables in addition to our own.
    """
    with subprocess.Popen(
        command(*words),
        env={**os.environ, **IN_UTF8, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    ) as process:
        try:
            return _communicated(process)
        except BaseException:
            process.kill()
            raise


def _communicated(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    told = 0
    while True:
        try:
            out, err = process.communicate(timeout=LISTEN_S)
        except subprocess.TimeoutExpired as early:
            waits = [line for line in _lines(early.stderr) if line.startswith(WAITING)]
            for line in waits[told:]:
                print(line, file=sys.stderr, flush=True)
            told = len(waits)
        else:
            return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def _lines(so_far: str | bytes | None) -> list[str]:
    """Return the whole lines of what a process has written so far."""
    text = so_far.decode("utf-8", "replace") if isinstance(so_far, bytes) else so_far or ""
    return text.split("\n")[:-1]


class WorkerProcess(subprocess.Popen[bytes]):
    """The launcher's view of a worker: its process and the launcher's end of the connection.

    Args:
        command: the worker's command line.
        environment: environment variables in addition to the launcher's own.
        log: the file to append its output to; None for an early worker, whose log is set later.
        files: descriptors of open files that the worker gets too.

    Attributes:
        begun: True once a waiting worker was told to begin.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path | None,
        files: Sequence[int] = (),
    ) -> None:
        self._wire, theirs = socket.socketpair()
        self._wire.setblocking(False)
        self._unread = b""
        self.begun = False
        self._is_early, self._loads = log is None, False
        with theirs, _output(log) as out:
            # A session of its own: a terminal's Ctrl-C reaches the launcher alone.
            super().__init__(
                command,
                env={**os.environ, **environment, LAUNCHED: "1"},
                stdin=theirs.fileno(),
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=files,
            )

    def let_load(self) -> None:
        """Tell an early worker, only once, that it may import TensorFlow."""
        if not self._loads:
            self._loads = True
            self._tell(LOAD)

    def let_inspect(self, request: str) -> None:
        """Tell an early worker to inspect data, instead of to import TensorFlow."""
        self._loads = True
        with contextlib.suppress(OSError):  # the worker has ended, which the launcher will notice
            self._wire.setblocking(True)  # a study file may be long; the worker reads at any time
            self._wire.sendall(os.fsencode(f"{request}\n"))
        self._wire.setblocking(False)

    def let_begin(self, log: Path | None = None) -> None:
        """Tell a waiting worker to begin, and an early one also the path of its log."""
        self.begun = True
        self._tell(f"{GO} {log}" if self._is_early else GO)

    def heard(self) -> dict[str, Any]:
        """Return the worker's messages since the last call, the latest of each kind."""
        with contextlib.suppress(OSError):  # nothing to read, or the worker has ended
            while part := self._wire.recv(4096):
                self._unread += part
        *lines, self._unread = self._unread.split(b"\n")
        return {key: value for line in lines for key, value in _read(line).items()}

    def _tell(self, line: str) -> None:
        with contextlib.suppress(OSError):  # the worker has ended, which the launcher will notice
            self._wire.send(os.fsencode(f"{line}\n"))

    def hang_up(self) -> None:
        """Close the connection; a worker that still runs will stop after its epoch."""
        self._wire.close()


def _output(log: Path | None) -> IO[bytes]:
    if log is None:
        return tempfile.TemporaryFile()
    return open(log, "ab", opener=private_files.opener)


def tell_launcher(**said: Any) -> None:
    """Send a message to the launcher, if this process has one; never wait for it.

    Args:
        said: JSON-able values by kind, such as ``successor_in_s`` or ``model``.
    """
    if LAUNCHED in os.environ:
        _send(said, waits=False)


def answer_launcher(**said: Any) -> None:
    """Send a message that the launcher waits for, of any length, as `tell_launcher` does."""
    _send(said, waits=True)


def _send(said: Mapping[str, Any], *, waits: bool) -> None:
    line = json.dumps(said).encode() + b"\n"
    with (
        contextlib.suppress(OSError),  # the launcher has ended, or doesn't read
        socket.fromfd(STDIN, socket.AF_UNIX, socket.SOCK_STREAM) as wire,
    ):
        if waits:
            wire.sendall(line)
        else:
            wire.send(line, socket.MSG_DONTWAIT)


def _read(line: bytes) -> dict[str, Any]:
    """Parse one line of a worker; ignore other text, which the user's code may have written."""
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
