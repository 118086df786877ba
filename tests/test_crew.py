"""Worker processes kept running: real processes, and a clock that the test moves."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from search import recycling
from search.crew import MOST_CRASHES, Crew, Place

DEADLINE_S = 60


@pytest.fixture
def crew(tmp_path):
    """Makes a crew of one process per shell line."""
    crews = []

    def make(*lines):
        places = [
            Place(f"worker-{index}", {"LINE": line}, tmp_path / f"{index}.log")
            for index, line in enumerate(lines, start=1)
        ]
        crews.append(Crew(["sh", "-c", 'eval "$LINE"'], places))
        return crews[-1]

    yield make
    for made in crews:
        made.kill()
        for place in made.places:
            if place.process is not None:
                place.process.wait(DEADLINE_S)
                place.process.stdin.close()


def ended(place):
    """Wait until the process in a place is gone, without telling the crew."""
    place.process.wait(DEADLINE_S)


def until(condition):
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("code", [0, 1, 2, 130, 143])
def test_a_worker_that_has_ended_for_good(crew, code):
    made = crew(f"echo done; exit {code}")
    (place,) = made.places
    made.tend(0.0)
    ended(place)
    assert not made.ended
    assert made.tend(1.0) == [] and made.ended and place.code == code
    made.tend(2.0)
    assert place.log.read_text() == "done\n"


def test_a_killed_worker_starts_again_later_and_later_until_given_up(crew):
    made = crew("kill -KILL $$")
    (place,), now, said = made.places, 0.0, []
    while not made.ended:
        made.tend(now)
        ended(place)
        said += made.tend(now)
        assert (made.tend(now) == [] and place.process is None) or made.ended  # it waits
        now = place.next_start_at
    waits = [1, 2, 4, 8, 16, 32, 60]
    assert said == [
        *(f"worker-1 ended by SIGKILL; it starts again in {s} s" for s in waits),
        f"worker-1 ended by SIGKILL, {MOST_CRASHES + 1} times in a row: given up",
    ]
    assert place.code == -signal.SIGKILL


def test_a_worker_that_lived_long_starts_again_soon(crew):
    made = crew("exit 9")
    (place,) = made.places
    for now in (0.0, 100.0, 200.0):
        made.tend(now)
        ended(place)
        assert made.tend(now + 61) == ["worker-1 ended by exit code 9; it starts again in 1 s"]


def test_a_worker_that_makes_way_is_replaced_at_once(crew, tmp_path):
    made = crew(f"test -e {tmp_path}/second && exit 0; touch {tmp_path}/second; exit 75")
    assert recycling.EXIT_CODE == 75
    (place,) = made.places
    made.tend(0.0)
    ended(place)
    assert (made.tend(0.0) == [] and place.process.poll() is None) or place.process.returncode == 0
    ended(place)
    assert made.tend(0.0) == [] and place.code == 0


def test_a_signal_reaches_every_worker_and_nothing_starts_any_more(crew, tmp_path):
    line = 'trap "exit 130" INT; touch {0}; while true; do sleep 0.01; done'
    made = crew(line.format(tmp_path / "a"), line.format(tmp_path / "b"), "kill -KILL $$")
    made.tend(0.0)
    ended(made.places[2])
    made.tend(0.0)  # it waits for its next start
    until(lambda: (tmp_path / "a").exists() and (tmp_path / "b").exists())
    made.signal(signal.SIGINT)
    for place in made.places[:2]:
        ended(place)
    made.tend(1000.0)
    assert [place.code for place in made.places] == [130, 130, 130] and made.ended


def test_killing_takes_the_children_along(crew, tmp_path):
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    made = crew(f'exec {sys.executable} -c "{code}"')
    (place,) = made.places
    made.tend(0.0)
    worker = psutil.Process(place.process.pid)
    until(worker.children)
    (child,) = worker.children()
    made.kill()
    ended(place)
    until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    made.tend(0.0)
    assert made.ended and place.code == -signal.SIGKILL


def test_a_worker_knows_that_it_was_launched_and_when_the_launcher_is_gone(crew):
    made = crew('echo "$STUDYHALL_LAUNCHED"; read answer; echo "gone"')
    (place,) = made.places
    made.tend(0.0)
    assert place.process.poll() is None
    place.process.stdin.close()
    ended(place)
    assert place.log.read_text() == "1\ngone\n"
    assert os.getpgid(0) != place.process.pid  # a terminal's Ctrl-C does not reach it


def test_the_log_is_continued(crew):
    made = crew("echo again; kill -KILL $$")
    (place,) = made.places
    for now in (0.0, 10.0):
        made.tend(now)
        ended(place)
        made.tend(now)
    assert place.log.read_text() == "again\nagain\n"
    assert isinstance(place.process, subprocess.Popen | None)
