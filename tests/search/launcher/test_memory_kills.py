"""The kernel's counts of processes that it ended for want of memory."""

import subprocess
import sys

import pytest

from studyhall.search.launcher import memory_kills
from studyhall.search.launcher.memory_kills import RECENT_S, MemoryKills

V2 = "low 0\nhigh 3\nmax 7\noom 5\noom_kill 2\noom_group_kill 0\n"
V1 = "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n"
VMSTAT = "nr_free_pages 77\noom_kill 9\ndrop_slab 0\n"


@pytest.fixture
def system(tmp_path):
    """Writes the kernel's files; what is counted from them."""

    def write(cgroup, files):
        for name, text in {"proc/self/cgroup": cgroup, "proc/vmstat": VMSTAT, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return memory_kills.count(tmp_path / "proc", tmp_path / "groups")

    return write


@pytest.mark.parametrize(
    ("cgroup", "files", "expected"),
    [
        ("0::/user/me.scope\n", {"groups/user/me.scope/memory.events": V2}, 2),
        ("0::/\n", {"groups/memory.events": V2}, 2),  # a container
        ("0::/docker/1f\n", {"groups/memory.events": V2}, 2),  # likewise, seen from outside
        ("4:cpu:/\n3:memory:/me\n0::/\n", {"groups/memory/me/memory.oom_control": V1}, 4),
        ("3:memory:/docker/1f\n", {"groups/memory/memory.oom_control": V1}, 4),
        ("0::/me\n", {"groups/me/memory.events": "low 0\n"}, 9),  # no such line: the machine's
        ("0::/me\n", {}, 9),
    ],
)
def test_our_own_group_counts_before_the_machine(system, cgroup, files, expected):
    assert system(cgroup, files) == expected


def test_where_the_kernel_tells_nothing(tmp_path):
    assert memory_kills.count(tmp_path, tmp_path) == 0
    assert memory_kills.count() >= 0


def test_each_kill_explains_one_death():
    counted = [5]
    kills = MemoryKills(lambda: counted[0])
    assert not kills.explain(0.0)
    counted[0] = 7
    kills.look(1.0)
    assert kills.explain(2.0) and kills.explain(3.0) and not kills.explain(4.0)


def test_an_old_kill_was_another_process():
    counted = [0]
    kills = MemoryKills(lambda: counted[0])
    counted[0] = 1
    kills.look(1.0)
    assert not kills.explain(1.1 + RECENT_S)


IN_A_SMALL_GROUP = """
import os, pathlib, subprocess, sys
from studyhall.search.launcher.memory_kills import MemoryKills

group = pathlib.Path(sys.argv[1])
(group / "cgroup.procs").write_text(str(os.getpid()))
kills = MemoryKills()
sleep = [sys.executable, "-c", "import time; time.sleep(100)"]
with subprocess.Popen(sleep) as plain:
    plain.kill()
assert plain.returncode == -9 and not kills.explain()
greedy = subprocess.run([sys.executable, "-c", "b'x' * 2**30"])
print(greedy.returncode, kills.explain(), kills.explain())
"""


def test_a_real_kill_of_the_kernels_is_told_from_a_plain_one(control_group):
    answer = subprocess.run(
        [sys.executable, "-c", IN_A_SMALL_GROUP, str(control_group(128))],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.stdout == "-9 True False\n", answer.stderr
