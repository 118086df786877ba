"""Checks of the paths in a study file."""

from __future__ import annotations

from pathlib import Path

from studyhall.spaces.spelling import visible

ESCAPES = "a path; in double quotes \\t and \\n are escapes: write / or use single quotes"


def check(path: str) -> str:
    """Check a path and return it unchanged.

    Raises:
        ValueError: it is not a usable path; the message says what is expected.
    """
    if visible(path) != path:
        raise ValueError(ESCAPES)
    if len(path.encode(errors="replace")) > 4096:
        raise ValueError("a path of at most 4096 bytes")
    expanded(path)
    return path


def expanded(path: str) -> Path:
    """Expand ``~`` and ``~ann`` in a path to home folders.

    Raises:
        ValueError: the home folder can't be determined; the message says what is expected.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        user = path.partition("/")[0]
        raise ValueError(f"a path without {user}, whose home folder is not known") from error
