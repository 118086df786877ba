"""Functions, classes and objects of a study that a program has rather than a file.

The function that builds its models may be a cell of a notebook; so may its loss, its metrics, and
what makes its callbacks. The program hands them to the processes it starts: to workers, and to the
one that proves the best model. A study file names them by what stands for them.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from studyhall.search.process import offer

PREFIX = "python:"  # of the family in a study's record
ALL = "things of a study"  # the name under which they are offered

_held: dict[str, tuple[Any, str]] = {}  # function, class or object, and fingerprint, by its name


class NotHandedError(Exception):
    """The function is in another Python program, which has not started this process.

    The message says what was received and what to do.
    """


def is_handed(family: str) -> bool:
    """Return True if a study's family is a function of a Python program."""
    return family.startswith(PREFIX)


def family(function: Any) -> str:
    """Return what stands for a function where a study file names a family."""
    name = getattr(function, "__name__", type(function).__name__)
    return PREFIX + (re.sub(r"\W+", "", name) or "build")


def hold(things: Mapping[str, Any]) -> None:
    """Keep things for this process, by their names."""
    for name, thing in things.items():
        _held[name] = thing, fingerprint_of(thing)


def named(things: Iterable[Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return functions, classes and objects by names that stand for them in a study file.

    Args:
        things: the things.
        known: others that have such names already.
    """
    found = dict(known)
    for thing in things:
        name = plain = family(thing)
        count = 1
        while name in found and found[name] is not thing:
            count += 1
            name = f"{plain}_{count}"
        found[name] = thing
    return found


def fetched(named: str) -> Any:
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
def offered(things: Mapping[str, Any], study: str) -> Iterator[None]:
    """Hand things, if there are any, to every process that is started in a `with` block.

    Args:
        things: the things, by their names.
        study: the study's name, for messages.

    Raises:
        ConfigError: one of them refers to something that can't be pickled.
    """
    if not things:
        yield
        return
    hold(things)
    # Together, as they may refer to each other.
    with offer.offered(ALL, {name: _held[name] for name in things}, study):
        yield


def _found(named: str) -> tuple[Any, str]:
    if named not in _held:
        _held.update(offer.received(ALL) or {})
    if named not in _held:
        raise NotHandedError(
            f'"{named}", a function of a Python program or notebook, which only that one has: '
            "run it again to continue the study"
        )
    return _held[named]


def fingerprint_of(function: Any) -> str:
    """Return the SHA-256 (hex) of the source of a function, class or object; see `fingerprint`."""
    digest = hashlib.sha256()
    for each in _with_called(function):
        digest.update(_source(each))
    if not (inspect.isroutine(function) or inspect.isclass(function)):
        digest.update(_source(type(function)) + _configuration(function))
    return digest.hexdigest()


def _configuration(thing: Any) -> bytes:
    """Return the arguments of an object of Keras' as text; empty if it doesn't tell them."""
    with contextlib.suppress(Exception):  # the user's get_config may raise anything
        return repr(sorted(thing.get_config().items())).encode()
    return b""


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
