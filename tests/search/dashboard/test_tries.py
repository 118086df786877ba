"""Wrong logins cost more and more time."""

import pytest

from studyhall.search.dashboard import tries
from studyhall.search.dashboard.tries import Tries


class Clock:
    """A clock that a test sets."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def wrong(clock):
    return Tries(clock)


def test_a_few_wrong_tries_are_free_then_each_doubles_the_wait(wrong):
    waits = []
    for _ in range(tries.FREE + 10):
        wrong.wrong("ann")
        waits.append(wrong.wait_s("ann"))
    assert waits[: tries.FREE] == [0.0] * tries.FREE
    assert waits[tries.FREE :] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]


def test_the_wait_passes(wrong, clock):
    for _ in range(tries.FREE + 3):
        wrong.wrong("ann")
    clock.now += 3
    assert wrong.wait_s("ann") == 1
    clock.now += 1
    assert wrong.wait_s("ann") == 0


def test_one_waits_for_nobody_else(wrong):
    for _ in range(20):
        wrong.wrong("ann")
    assert wrong.wait_s("bob") == 0


def test_the_right_one_clears_the_account_and_so_does_an_hour(wrong, clock):
    for _ in range(20):
        wrong.wrong("ann")
        wrong.wrong("bob")
    wrong.right("ann")
    wrong.wrong("ann")
    assert wrong.wait_s("ann") == 0
    clock.now += tries.FORGOTTEN_S + 1
    wrong.wrong("bob")
    assert wrong.wait_s("bob") == 0


def test_it_does_not_grow_without_end(wrong):
    for number in range(tries.MOST + 10):
        wrong.wrong(str(number))
    assert len(wrong._wrong) == tries.MOST
