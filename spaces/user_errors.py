"""Errors of the user's code in one line: file and line of the code, and what it says."""

from __future__ import annotations

import re
import sysconfig
import traceback
from pathlib import Path

from studyhall.spaces.failures import is_ours, own_part


def told(error: Exception) -> str:
    """Return an exception's message, preceded by file and line of the user's code."""
    said = f"{type(error).__name__}: {_first_line(error)}"
    if isinstance(error, SyntaxError) and error.filename:
        return f"{Path(error.filename).name}, line {error.lineno}: {said}"
    if isinstance(error, FileNotFoundError) and not Path(str(error.filename)).is_absolute():
        said += f" (relative to {Path.cwd()}, where the study file lies)"
    line = line_of(error)
    return f"{line}: {said}" if line else said


def line_of(error: Exception) -> str:
    """Return file and line of the user's code that raised; "" if it was not the user's."""
    frames = traceback.extract_tb(own_part(error))
    theirs = [each for each in frames if not (_is_library(each.filename) or is_ours(each.filename))]
    return f"{Path(theirs[-1].filename).name}, line {theirs[-1].lineno}" if theirs else ""


def _first_line(error: Exception) -> str:
    if isinstance(error, SyntaxError):
        return error.msg
    said, of_keras, _ = str(error).partition("\n\nArguments received by ")
    lines = [line for line in said.splitlines() if line.strip()] or [""]
    # Keras puts the reason in the last line, in bold (ANSI escapes).
    return re.sub(r"\x1b\[\d*m", "", lines[-1] if of_keras else lines[0])


def _is_library(file: str) -> bool:
    libraries = {sysconfig.get_path(kind) for kind in ("stdlib", "purelib", "platlib")}
    elsewhere = {"site-packages", "dist-packages"} & {*Path(file).parts}  # in another environment
    return bool(elsewhere) or file.startswith(("<", *libraries))
