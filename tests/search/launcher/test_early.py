"""Workers that are started before their study is there."""

import signal
import sys
import time

import pytest

from studyhall.search.launcher import early
from studyhall.search.process.device import Device
from studyhall.search.process.wire import EARLY, WorkerProcess

DEADLINE_S = 60
CPU = Device(None, 1)
WAITING = """
from studyhall.search.cli import worker
from studyhall.search.process.stop import Stop
stop = Stop()
stop.listen()
print("before", flush=True)
print(stop.await_turn())
worker.await_study(stop)
print("begun", stop.await_turn() if stop.asked else "with its study", flush=True)
"""


@pytest.fixture
def waiting():
    process = WorkerProcess([sys.executable, "-c", WAITING], {EARLY: "1"}, None)
    yield process
    process.kill()
    process.wait()
    process.hang_up()


def test_it_prints_into_its_log_once_its_study_is_there(waiting, tmp_path):
    log = tmp_path / "logs of all" / "worker-1.log"
    log.parent.mkdir()
    log.write_text("earlier\n")
    waiting.let_load()
    waiting.let_load()  # which is said once
    waiting.let_begin(log)
    assert waiting.wait(DEADLINE_S) == 0
    assert log.read_text() == "earlier\nbegun with its study\n"


def test_it_leaves_with_its_launcher(waiting):
    waiting.let_load()
    waiting.hang_up()
    assert waiting.wait(DEADLINE_S) == 0


def test_who_has_not_begun_is_ended(tmp_path):
    url, began = f"sqlite:///{tmp_path}/studyhall.db", time.monotonic()
    with pytest.raises(ZeroDivisionError), early.workers("iris", [CPU, CPU], url) as started:
        early.let_load(started)
        raise ZeroDivisionError
    assert [process.returncode for process in started] == [-signal.SIGKILL] * 2
    assert not list(tmp_path.iterdir()) and time.monotonic() < began + DEADLINE_S


def test_a_study_that_is_done_needs_none(studio):
    url = f"sqlite:///{studio.folder}/studyhall.db"
    studio.finish(studio.study(study={"trials": 1}, training={"epochs": 1}))
    with early.workers("iris", [CPU], url) as started:
        assert started == []
    with early.workers("iris", [CPU], "sqlite:////nowhere/at/all.db?mode=ro") as started:
        assert started == []  # what is wrong with it is said in its turn
    with early.workers("another", [CPU], url) as started:
        assert len(started) == 1
