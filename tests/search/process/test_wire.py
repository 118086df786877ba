"""The messages between a launcher and its workers, in real processes."""

import os
import subprocess
import sys
import threading
import time

import pytest

from studyhall.search.process import wire
from studyhall.search.process.wire import WorkerProcess

DEADLINE_S = 60
PYTHON = """
import os
from studyhall.search.process.wire import tell_launcher
tell_launcher(model={"trial": 3, "parameters": 1_000_000})
tell_launcher(model={"trial": 4}, successor_in_s=2.5)
os.write(0, b"not of ours\\n[1]\\n")
print(os.read(0, 64), flush=True)
tell_launcher(more=1)  # into a wire that nobody holds any more
"""


@pytest.fixture
def worker(tmp_path):
    started = []

    def start(code):
        log = tmp_path / "log"
        started.append(WorkerProcess([sys.executable, "-c", code], {"LINE": "1"}, log))
        return started[-1], log

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.hang_up()


def heard(process, key):
    """Return all messages of a worker, up to one with a key."""
    said, deadline = {}, time.monotonic() + DEADLINE_S
    while key not in said:
        assert time.monotonic() < deadline
        said |= process.heard()
        time.sleep(0.01)
    return said


def test_a_worker_is_heard_and_told(worker):
    process, log = worker(PYTHON)
    assert heard(process, "successor_in_s") == {"model": {"trial": 4}, "successor_in_s": 2.5}
    process.let_begin()
    assert process.wait(DEADLINE_S) == 0
    assert heard(process, "more") == {"more": 1} and process.heard() == {}
    assert log.read_text() == "b'go\\n'\n"


def test_either_end_notices_that_the_other_is_gone(worker):
    process, log = worker("import os; print(os.read(0, 1))")
    process.hang_up()  # as when the launcher is killed
    assert process.wait(DEADLINE_S) == 0 and log.read_text() == "b''\n"
    process, _ = worker("")
    process.wait(DEADLINE_S)
    process.let_begin()
    assert process.heard() == {}


def test_a_worker_is_alone_in_its_session(worker):
    process, log = worker("import os; print(os.environ['STUDYHALL_LAUNCHED'], os.getsid(0))")
    process.wait(DEADLINE_S)
    assert log.read_text() == f"1 {process.pid}\n"
    assert os.getsid(0) != process.pid


def test_a_process_without_a_launcher_tells_nobody():
    code = "from studyhall.search.process import wire; wire.tell_launcher(model={'trial': 1})"
    environment = {name: value for name, value in os.environ.items() if name != wire.LAUNCHED}
    answer = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, b"", b"")


SLOW = """
import pathlib, sys, time
print("waiting for space on /mnt", file=sys.stderr, flush=True)
print("other", file=sys.stderr, flush=True)
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.01)
print("done")
sys.exit(3)
"""


def test_what_a_command_waits_for_is_said_while_it_does(tmp_path, monkeypatch, capfd):
    """And all that it prints is its answer."""
    monkeypatch.setattr(wire, "LISTEN_S", 0.05)
    monkeypatch.setattr(wire, "command", lambda *words: [sys.executable, "-c", SLOW, *words])
    answers = []
    end = tmp_path / "end"
    asking = threading.Thread(target=lambda: answers.append(wire.answer(str(end))))
    asking.start()
    said, deadline = "", time.monotonic() + DEADLINE_S
    while "waiting" not in said and time.monotonic() < deadline:
        said += capfd.readouterr().err
        time.sleep(0.01)
    end.touch()
    asking.join()
    assert said + capfd.readouterr().err == "waiting for space on /mnt\n"
    (answer,) = answers
    assert (answer.returncode, answer.stdout) == (3, "done\n")
    assert answer.stderr == "waiting for space on /mnt\nother\n"


TALKATIVE = """
from studyhall.search.process.wire import tell_launcher
for _ in range(10_000):
    tell_launcher(model={"trial": 3, "parameters": 10**9})
"""


def test_a_launcher_that_stands_still_holds_nobody_up(worker):
    process, _ = worker(TALKATIVE)
    assert process.wait(DEADLINE_S) == 0
    assert process.heard() == {"model": {"trial": 3, "parameters": 10**9}}


ANSWERING = """
from studyhall.search.process.stop import Stop
from studyhall.search.process.wire import answer_launcher
stop = Stop()
stop.listen()
answer_launcher(found=stop.await_turn().swapcase())
"""


def test_long_requests_and_answers_arrive_whole(worker):
    """Longer than a socket holds: neither side drops what the other has not read yet."""
    process, _ = worker(ANSWERING)
    process.let_inspect("inspect " + "x" * 1_000_000)
    assert heard(process, "found") == {"found": "INSPECT " + "X" * 1_000_000}
    assert process.wait(DEADLINE_S) == 0
