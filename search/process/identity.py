"""The names of worker processes, as used by themselves and by their launcher."""

from __future__ import annotations

import getpass
import os
import socket

from studyhall.search.process import device, device_memory
from studyhall.storage.leases.workers import Worker

PLACE = "STUDYHALL_WORKER"  # set by a launcher: the place that the process fills


def this_process() -> Worker:
    """Return this process as a worker of a study."""
    pid = os.getpid()
    place = os.environ.get(PLACE, "worker")
    about = (device.name(), device.devices(), device_memory.mib())
    return Worker(name(place, pid), socket.gethostname(), pid, *about)


def name(place: str, pid: int) -> str:
    """Return the name of a worker process on this machine, unique within the study."""
    return f"{place}@{socket.gethostname()}:{pid}"


def who() -> str:
    """Return the user of this process, for people: user@host."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container without an entry for its user
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
