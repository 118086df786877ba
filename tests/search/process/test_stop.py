"""The requests to a worker to end: signals, and the death of its launcher."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from studyhall.search.process import recycling, stop
from studyhall.search.process.stop import Stop, StopNow
from studyhall.search.process.wire import LAUNCHED

CHILD = """
import sys
from studyhall.search.process.stop import Stop
stop = Stop()
stop.listen()
print("ready", flush=True)
stop.wait(100)
sys.exit(stop.code)
"""


@pytest.fixture
def listening():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    heard = Stop()
    heard.listen()
    yield heard
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


def test_signals_that_a_parent_has_blocked_are_heard():
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        with child() as process:
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 130
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})


def test_an_order_to_stop_is_no_interruption(listening):
    listening.ask()
    assert listening.asked and listening.code == 0
    assert listening.wait(100)


def test_a_signal_goes_before_being_recycled(listening):
    """The worker would leave anyway, but then nobody may start it again."""
    listening.ask(recycling.EXIT_CODE)
    signal.raise_signal(signal.SIGTERM)
    assert listening.code == 143
    with pytest.raises(StopNow):
        signal.raise_signal(signal.SIGINT)


def test_a_scheduler_that_says_it_twice_at_once_has_said_it_once(listening, monkeypatch):
    """To the worker itself, and to the job's script, which passes it on."""
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)
    assert listening.asked and listening.code == 143
    monkeypatch.setattr(stop, "ECHO_S", 0.0)
    with pytest.raises(StopNow):
        signal.raise_signal(signal.SIGTERM)


def test_a_launcher_that_says_it_twice_means_it(listening, monkeypatch):
    monkeypatch.setenv(LAUNCHED, "1")
    signal.raise_signal(signal.SIGTERM)
    with pytest.raises(StopNow):
        signal.raise_signal(signal.SIGTERM)


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


TURN = """
import sys
from studyhall.search.process.stop import Stop
stop = Stop()
stop.listen()
print("ready", flush=True)
stop.await_turn()
print("turn", stop.asked, flush=True)
"""


def test_a_stand_by_waits_for_its_turn():
    command = [sys.executable, "-c", TURN]
    pipe, environment = subprocess.PIPE, {**os.environ, LAUNCHED: "1"}
    for said, asked in ((b"go\n", b"False"), (b"", b"True")):
        with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe) as process:
            assert process.stdout.readline() == b"ready\n"
            os.write(process.stdin.fileno(), said)
            if not said:
                process.stdin.close()  # the launcher is gone
            assert process.stdout.readline() == b"turn " + asked + b"\n"
