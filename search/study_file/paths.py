"""Paths as a study file names them: what can be none is refused with the cure."""

from __future__ import annotations

from pathlib import Path

from studyhall.spaces.spelling import visible

ESCAPES = "a path; \\t and \\n are no backslash in double quotes: write /, or use single quotes"


def check(path: str) -> str:
    """The same path.

    Raises:
        ValueError: what is expected in its place.
    """
    if visible(path) != path:
        raise ValueError(ESCAPES)
    if len(path.encode(errors="replace")) > 4096:
        raise ValueError("a path of at most 4096 bytes")
    expanded(path)
    return path


def expanded(path: str) -> Path:
    """The path with ``~`` and ``~ann`` as the home folders that they stand for.

    Raises:
        ValueError: nobody knows that home folder.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        user = path.partition("/")[0]
        raise ValueError(f"a path without {user}, whose home folder is not known") from error
