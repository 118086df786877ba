"""The memory that is free: of the machine, or what the limits of control groups leave."""

import subprocess
import sys

import psutil
import pytest

from studyhall.search.process import free_memory

SOON = 0.5 * psutil.virtual_memory().total  # others take and free memory meanwhile
IN_A_GROUP = """
import sys
from pathlib import Path
from studyhall.search.process import free_memory
(Path(sys.argv[1]) / "cgroup.procs").write_text("0")
before, held = free_memory.free_bytes(), bytearray(b"1" * (64 << 20))
print(before >> 20, (before - free_memory.free_bytes()) >> 20)
"""


def left(tmp_path, groups, **files):
    """The free memory with these lines in /proc/self/cgroup, and these files, by their folder."""
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "cgroup").write_text(groups)
    for place, (limit, held) in files.items():
        folder = tmp_path / "groups" / place.replace("__", "/")
        folder.mkdir(parents=True, exist_ok=True)
        first = place.startswith("memory")
        (folder / ("memory.limit_in_bytes" if first else "memory.max")).write_text(f"{limit}\n")
        (folder / "memory.stat").write_text(held)
    return free_memory.free_bytes(tmp_path, tmp_path / "groups")


def test_the_machines_without_limits(tmp_path):
    own = psutil.virtual_memory().available
    assert free_memory.free_bytes(tmp_path, tmp_path) == pytest.approx(own, abs=SOON)
    assert left(tmp_path, "0::/job\n", job=("max", "anon 7\n")) == pytest.approx(own, abs=SOON)


def test_what_the_least_limit_leaves_files_do_not_count(tmp_path):
    groups = {"job": (5000, "anon 1000\nfile 900000\nshmem 500\n"), "job__step": (9000, "odd")}
    assert left(tmp_path, "0::/job/step\n", **groups) == 3500


def test_that_of_version_1_with_the_groups_within(tmp_path):
    held = "rss 1\nshmem 2\ntotal_cache 700\ntotal_rss 30\ntotal_shmem 20\n"
    lines = "9:cpu,cpuacct:/docker/7\n8:memory:/docker/7\n"
    assert left(tmp_path, lines, memory__docker__7=(1000, held)) == 950


def test_nothing_is_left_where_more_is_held_than_the_limit(tmp_path):
    assert left(tmp_path, "0::/job\n", job=(5000, "anon 9000\nshmem 0\n")) == 0


def test_a_real_group(control_group):
    found = subprocess.run(
        [sys.executable, "-c", IN_A_GROUP, str(control_group(256))], capture_output=True, text=True
    )
    before, taken = map(int, found.stdout.split())
    assert 150 < before <= 256 and 60 <= taken < 80, found.stderr
