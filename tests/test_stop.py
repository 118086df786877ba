"""What asks a worker to end: signals, and the death of its launcher."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from search.stop import LAUNCHED, Stop, StopNow

CHILD = """
import sys
from search.stop import Stop
stop = Stop()
stop.listen()
print("ready", flush=True)
stop.wait(100)
sys.exit(stop.code)
"""


@pytest.fixture
def listening():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    stop = Stop()
    stop.listen()
    yield stop
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_asks_and_the_second_insists(listening, number, code):
    assert not listening.asked and listening.code == 0
    signal.raise_signal(number)
    assert listening.asked and listening.code == code
    with pytest.raises(StopNow):
        signal.raise_signal(signal.SIGINT)
    assert listening.code == code


def test_an_order_to_stop_is_no_interruption(listening):
    listening.ask()
    assert listening.asked and listening.code == 0
    assert listening.wait(100)


def test_waiting_ends_after_its_time():
    assert not Stop().wait(0.01)


@contextmanager
def child(**environment):
    command = [sys.executable, "-c", CHILD]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, env={**os.environ, **environment}, stdin=pipe, stdout=pipe, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        yield process


def test_a_worker_does_not_outlive_its_launcher():
    with child(**{LAUNCHED: "1"}) as process:
        process.stdin.close()  # as when the launcher is killed
        assert process.wait(60) == 143


def test_a_worker_started_by_hand_needs_no_input():
    with child() as process:
        process.stdin.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
