"""The objects that a program hands to the processes it starts."""

import os
import subprocess
import sys
import types

import numpy as np
import pytest

from studyhall.search.process import offer
from studyhall.search.study_file.config_error import ConfigError

CHILD = """
import mmap, pickle, sys
from studyhall.search.process import offer
function = offer.received(sys.argv[1])
if function is None:
    sys.exit("nothing")
array = function.__globals__["numbers"]
base = array
while not isinstance(base, memoryview):
    base = memoryview(base) if isinstance(base, (bytes, pickle.PickleBuffer)) else base.base
mapped = [line for line in open("/proc/self/smaps") if " /" in line and "(deleted)" in line]
print(len(mapped), isinstance(base.obj, mmap.mmap), array.flags.writeable)
before = int(array.sum())
array[:] = 0  # a copy of its own
print(before, function(), len(function.__globals__["empty"]), function.__globals__["plain"])
"""


def cell(**known):
    """A function of a cell, which refers to arrays."""
    module = types.ModuleType("__main__")
    vars(module).update(known)
    exec("def total():\n    empty, plain\n    return int(numbers.sum())", vars(module))
    return module.total


def child(name):
    return subprocess.run([sys.executable, "-c", CHILD, name], capture_output=True, text=True)


@pytest.mark.parametrize("seed", range(3))
def test_processes_share_the_memory_of_arrays_until_one_writes(seed):
    random = np.random.default_rng(seed)
    shape = tuple(random.integers(50, 300, size=int(random.integers(1, 4))))
    numbers = random.integers(0, 9, size=shape)
    if seed == 2:
        numbers = np.asfortranarray(numbers)
    with offer.offered("sum", cell(numbers=numbers, empty=np.zeros((0, 3)), plain="é"), "toy"):
        first, second = child("sum"), child("sum")
    for each in (first, second):  # the second is not reached by what the first has written
        assert each.stdout.splitlines() == ["1 True True", f"{numbers.sum()} 0 0 é"], each.stderr
    assert numbers.any()


def test_another_name_gets_nothing_and_what_was_offered_before_comes_back():
    with offer.offered("one", cell(numbers=np.ones(3), empty=[], plain=""), "toy"):
        place = os.environ[offer.SOCKET]
        with offer.offered("two", cell(numbers=np.ones(3), empty=[], plain=""), "toy"):
            assert child("one").stderr == "nothing\n"
        assert os.environ[offer.SOCKET] == place and child("one").returncode == 0
        assert child("two").stderr == "nothing\n"
    assert offer.SOCKET not in os.environ


def test_what_can_not_be_pickled_is_said_in_a_line():
    with (
        pytest.raises(ConfigError, match=r"toy: .*cannot pickle 'generator' object"),
        offer.offered("one", (each for each in ()), "toy"),
    ):
        raise AssertionError
    assert offer.SOCKET not in os.environ


def test_a_full_disk_is_said_in_a_line(small_disk, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(small_disk(1 << 20)))
    with (
        pytest.raises(ConfigError, match=r"toy: received /.*\(No space left on device\)"),
        offer.offered("one", np.ones(1 << 20), "toy"),
    ):
        raise AssertionError
