"""The function that builds a study's models, where a program has it rather than a file.

The program hands it to the processes it starts: to workers, and to the one that proves the best
model. A study knows it by its family.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

from studyhall.search.process import offer

PREFIX = "python:"  # of the family in a study's record

_held: dict[str, tuple[Callable[..., Any], str]] = {}  # function and fingerprint, by family


class NotHandedError(Exception):
    """The function is in another Python program, which has not started this process.

    The message says what was received and what to do.
    """


def is_handed(family: str) -> bool:
    """Return True if a study's family is a function of a Python program."""
    return family.startswith(PREFIX)


def family(function: Callable[..., Any]) -> str:
    """Return what stands for a function where a study file names a family."""
    name = getattr(function, "__name__", type(function).__name__)
    return PREFIX + (re.sub(r"\W+", "", name) or "build")


def hold(function: Callable[..., Any]) -> None:
    """Keep a function for this process, under its family."""
    _held[family(function)] = function, _fingerprint(function)


def fetched(named: str) -> Callable[..., Any]:
    """Return the function of a family: this process's own, or its parent's.

    Raises:
        NotHandedError: there is none.
    """
    return _found(named)[0]


def fingerprint(named: str) -> str:
    """Return the SHA-256 (hex) of a function's source and of those that it calls beside it.

    Raises:
        NotHandedError: there is no such function.
    """
    return _found(named)[1]


@contextlib.contextmanager
def offered(function: Callable[..., Any] | None, study: str) -> Iterator[None]:
    """Hand a function, if there is one, to every process that is started in a `with` block.

    Args:
        function: builds the models; None: a file does.
        study: the study's name, for messages.

    Raises:
        ConfigError: the function refers to something that can't be pickled.
    """
    if function is None:
        yield
        return
    hold(function)
    named = family(function)
    with offer.offered(named, _held[named], study):
        yield


def _found(named: str) -> tuple[Callable[..., Any], str]:
    if named not in _held and (handed := offer.received(named)) is not None:
        _held[named] = handed
    if named not in _held:
        raise NotHandedError(
            f'"{named}", a function of a Python program or notebook, which only that one has: '
            "run it again to continue the study"
        )
    return _held[named]


def _fingerprint(function: Callable[..., Any]) -> str:
    digest = hashlib.sha256()
    for each in _with_called(function):
        digest.update(_source(each))
    return digest.hexdigest()


def _with_called(function: Any) -> list[Any]:
    """Return a function and the functions and classes of its own module that it names."""
    found: list[Any] = []
    waiting = [inspect.unwrap(function)]
    while waiting:
        each = waiting.pop()
        if any(each is known for known in found):
            continue
        found.append(each)
        around = getattr(each, "__globals__", {})
        names = sorted(getattr(getattr(each, "__code__", None), "co_names", ()))
        named = [around[name] for name in names if name in around]
        waiting += [other for other in named if _is_beside(other, each)]
    return found


def _is_beside(other: Any, function: Any) -> bool:
    known = inspect.isfunction(other) or inspect.isclass(other)
    return known and other.__module__ == getattr(function, "__module__", None)


def _source(thing: Any) -> bytes:
    """Return the source of a function or class; where there is none, its byte code."""
    try:
        return textwrap.dedent(inspect.getsource(thing)).encode()
    except (OSError, TypeError):
        code = getattr(thing, "__code__", None)
        return repr(type(thing)).encode() if code is None else bytes(code.co_code)
