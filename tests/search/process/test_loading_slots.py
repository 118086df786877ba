"""Slots for loading, taken by real processes."""

import os
import signal
import subprocess
import sys
import time

import pytest

from studyhall.search.process import loading_slots, threads
from studyhall.search.process.stop import Stop

DEADLINE_S = 60
LOADING = """
import os, sys, time
from studyhall.search.process import loading_slots
from studyhall.search.process.stop import Stop
stop = Stop()
with loading_slots.taken(stop):
    print("in", os.environ.get(loading_slots.VARIABLE), flush=True)
    sys.stdin.readline()
print("out", stop.waited_s > 0.04, flush=True)
sys.stdin.readline()
"""


def process_with(environment, files):
    """Start a process that loads, and says so."""
    process = subprocess.Popen(
        [sys.executable, "-c", LOADING],
        env={**os.environ, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=files,
        text=True,
    )
    os.set_blocking(process.stdout.fileno(), False)
    return process


@pytest.fixture
def loading(monkeypatch):
    """Starts processes that load, on a machine of so many cores."""
    started = []

    def start(count, cores):
        monkeypatch.setattr(threads, "cores", lambda: cores)
        with loading_slots.offered(count) as (environment, files):
            started.extend(process_with(environment, files) for _ in range(count))
        return started

    yield start
    for process in started:
        process.kill()
        process.communicate()


def inside(processes, count, within_s=DEADLINE_S):
    """Return those that have come into their blocks, once there are so many."""
    until, found = time.monotonic() + within_s, []
    while len(found) < count and time.monotonic() < until:
        found += [p for p in processes if p not in found and p.stdout.readline() == "in None\n"]
        time.sleep(0.01)
    return found


def told(process):
    """Let a process leave its block; return what it says of its waiting."""
    process.stdin.write("\n")
    process.stdin.flush()
    while not (line := process.stdout.readline()):
        time.sleep(0.01)
    return line


@pytest.mark.parametrize("cores", [1, 2])
def test_no_more_load_at_once_than_there_are_cores(loading, cores):
    waiting = loading(4, cores)
    first = inside(waiting, cores)
    rest = [process for process in waiting if process not in first]
    assert len(first) == cores and inside(rest, 1, within_s=0.5) == []
    assert told(first[0]) == "out False\n"
    (next_one,) = inside(rest, 1)
    rest.remove(next_one)
    assert inside(rest, 1, within_s=0.5) == []
    next_one.send_signal(signal.SIGKILL)  # whoever dies leaves its slot
    (last,) = inside(rest, 1)
    assert told(last) == "out True\n"


def test_there_are_none_where_each_has_a_core(loading):
    assert len(inside(loading(3, 3), 3)) == 3


def test_a_stop_ends_the_waiting(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 1)
    with loading_slots.offered(2) as (environment, files):
        holder = process_with(environment, files)
        assert inside([holder], 1)
        monkeypatch.setenv(loading_slots.VARIABLE, f"{os.dup(files[0])} 1")
        stop = Stop()
        stop.ask(143)
        with loading_slots.taken(stop):
            assert not loading_slots.are_scarce()
    holder.kill()
    holder.communicate()
