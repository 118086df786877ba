"""The display of names and values in messages, and suggestions for mistyped ones."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, time
from difflib import get_close_matches

import tomlkit
from tomlkit import items

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


def as_item(value: object) -> items.Item:
    """A value as tomlkit's item, in the form that a person would write on one line."""
    match value:
        case items.Item():
            return value
        case str():
            return _text(value)
        case list() | tuple():
            return _array(value)
        case dict():
            return _inline_table(value)
        case int() if abs(value) >= LONGEST_NUMBER:
            return items.Integer(value, items.Trivia(), hex(value))
        case bool() | int() | float() | date() | time():
            return tomlkit.item(value)
        case _:  # what no study file holds is shown in messages
            return items.Integer(0, items.Trivia(), str(value))


def as_toml(value: object) -> str:
    """Return a value as one line of TOML that parses back to the same value.

    >>> as_toml({"low": 1, "log": True, "choices": ["adam"]})
    '{ low = 1, log = true, choices = ["adam"] }'
    """
    return as_item(value).as_string()


def as_key(name: str) -> str:
    """Return a name as a TOML key, in quotes only if it needs them.

    >>> as_key("dense.units")
    '"dense.units"'
    """
    return toml_key(name).as_string()


def toml_key(name: str) -> items.Key:
    """A name as tomlkit's key."""
    return tomlkit.key(_encodable(name))


def visible(text: str, keep: str = "") -> str:
    r"""Return the text on one line, with every control character as an escape such as ``\n``.

    Args:
        keep: control characters to leave unescaped.
    """
    return _UNSEEN.sub(lambda found: found[0] if found[0] in keep else _escape(found[0]), text)


def cut(text: str, most: int) -> str:
    """Shorten a text to at most `most` characters, with "…" for the omitted end."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _text(value: str) -> items.String:
    """In single quotes where that spares escapes: paths of Windows, inches."""
    text = _encodable(value)
    spares = any(sign in text for sign in '\\"') and "'" not in text
    return tomlkit.string(text, literal=spares and not _UNSEEN.search(text))


def _array(values: Iterable[object]) -> items.Array:
    array = tomlkit.array()
    for value in values:
        array.append(as_item(value))
    return array


def _inline_table(values: Mapping[str, object]) -> items.InlineTable:
    table = tomlkit.inline_table()
    spelled = {name: as_item(value) for name, value in values.items()}
    for name, value in spelled.items():
        table.append(toml_key(name), value)
    if spelled:  # { a = 1 } rather than {a = 1}
        inside = [*spelled.values()]
        inside[0].trivia.indent = inside[-1].trivia.trail = " "
    return table


def _encodable(text: str) -> str:
    """Escape halves of surrogate pairs: file names may have them, but UTF-8 can't encode them."""
    return text.encode(errors="backslashreplace").decode()


def _escape(sign: str) -> str:
    return sign.encode("unicode_escape").decode("ascii")


def listed(names: Sequence[object]) -> str:
    """Return names as in a sentence: ``a, b and c``."""
    words = [*map(str, names)]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def counted_as(count: int, what: str) -> str:
    """Return a noun for so many: ``trial``, ``trials``."""
    return what if count == 1 else f"{what}s"


def counted(count: int, what: str) -> str:
    """Return a count with its noun: ``1 training``, ``2 trainings``."""
    return f"{count} {counted_as(count, what)}"
