"""Objects that a program hands to the processes it starts: by a socket, never by the database.

Such as a function of a notebook's cell, which no other process can import. It is pickled by value,
once. Pickle and arrays lie in a file that has no name; the program passes it, open, to whoever
connects to its socket, which lies in a folder that only this user can open. All its processes map
that file: they share the memory of the arrays until one of them writes to it.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import pickle
import socket
import struct
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from studyhall.search.study_file.config_error import ConfigError

SOCKET = "STUDYHALL_FUNCTION"  # environment variable: where it can be fetched
AWAITED_S = 60.0
ALIGNED = 64  # bytes, as NumPy and TensorFlow like their arrays
SIZE = struct.Struct("<Q")


@contextlib.contextmanager
def offered(name: str, thing: Any, study: str) -> Iterator[None]:
    """Hand an object to every process that is started in a `with` block.

    Args:
        name: what the processes ask for.
        thing: the object; arrays in it are not copied for each process.
        study: the study's name, for messages.

    Raises:
        ConfigError: it can't be pickled, or there is no space for it.
    """
    with tempfile.TemporaryFile() as file:
        _write(file, name, _pickled(thing, study), study)
        with _answered(file) as place:
            before = os.environ.get(SOCKET)
            os.environ[SOCKET] = place
            try:
                yield
            finally:
                del os.environ[SOCKET]
                if before is not None:
                    os.environ[SOCKET] = before


def received(name: str) -> Any:
    """Return what the program that has started this process offers under a name, or None."""
    place = os.environ.get(SOCKET)
    if place is None or not _is_private(Path(place).parent):
        return None
    memory = _mapped(place)
    return None if memory is None else _read(memory, name)


def _mapped(place: str) -> mmap.mmap | None:
    """Return the file that is passed at a socket, in memory; None if nobody answers any longer."""
    with socket.socket(socket.AF_UNIX) as wire, contextlib.suppress(OSError):
        wire.settimeout(AWAITED_S)
        wire.connect(place)
        _, files, _, _ = socket.recv_fds(wire, 1, 1)
        for file in files:
            with open(file, "rb") as opened:
                return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY)
    return None


@contextlib.contextmanager
def _answered(file: IO[bytes]) -> Iterator[str]:
    """Pass a file to whoever connects to a socket in a `with` block; give the socket's path."""
    with (
        tempfile.TemporaryDirectory(prefix="studyhall-") as folder,
        socket.socket(socket.AF_UNIX) as listener,
    ):
        listener.bind(f"{folder}/socket")
        listener.listen(64)
        thread = threading.Thread(target=_answer, args=(listener, file.fileno()), daemon=True)
        thread.start()
        try:
            yield f"{folder}/socket"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()  # before the file's number is another file's


def _answer(listener: socket.socket, file: int) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                connection.settimeout(AWAITED_S)
                socket.send_fds(connection, [b"."], [file])


def _write(file: IO[bytes], name: str, parts: list[memoryview], study: str) -> None:
    """Write the name, then the pickle, then each array, with what is needed to find them."""
    sizes = [part.nbytes for part in parts]
    header = pickle.dumps((sys.path, name, sizes))
    try:
        file.write(SIZE.pack(len(header)) + header)
        for part, (start, _) in zip(parts, _places(len(header), sizes), strict=True):
            file.seek(start)
            file.write(part)
        file.flush()
    except OSError as error:
        received = f"received {tempfile.gettempdir()}, where nothing can be written"
        expected = f"({error.strerror}), expected space for the arrays, or another $TMPDIR"
        raise ConfigError([f"{study}: {received} {expected}"]) from error


def _pickled(thing: Any, study: str) -> list[memoryview]:
    import cloudpickle

    arrays: list[pickle.PickleBuffer] = []
    try:
        content = cloudpickle.dumps(thing, protocol=5, buffer_callback=arrays.append)
    except Exception as error:  # the user's own classes may raise anything
        said = str(error) or type(error).__name__
        received = f"received code or arguments that no other process can get ({said})"
        raise ConfigError([f"{study}: {received}, expected what cloudpickle takes"]) from error
    return [memoryview(content), *(each.raw() for each in arrays)]


def _read(memory: mmap.mmap, name: str) -> Any:
    """Return the object in a file's memory if it has this name; otherwise None."""
    (size,) = SIZE.unpack_from(memory)
    path, known, sizes = pickle.loads(memory[SIZE.size : SIZE.size + size])
    if known != name:
        return None
    sys.path.extend(each for each in path if each not in sys.path)
    whole = memoryview(memory)
    content, *arrays = (whole[start:end] for start, end in _places(size, sizes))
    return pickle.loads(content, buffers=arrays)


def _places(header: int, sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield where each part begins and ends, in bytes, behind a header of so many."""
    end = SIZE.size + header
    for size in sizes:
        start = -(-end // ALIGNED) * ALIGNED
        end = start + size
        yield start, end


def _is_private(folder: Path) -> bool:
    """Return True if nobody else can have put a socket into a folder: unpickling runs code."""
    with contextlib.suppress(OSError):
        about = folder.stat()
        return about.st_uid == os.getuid() and not about.st_mode & 0o077
    return False
