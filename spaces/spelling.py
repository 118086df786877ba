"""The display of names and values in messages, and suggestions for mistyped ones."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, time
from difflib import get_close_matches

import tomlkit

LONGEST_NUMBER = 10**4000  # Python converts longer integers to and from hexadecimal text only
# Control characters, halves of surrogate pairs, line separators and bidirectional controls. The
# zero-width joiner of emoji is not among them.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most similar to `name`; None if none is similar.

    >>> nearest("learnin_rate", ["learning_rate", "momentum"])
    'learning_rate'
    """
    matches = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def one_of(name: object, known: Iterable[str]) -> str:
    """Describe what is expected instead of `name`: every known name, and the most similar one.

    >>> one_of("adm", ["sgd", "adam"])
    'one of sgd, adam; did you mean "adam"?'
    """
    names = list(known)
    near = nearest(name if isinstance(name, str) else as_toml(name), names)
    return f"one of {', '.join(names)}" + (f'; did you mean "{near}"?' if near else "")


def as_toml(value: object) -> str:
    """Return a value as one line of TOML that parses back to the same value.

    >>> as_toml({"low": 1, "log": True, "choices": ["adam"]})
    '{ low = 1, log = true, choices = ["adam"] }'
    """
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _text(value)
        case list() | tuple():
            return f"[{', '.join(as_toml(item) for item in value)}]"
        case dict():
            pairs = ", ".join(f"{as_key(key)} = {as_toml(item)}" for key, item in value.items())
            return f"{{ {pairs} }}" if pairs else "{}"
        case date() | time():
            return tomlkit.item(value).as_string()
        case int() if abs(value) >= LONGEST_NUMBER:
            return hex(value)
        case _:
            return str(value)


def as_key(name: str) -> str:
    """Return a name as a TOML key, in quotes only if it needs them.

    >>> as_key("dense.units")
    '"dense.units"'
    """
    return _encodable(tomlkit.key(name).as_string())


def visible(text: str, keep: str = "") -> str:
    r"""Return the text on one line, with every control character as an escape such as ``\n``.

    Args:
        keep: control characters to leave unescaped.
    """
    return _UNSEEN.sub(lambda found: found[0] if found[0] in keep else _escape(found[0]), text)


def cut(text: str, most: int) -> str:
    """Shorten a text to at most `most` characters, with "…" for the omitted end."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _text(value: str) -> str:
    """Quote a string; in single quotes where that avoids escapes (Windows paths, inches)."""
    literal = any(sign in value for sign in '\\"') and "'" not in value
    if literal and not _UNSEEN.search(value):
        return f"'{value}'"
    return _encodable(tomlkit.item(value).as_string())


def _encodable(text: str) -> str:
    """Escape halves of surrogate pairs: file names may have them, but UTF-8 can't encode them."""
    return text.encode(errors="backslashreplace").decode()


def _escape(sign: str) -> str:
    return sign.encode("unicode_escape").decode("ascii")
