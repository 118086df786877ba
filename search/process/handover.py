"""What a program hands to the processes it starts: by a socket, never by a file.

The function that builds a study's models may be a cell of a notebook, which no other process can
import; so may its loss, its metrics, and what makes its callbacks. The process that has them
pickles them by value and answers whoever connects to its socket, which lies in a folder that only
this user can open. Workers, and the process that proves the best model, find the socket's path in
their environment.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import os
import pickle
import re
import socket
import sys
import tempfile
import textwrap
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

PREFIX = "python:"  # of the family in a study's record
SOCKET = "STUDYHALL_FUNCTION"  # environment variable: where the function can be fetched
AWAITED_S = 60.0

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


def hold(function: Callable[..., Any]) -> None:
    """Keep a function for this process, under its family."""
    _hold({family(function): function})


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


def _hold(things: Mapping[str, Any]) -> None:
    for name, thing in things.items():
        _held[name] = thing, _fingerprint(thing)


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
def offered(things: Mapping[str, Any]) -> Iterator[None]:
    """Hand things, by their names, to every process that is started in a `with` block."""
    _hold(things)
    content = _pickled(things)
    with tempfile.TemporaryDirectory(prefix="studyhall-") as folder:
        path = Path(folder) / "function"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen(64)
            threading.Thread(target=_answer, args=(listener, content), daemon=True).start()
            os.environ[SOCKET] = str(path)
            try:
                yield
            finally:
                del os.environ[SOCKET]
                listener.shutdown(socket.SHUT_RDWR)


def _answer(listener: socket.socket, content: bytes) -> None:
    """Send the content to whoever connects, until the listener is closed."""
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(AWAITED_S)
                connection.sendall(content)


def _pickled(things: Mapping[str, Any]) -> bytes:
    import cloudpickle

    content: bytes = cloudpickle.dumps(dict(things))  # together, as they may refer to each other
    return pickle.dumps((sys.path, {name: _held[name][1] for name in things})) + content


def _found(named: str) -> tuple[Any, str]:
    if named not in _held:
        _receive()
    if named not in _held:
        raise NotHandedError(
            f'"{named}", a function of a Python program or notebook, which only that one has: '
            "run it again to continue the study"
        )
    return _held[named]


def _receive() -> None:
    place = os.environ.get(SOCKET)
    if place is None or not _is_private(Path(place).parent):
        return
    with socket.socket(socket.AF_UNIX) as wire, contextlib.suppress(OSError):
        wire.settimeout(AWAITED_S)
        wire.connect(place)
        with wire.makefile("rb") as content:
            path, marks = pickle.load(content)
            sys.path.extend(each for each in path if each not in sys.path)
            things = pickle.load(content)
            _held.update({name: (thing, marks[name]) for name, thing in things.items()})


def _is_private(folder: Path) -> bool:
    """Return True if nobody else can have put a socket into a folder: unpickling runs code."""
    with contextlib.suppress(OSError):
        about = folder.stat()
        return about.st_uid == os.getuid() and not about.st_mode & 0o077
    return False


def _fingerprint(function: Any) -> str:
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
