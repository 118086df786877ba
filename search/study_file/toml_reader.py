"""Decoding and parsing of a study file, with errors that name the place and the remedy."""

from __future__ import annotations

import codecs
import re
import tomllib
from typing import Any

_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
# A backslash in double quotes: usually a Windows path.
_ESCAPED = re.compile(r'"[^"\n]*\\[^"\n]*"')
CURE = "in double quotes a backslash begins an escape: write / instead, or use single quotes"


def decoded(content: bytes) -> str:
    """Decode a file as UTF-8, without the byte order mark that Windows may write.

    Raises:
        ValueError: the file has another encoding; the message says what to do.
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
    """Parse the tables of a study file.

    Raises:
        ValueError: it is not valid TOML; the message names the place and what to do.
    """
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(_place(str(error), text)) from error
    except ValueError as error:  # Python refuses decimal integers of more than 4300 digits
        raise ValueError("received a number with thousands of digits, expected fewer") from error
    except RecursionError as error:
        raise ValueError("received lists or tables hundreds deep, expected a study file") from error


def _place(message: str, text: str) -> str:
    """Return Python's TOML message with the place in front: ``line 3, column 7: …``."""
    place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", message)
    if place is None:
        return f"received invalid TOML: {message}"
    lines = text.split("\n")
    number = int(place[1] or len(lines))
    where = place[0][5:-1] if place[1] else f"line {number}, end of file"
    return f"{where}: {message[: place.start()]}{_cure(lines[number - 1])}"


def _cure(line: str) -> str:
    return f"; {CURE}" if _ESCAPED.search(line) else ""
