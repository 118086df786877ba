"""The replacement of a worker process by a fresh one."""

import mmap
import os
import subprocess
import sys

import psutil
import pytest

from studyhall.search.process import recycling
from studyhall.search.process.recycling import Age
from studyhall.search.study_file import config


@pytest.fixture
def age(study_file):
    """Makes the age of a worker under these limits."""

    def make(ready_s=0.0, study_left=10**9, **limits):
        return Age(config.parse(study_file(workers=limits)).workers, ready_s, study_left)

    return make


def test_after_its_trials(age):
    made = age(recycle_trials=3)
    reached = []
    for _ in range(4):
        reached.append(made.reached)
        made.count()
    assert reached == [False, False, False, True]


def test_never_if_asked_for(age):
    made = age(recycle_trials="none")
    made.trials = 10**6
    assert not made.reached and made.successor_in_s is None


def test_at_its_memory(age):
    mib = recycling.resident_bytes() // recycling.MIB
    limit = max(256, mib - 64)  # far enough for what other threads give back meanwhile
    assert age(recycle_mib=limit).reached == (mib > limit)
    assert not age(recycle_mib=mib + 10_000).reached


def test_memory_is_what_the_system_says():
    before = recycling.resident_bytes()
    with mmap.mmap(-1, 60 * recycling.MIB) as held:  # an array may use what was freed earlier
        held.write(b"1" * len(held))
        after = recycling.resident_bytes()
        assert after == pytest.approx(psutil.Process().memory_info().rss, rel=0.05)
    assert after - before >= 50 * recycling.MIB


# The successor


def test_a_successor_is_due_when_the_end_is_as_near_as_it_takes_to_be_ready(age, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(recycling.time, "monotonic", lambda: clock[0])
    made = age(ready_s=10.0, recycle_trials=20)
    due = []
    for _ in range(20):
        due.append(made.successor_in_s)
        clock[0] += 10.0  # seconds that each trial takes
        made.count()
    # Twice ten seconds before ten more trials may be over, if all are pruned half-way.
    assert due == [None] * 14 + [10.0, 5.0, 0.0, 0.0, 0.0, 0.0]


def test_before_a_long_last_trial_it_is_not_due_yet(age, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(recycling.time, "monotonic", lambda: clock[0])
    made = age(ready_s=10.0, recycle_trials=3)
    for _ in range(2):
        clock[0] += 3600.0
        made.count()
    assert made.successor_in_s == 1780.0


def test_with_one_trial_each_it_is_due_at_once(age):
    assert age(ready_s=10.0, recycle_trials=1).successor_in_s == 0.0


def test_memory_that_grows_foretells_the_end(age, monkeypatch):
    held = [1000]
    monkeypatch.setattr(recycling, "resident_bytes", lambda: held[0] * recycling.MIB)
    made = age(ready_s=1.0, recycle_mib=2000)
    due = []
    for mib in (1400, 1500, 1600, 1700, 1800, 1900):
        due.append(made.successor_in_s is not None)
        held[0] = mib
        made.count()
    assert due == [False] * 6 or due[-1]  # trials of no time at all: the end is near at any rate
    assert made._trials_left() == 1.0 and made.successor_in_s is not None


@pytest.mark.parametrize(("study_left", "due"), [(4, True), (3, False), (2, False)])
def test_none_is_due_where_the_study_ends_before(age, study_left, due):
    made = age(ready_s=10.0, recycle_trials=3, study_left=study_left)
    for _ in range(2):
        made.count()
    assert (made.successor_in_s is not None) == due


def test_it_is_told_once(age, monkeypatch):
    told = []
    monkeypatch.setattr(recycling, "tell_launcher", lambda **said: told.append(said))
    made = age(recycle_trials=1)
    made.announce()
    made.announce()
    assert told == [{"successor_in_s": 0.0}]


# Leaving

AGAIN = """
import os, sys, threading
from studyhall.search.process import recycling
print(os.getpid(), sys.argv[1:], os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)
left = sys.argv[0] and os.path.exists(sys.argv[1])
if not left:
    open(sys.argv[1], "w").close()
    os.environ["CUDA_VISIBLE_DEVICES"] = "3"  # as pinning does
    library = os.dup(1)
    os.set_inheritable(library, True)
    thread = threading.Thread(target=recycling.leave_at_once)
    thread.start()
    thread.join()  # it never comes back
print(sorted(os.listdir("/dev/fd"))[:3], len(os.listdir("/dev/fd")))
"""


def test_by_hand_a_fresh_process_takes_the_place_of_the_old(tmp_path):
    """From any thread, with the environment of the start, and with no file left open."""
    script, mark = tmp_path / "again.py", tmp_path / "mark"
    script.write_text(AGAIN)
    environment = {k: v for k, v in os.environ.items() if k != "CUDA_VISIBLE_DEVICES"}
    answer = subprocess.run(
        [sys.executable, str(script), str(mark), "--gpu", "1"], env=environment,
        cwd=os.getcwd(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    first, second, files = answer.stdout.splitlines()
    assert first == second and first.endswith(f"['{mark}', '--gpu', '1'] None")
    assert files == "['0', '1', '2'] 4"  # and the one of the listing itself


def test_under_a_launcher_it_ends_with_the_code_that_asks_for_another():
    code = (
        "import threading; from studyhall.search.process import recycling as r; r.leave_at_once()"
    )
    environment = {**os.environ, "STUDYHALL_LAUNCHED": "1"}
    answer = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert answer.returncode == recycling.EXIT_CODE
