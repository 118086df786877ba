"""What a trial may fail of before it is trained."""

from __future__ import annotations

import traceback
from pathlib import Path
from types import TracebackType


class ArchitectureError(ValueError):
    """These values can't be built into a model for these data; the message says why.

    It concerns one trial: the search goes on without it.
    """


class UserCodeError(Exception):
    """The user's own function is missing, failed, or returned something else than was asked for.

    An exception of the user's is its ``__cause__``.
    """

    @property
    def own_traceback(self) -> str:
        """The traceback of the user's exception, without studyhall's frames; else empty."""
        cause = self.__cause__
        if cause is None:
            return ""
        return "".join(traceback.format_exception(type(cause), cause, own_part(cause)))


class UnusableCodeError(UserCodeError):
    """It would fail so whatever the values of a trial: what it asks for no study can hold."""


def own_part(error: BaseException) -> TracebackType | None:
    """The traceback from the first frame on that is the user's: the way there is of no use."""
    frame = error.__traceback__
    while frame and is_ours(frame.tb_frame.f_code.co_filename):
        frame = frame.tb_next
    return frame


def is_ours(file: str) -> bool:
    """Whether a file of a traceback is of this package, or Python's own way into a module."""
    return file.startswith("<frozen importlib") or Path(file).parent == Path(__file__).parent
