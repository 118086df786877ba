"""Slots for loading: no more early workers import their libraries at once than there are cores.

So the first ones train while the others still load. A slot is a byte of a file without a name,
which a process locks; if the process dies, the lock goes with it.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from studyhall.search.process import threads
from studyhall.search.process.stop import Stop

VARIABLE = "STUDYHALL_SLOTS"  # set by a launcher: the file's descriptor, and the number of slots
GLANCE_S = 0.05  # between two looks for a free slot


@contextmanager
def offered(workers: int) -> Iterator[tuple[dict[str, str], tuple[int, ...]]]:
    """Offer slots to processes that are started in a `with` block, if there are fewer than workers.

    Args:
        workers: how many processes load.

    Yields:
        Environment variables and file descriptors to pass to each of them.
    """
    slots = threads.cores()
    if slots >= workers:
        yield {}, ()
        return
    with tempfile.TemporaryFile() as file:
        yield {VARIABLE: f"{file.fileno()} {slots}"}, (file.fileno(),)


def are_scarce() -> bool:
    """Return True if this process has to wait for a slot where others load at the same time."""
    return VARIABLE in os.environ


@contextmanager
def taken(stop: Stop) -> Iterator[None]:
    """Hold a slot in a `with` block, if the launcher has offered any; wait until one is free.

    Args:
        stop: ends the waiting; the time that it takes counts as waited.
    """
    if (told := os.environ.pop(VARIABLE, None)) is None:
        yield
        return
    file, slots = map(int, told.split())
    began = time.monotonic()
    while not _has_locked_one(file, slots) and not stop.wait(GLANCE_S):
        pass
    stop.waited_s += time.monotonic() - began
    try:
        yield
    finally:
        os.close(file)  # which ends the lock


def _has_locked_one(file: int, slots: int) -> bool:
    for slot in range(slots):
        with suppress(OSError):  # another process has it
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, slot)
            return True
    return False
