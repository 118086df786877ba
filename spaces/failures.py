"""Exceptions for models that can't be built and for user code that fails."""

from __future__ import annotations

import traceback
from pathlib import Path
from types import TracebackType

PACKAGE = Path(__file__).parent.parent


class ArchitectureError(ValueError):
    """No model can be built from a trial's values for these data; the message says why.

    Only this trial fails; the search goes on.
    """


class UserCodeError(Exception):
    """The user's own function is missing, failed, or returned something unexpected.

    If the user's code raised, its exception is the ``__cause__``.
    """

    @property
    def own_traceback(self) -> str:
        """The traceback of the user's exception without studyhall's frames; "" without one."""
        cause = self.__cause__
        if cause is None:
            return ""
        return "".join(traceback.format_exception(type(cause), cause, own_part(cause)))


class UnusableCodeError(UserCodeError):
    """User code that would fail the same way in every trial, whatever its hyperparameters."""


class NamedCodeError(UserCodeError):
    """User code that failed; the message begins with the study file's key and the code's name."""


class UnusableNamedError(NamedCodeError, UnusableCodeError):
    """Such code that would fail the same way in every trial."""


def own_part(error: BaseException) -> TracebackType | None:
    """Return the traceback from the user's first frame on, without studyhall's calls before it."""
    frame = error.__traceback__
    while frame and is_ours(frame.tb_frame.f_code.co_filename):
        frame = frame.tb_next
    return frame


def is_ours(file: str) -> bool:
    """Check whether a traceback's file belongs to studyhall or to what runs scripts in Python."""
    return file.startswith("<frozen ") or Path(file).is_relative_to(PACKAGE)
