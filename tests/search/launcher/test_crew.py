"""Worker processes kept running: real processes, and a clock that the test moves."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from studyhall.search.launcher.crew import MOST_CRASHES, Crew
from studyhall.search.launcher.memory_kills import MemoryKills
from studyhall.search.launcher.places import Place
from studyhall.search.process import identity, recycling
from studyhall.storage.queries.records import TrialRecord

DEADLINE_S = 60


@pytest.fixture
def crew(tmp_path):
    """Makes a crew of one process per shell line."""
    crews = []

    def make(*lines, **options):
        places = [
            Place(f"worker-{index}", {"LINE": line}, tmp_path / f"{index}.log")
            for index, line in enumerate(lines, start=1)
        ]
        crews.append(Crew(["sh", "-c", 'eval "$LINE"'], places, **options))
        return crews[-1]

    yield make
    for made in crews:
        made.kill()
        for place in made.places:
            for process in filter(None, (place.process, place.standby)):
                process.wait(DEADLINE_S)
                process.hang_up()


def trial(place, state, number=0):
    """Return the record of a trial that the place's process ended."""
    reason = {"reason": "no good"}
    worker = identity.name(place.name, place.process.pid)
    return TrialRecord(
        trial_id=number, number=number, state=state, value=None, best_epoch=None, epochs=0,
        params={}, attributes=reason, started_at=0.0, finished_at=1.0, worker=worker, attempt=1,
        repeated_epochs=0, repeated_s=0.0, gpu_seconds_used=0.0,
    )  # fmt: skip


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
        *(f"worker-1 crashed (SIGKILL); it restarts in {s} s" for s in waits),
        f"worker-1 crashed {MOST_CRASHES + 1} times in a row (SIGKILL): given up",
    ]
    assert place.code == -signal.SIGKILL


def test_a_worker_that_lived_long_starts_again_soon(crew):
    made = crew("exit 9")
    (place,) = made.places
    for now in (0.0, 100.0, 200.0):
        made.tend(now)
        ended(place)
        assert made.tend(now + 61) == ["worker-1 crashed (exit code 9); it restarts in 1 s"]


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
    place.process.hang_up()
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


# Successors

WORKER = """
case "$STUDYHALL_STANDBY" in
  1) echo waiting; read word && echo "told to $word" ;;
  *) echo '{"successor_in_s": 5, "model": {"trial": 3}}' >&0 ;;
esac
echo works; while ! test -e "$GO_AWAY"; do sleep 0.01; done; exit 75
"""


@pytest.fixture
def recycled(crew, tmp_path, monkeypatch):
    """A crew whose worker has said that it leaves in five seconds, at the time 0."""
    monkeypatch.setenv("GO_AWAY", str(tmp_path / "away"))
    made = crew(WORKER)
    (place,) = made.places
    made.tend(0.0)
    until(lambda: (made.tend(0.0), place.standby_at == 5.0)[1])
    assert place.model == {"trial": 3} and place.standby is None
    return made


def in_its_log(place, words):
    until(lambda: words in place.log.read_text())


def test_a_successor_stands_by_and_begins_when_the_old_one_leaves(recycled, tmp_path):
    (place,) = recycled.places
    old = place.process
    recycled.tend(4.9)
    assert place.standby is None
    recycled.tend(5.0)
    standby = place.standby
    recycled.tend(6.0)
    in_its_log(place, "waiting")
    assert place.standby is standby and place.process is old and "told" not in place.log.read_text()
    (tmp_path / "away").touch()
    ended(place)
    assert recycled.tend(7.0) == []
    assert place.process is standby and place.standby is None and place.started_at == 7.0
    in_its_log(place, "told to go\nworks")


def test_a_stand_by_that_died_is_replaced_when_its_turn_comes(recycled, tmp_path):
    (place,) = recycled.places
    recycled.tend(5.0)
    place.standby.kill()
    place.standby.wait(DEADLINE_S)
    recycled.tend(6.0)
    assert place.standby is None  # and none is tried again before
    (tmp_path / "away").touch()
    ended(place)
    recycled.tend(7.0)
    assert place.process.returncode is None or place.process.returncode == 75
    until(lambda: place.log.read_text().count("works") == 2)


@pytest.mark.parametrize("how", ["signal", "kill", "end"])
def test_a_stand_by_goes_with_the_others(recycled, tmp_path, how):
    (place,) = recycled.places
    recycled.tend(5.0)
    in_its_log(place, "waiting")
    standby = place.standby
    if how == "end":
        place.close(0)  # as when the budget is spent
    else:
        recycled.signal(signal.SIGTERM) if how == "signal" else recycled.kill()
        ended(place)
    until(lambda: (recycled.tend(6.0), recycled.ended)[1])
    assert standby.returncode is not None


def test_a_launcher_that_is_gone_leaves_no_stand_by(recycled):
    """Both ends of the wire close with the process that holds them."""
    (place,) = recycled.places
    recycled.tend(5.0)
    in_its_log(place, "waiting")
    place.standby.hang_up()
    in_its_log(place, "works")  # its read has ended; a real worker leaves


# Deaths


def test_who_died_is_buried(crew):
    buried = []
    made = crew("exit 0", "exit 75", "kill -KILL $$", "exit 9", bury=buried.append)
    names = []
    made.tend(0.0)
    for place in made.places:
        names.append(identity.name(place.name, place.process.pid))
        ended(place)
    made.tend(0.0)
    assert [(dead.worker, dead.how, dead.out_of_memory) for dead in buried] == [
        (names[2], "SIGKILL", False),
        (names[3], "exit code 9", False),
    ]


def test_killed_for_want_of_memory_the_next_starts_at_once(crew):
    kills = [0]
    buried = []
    made = crew(
        "kill -KILL $$", "kill -KILL $$",
        bury=lambda dead: buried.append(dead) is None, kills=MemoryKills(lambda: kills[0]),
    )  # fmt: skip
    one, other = made.places
    made.tend(0.0)
    ended(one), ended(other)
    kills[0] = 1  # the kernel has killed one of them
    assert made.tend(1.0) == [
        "worker-1 ran out of memory (SIGKILL)",
        "worker-2 crashed (SIGKILL); it restarts in 1 s",
    ]
    assert one.process is not None and other.process is None
    assert [dead.out_of_memory for dead in buried] == [True, False]


def test_killed_for_want_of_memory_without_a_trial_it_waits(crew):
    kills = [0]
    made = crew("kill -KILL $$", kills=MemoryKills(lambda: kills[0]))
    made.tend(0.0)
    ended(made.places[0])
    kills[0] = 1
    assert made.tend(1.0) == ["worker-1 crashed (SIGKILL); it restarts in 1 s"]


def test_what_cpp_says_when_it_gets_no_memory(crew):
    buried = []
    line = "echo 'terminate called after throwing an instance of std::bad_alloc'; kill -ABRT $$"
    made = crew(line, "kill -ABRT $$", bury=lambda dead: buried.append(dead) is None)
    made.tend(0.0)
    for place in made.places:
        ended(place)
    made.tend(0.0)
    assert [(dead.how, dead.out_of_memory) for dead in buried] == [
        ("SIGABRT", True),
        ("SIGABRT", False),
    ]


@pytest.mark.parametrize("state", ["COMPLETE", "FAIL"])
def test_a_place_whose_trials_end_is_no_crash_loop(crew, state):
    made = crew("kill -KILL $$")
    (place,) = made.places
    for crash in range(1, 4):
        made.tend(place.next_start_at)
        ended(place)
        heard = trial(place, state)
        made.tend(place.next_start_at)
        assert place.crashes == 1
        made.hear(heard)
        assert place.crashes == 0 and crash


def failing(made, place):
    """Three workers of a place die, each of a trial that fails."""
    for number in range(3):
        made.tend(place.next_start_at)
        heard = trial(place, "FAIL", number)
        ended(place)
        made.tend(place.next_start_at)
        made.hear(heard)


def test_three_trials_failed_and_none_went_well(crew):
    made = crew("kill -KILL $$")
    (place,) = made.places
    failing(made, place)
    assert made.tend(place.next_start_at) == [
        *(f"trial {number} failed: no good" for number in range(3)),
        "stopped: 3 trials failed and none succeeded",
    ]
    assert made.ended and place.code == 2


def test_one_that_went_well_anywhere_is_enough(crew):
    made = crew("kill -KILL $$", "sleep 100")
    place, other = made.places
    made.tend(0.0)
    made.hear(trial(other, "COMPLETE", 7))
    ended(place)
    made.tend(0.0)
    failing(made, place)
    assert made.tend(place.next_start_at) == [] and place.code is None


WAITS = """
from studyhall.search.process.wire import tell_launcher
import pathlib, time
tell_launcher(waiting="waiting for space on /mnt (database sqlite:////mnt/x.db)")
while not pathlib.Path("{over}").exists():
    time.sleep(0.01)
tell_launcher(waiting="")
while not pathlib.Path("{end}").exists():
    time.sleep(0.01)
"""


def test_what_workers_wait_for_is_said_once_and_that_it_is_over(crew, tmp_path):
    code = WAITS.format(over=tmp_path / "over", end=tmp_path / "end")
    made = crew(*[f"{sys.executable} -c '{code}'"] * 2)
    said = []

    def told(count):
        said.extend(made.tend(0.0))
        return len(said) >= count

    until(lambda: told(1))
    until(lambda: told(1) and all(place.waiting for place in made.places))
    assert said == ["waiting for space on /mnt (database sqlite:////mnt/x.db)"]
    (tmp_path / "over").touch()
    until(lambda: told(2))
    (tmp_path / "end").touch()
    until(lambda: told(2) and made.ended)
    assert said[1:] == ["the workers wait no longer"]
