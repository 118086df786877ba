"""The text of a study file: its encoding, and where it is no TOML, the place and the cure."""

from __future__ import annotations

import codecs
import re
import tomllib
from typing import Any

_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
# Text in double quotes with a backslash: a path of Windows, as a rule.
_ESCAPED = re.compile(r'"[^"\n]*\\[^"\n]*"')
CURE = "in double quotes a backslash begins an escape: write / in its place, or use single quotes"


def decoded(content: bytes) -> str:
    """The text of a file; a mark of UTF-8 at its beginning, as Windows writes it, is left out.

    Raises:
        ValueError: the file has another encoding, with what to do.
    """
    if content.startswith(_WIDE) or b"\0" in content[:4]:
        raise ValueError("received UTF-16, expected UTF-8: save it with the encoding UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValueError(
            f"line {line}: received bytes that are not UTF-8, expected UTF-8: "
            "save it with the encoding UTF-8"
        ) from error


def parsed(text: str) -> dict[str, Any]:
    """The tables of a study file.

    Raises:
        ValueError: it is no TOML, with the place and what to do.
    """
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(_place(str(error), text)) from error
    except ValueError as error:  # Python reads no decimal number of more than 4300 digits
        raise ValueError("received a number with thousands of digits, expected fewer") from error
    except RecursionError as error:
        raise ValueError("received lists or tables hundreds deep, expected a study file") from error


def _place(message: str, text: str) -> str:
    """Python's TOML message with the place in front: ``line 3, column 7: …``."""
    place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", message)
    if place is None:
        return f"received invalid TOML: {message}"
    lines = text.split("\n")
    number = int(place[1] or len(lines))
    where = place[0][5:-1] if place[1] else f"line {number}, end of file"
    return f"{where}: {message[: place.start()]}{_cure(lines[number - 1])}"


def _cure(line: str) -> str:
    return f"; {CURE}" if _ESCAPED.search(line) else ""
