"""Output of Python itself in a process of ours: tracebacks, warnings, log records.

They hold names and messages of users and of databases. Their control characters are made visible,
but for line ends and tabs, whichever library they come from.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
import warnings
from types import TracebackType
from typing import Any

from studyhall.spaces.spelling import visible

KEPT = "\n\t"


def print_literally() -> None:
    """Make control characters visible in tracebacks, warnings and log records from now on."""
    sys.excepthook = _show
    threading.excepthook = lambda failed: _show(
        failed.exc_type, failed.exc_value, failed.exc_traceback
    )
    warnings.formatwarning = _Warnings(warnings.formatwarning)
    logging.setLogRecordFactory(_Records(logging.getLogRecordFactory()))


def _show(
    kind: type[BaseException], error: BaseException | None, frames: TracebackType | None
) -> None:
    for part in traceback.format_exception(kind, error, frames):
        sys.stderr.write(visible(part, KEPT))


class _Warnings:
    """Formats warnings as `formatwarning` does."""

    def __init__(self, formatted: Any) -> None:
        self._formatted = formatted

    def __call__(self, *parts: Any, **options: Any) -> str:
        return visible(self._formatted(*parts, **options), KEPT)


class _Records:
    """Makes log records as `make` does."""

    def __init__(self, make: Any) -> None:
        self._make = make

    def __call__(self, *parts: Any, **options: Any) -> logging.LogRecord:
        record: logging.LogRecord = self._make(*parts, **options)
        record.msg, record.args = visible(_message(record), KEPT), ()
        if record.exc_info and record.exc_info[0] is not None:
            record.exc_text = visible("".join(traceback.format_exception(*record.exc_info)), KEPT)
        return record


def _message(record: logging.LogRecord) -> str:
    """Return a record's message; of one whose arguments do not fit, what there is of it."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg} {record.args}"
