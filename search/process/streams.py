"""The terminal, file or pipe that a command prints to: nothing that it may be ends the command.

Where a disk is full, a reader has gone or the user has closed a stream, what is printed is lost and
the study goes on; the command says so in the end. Where the encoding lacks our signs, there are
plain ones in their place.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

from studyhall.search.process.wire import LAUNCHED

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STDOUT, STDERR = 1, 2
LOST = 1  # exit code of a command whose output could not be written
PLAIN = "plain signs"  # our error handler, by its name in `codecs`
SIGNS = {
    "→": "->", "×": "x", "–": "-", "−": "-", "…": "...", "≤": "<=", "≥": ">=", "±": "+-", "·": "*",
    "²": "2", "÷": "/",
}  # fmt: skip


class Outlet(io.FileIO):
    """A stream of which is lost what can't be written.

    Attributes:
        trouble: why, at the first time; None while all has been written.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.trouble: OSError | None = None

    def write(self, data: ReadableBuffer) -> int:
        """Write, or drop; how many bytes are done with."""
        try:
            return super().write(data)
        except BlockingIOError:
            raise
        except OSError as error:
            self.trouble = self.trouble or error
            return memoryview(data).nbytes


def prepare() -> None:
    """Let the standard streams be such ones, before anything is printed or opened.

    A stream that the user has closed leads nowhere: the next file opened would get its number, and
    with it what libraries print.
    """
    for descriptor in (0, STDOUT, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # takes the lowest number
    codecs.register_error(PLAIN, _plain)
    sys.stdout, sys.stderr = _stream(STDOUT, sys.stdout), _stream(STDERR, sys.stderr)
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False), encoding="utf-8")


def lead_to(log: str) -> None:
    """Let all that this process prints from now on be appended to a file."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    with open(log, "ab") as file:
        for descriptor in (STDOUT, STDERR):
            os.dup2(file.fileno(), descriptor)


def ended(code: Any) -> Any:
    """The exit code of a command that has printed all it had to say.

    A reader that has seen enough, such as ``head``, is no failure. A worker's log is no result.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    trouble = getattr(getattr(sys.stdout.buffer, "raw", None), "trouble", None)
    if trouble is None or trouble.errno == errno.EPIPE or LAUNCHED in os.environ:
        return code
    print(f"standard output: lost, at least in part: {trouble.strerror}", file=sys.stderr)
    return code or LOST


def _stream(descriptor: int, given: TextIO | None) -> TextIO:
    """The stream anew, in its own encoding; a worker's log is always UTF-8."""
    encoding = "utf-8" if given is None or LAUNCHED in os.environ else given.encoding
    at_once = LAUNCHED in os.environ or descriptor == STDERR or os.isatty(descriptor)
    unbuffered = getattr(given, "write_through", False)
    return io.TextIOWrapper(
        io.BufferedWriter(Outlet(descriptor)),
        encoding=encoding,
        errors=PLAIN,
        line_buffering=at_once or unbuffered,
    )


def _plain(error: UnicodeError) -> tuple[str, int]:
    """What stands for signs that an encoding lacks, and where to go on."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(SIGNS.get(sign) or _escaped(sign) for sign in lacking), error.end


def _escaped(sign: str) -> str:
    return sign.encode("ascii", "backslashreplace").decode("ascii")
