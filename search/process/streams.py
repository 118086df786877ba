"""Standard streams whose failures never end a command.

If the disk is full, the reader of a pipe is gone or the user has closed a stream, output is dropped
and the study continues; at the end the command reports the loss. Characters that the encoding lacks
are replaced by plain ones.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

from studyhall.search.process.wire import LAUNCHED
from studyhall.storage.database import private_files

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

STDOUT, STDERR = 1, 2
LOST = 1  # exit code of a command whose output could not be written
PLAIN = "plain signs"  # the name of our error handler in `codecs`
SIGNS = {
    "→": "->", "×": "x", "–": "-", "−": "-", "…": "...", "≤": "<=", "≥": ">=", "±": "+-", "·": "*",
    "²": "2", "÷": "/",
}  # fmt: skip


class Outlet(io.FileIO):
    """A stream that drops output that can't be written.

    Attributes:
        trouble: the first error; None while everything has been written.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self.trouble: OSError | None = None

    def write(self, data: ReadableBuffer) -> int:
        """Write or drop the data; return the number of bytes handled."""
        try:
            return super().write(data)
        except BlockingIOError:
            raise
        except OSError as error:
            self.trouble = self.trouble or error
            return memoryview(data).nbytes


def prepare() -> None:
    """Install these streams as stdout and stderr; call before anything is printed or opened.

    A standard stream that the user has closed is opened as the null device. Otherwise the next
    file opened would get its descriptor, and libraries would print into that file.
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
    """Append all further output of this process to a file."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    with open(log, "ab", opener=private_files.opener) as file:
        for descriptor in (STDOUT, STDERR):
            os.dup2(file.fileno(), descriptor)


def ended(code: Any) -> Any:
    """Flush the streams and return the command's exit code, 1 instead of 0 if output was lost.

    A closed pipe, as by ``head``, is no failure; neither is lost output of a worker's log.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    trouble = getattr(getattr(sys.stdout.buffer, "raw", None), "trouble", None)
    if trouble is None or trouble.errno == errno.EPIPE or LAUNCHED in os.environ:
        return code
    print(f"standard output could not be written completely: {trouble.strerror}", file=sys.stderr)
    return code or LOST


def _stream(descriptor: int, given: TextIO | None) -> TextIO:
    """Return a new stream for a descriptor, in its old encoding; a worker's log is always UTF-8."""
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
    """Return the replacement of characters that an encoding lacks, and the position after them."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(SIGNS.get(sign) or _escaped(sign) for sign in lacking), error.end


def _escaped(sign: str) -> str:
    return sign.encode("ascii", "backslashreplace").decode("ascii")
