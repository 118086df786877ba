"""How names and values are shown to the person who mistyped one."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was probably meant to be.

    >>> nearest("learnin_rate", ["learning_rate", "momentum"])
    'learning_rate'
    """
    matches = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def one_of(name: object, known: Iterable[str]) -> str:
    """What is expected instead of `name`: every known name, the nearest one pointed out.

    >>> one_of("adm", ["sgd", "adam"])
    'one of sgd, adam; did you mean "adam"?'
    """
    names = list(known)
    near = nearest(str(name), names)
    return f"one of {', '.join(names)}" + (f'; did you mean "{near}"?' if near else "")


def as_toml(value: object) -> str:
    """A value as the study file would spell it.

    >>> as_toml({"low": 1, "log": True, "choices": ["adam"]})
    '{ low = 1, log = true, choices = ["adam"] }'
    """
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{value}"'
        case list() | tuple():
            return f"[{', '.join(as_toml(item) for item in value)}]"
        case dict():
            pairs = ", ".join(f"{key} = {as_toml(item)}" for key, item in value.items())
            return f"{{ {pairs} }}" if pairs else "{}"
        case _:
            return str(value)
