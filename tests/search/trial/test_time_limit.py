"""The time limit of a trial, and the time from which it counts as hanging."""

import math

import pytest

from studyhall.search.trial import time_limit
from studyhall.search.trial.time_limit import GRACE_S, Stopwatch, TimeLimit


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time_limit.time, "monotonic", lambda: now[0])
    return now


def test_the_limit_is_reached(clock):
    limit = TimeLimit(2.0)
    assert not limit.is_over(0)
    clock[0] = 119.0
    assert not limit.is_over(0)
    clock[0] = 120.0
    assert limit.is_over(0) and limit.spent_s == 120.0


def test_what_earlier_workers_spent_counts(clock):
    limit = TimeLimit(2.0, spent_s=100.0)
    clock[0] = 20.0
    assert limit.is_over(0) and limit.spent_s == 120.0


def test_a_fold_may_use_what_those_before_it_left(clock):
    limit = TimeLimit(3.0, parts=3)
    clock[0] = 60.0
    assert limit.is_over(0) and not limit.is_over(1)
    clock[0] = 179.0
    assert limit.is_over(1) and not limit.is_over(2)


def test_without_a_limit_it_never_ends(clock):
    limit = TimeLimit("none")
    clock[0] = 1e9
    assert not limit.is_over(0) and limit.hangs_in_s == math.inf


def test_a_long_epoch_is_no_hanging(clock):
    """Twice the longest so far is given to the one that crosses the limit."""
    limit = TimeLimit(1.0)
    assert limit.hangs_in_s == 60.0 + GRACE_S
    clock[0] = 40.0
    limit.count_epoch()
    assert limit.hangs_in_s == 60.0 + 80.0 - 40.0
    clock[0] = 50.0
    limit.count_epoch()
    assert limit.hangs_in_s == 60.0 + 80.0 - 50.0


def test_a_process_that_takes_over_late_may_end_an_epoch(clock):
    limit = TimeLimit(1.0, spent_s=1000.0)
    assert limit.is_over(0) and limit.hangs_in_s == 60.0 + GRACE_S
    clock[0] = 30.0
    limit.count_epoch()
    assert limit.hangs_in_s == 60.0


def test_seconds_add_up_by_what_they_were_spent_on(monkeypatch):
    clock = iter([0.0, 2.0, 10.0, 11.0, 20.0, 23.0])
    monkeypatch.setattr(time_limit.time, "perf_counter", lambda: next(clock))
    watch = Stopwatch(wait=0.5)
    with watch.time("build"):
        pass
    with pytest.raises(KeyError), watch.time("store"):
        raise KeyError
    with watch.time("build"):
        pass
    trained = [{"train": 4.0, "build": 1.0}, {"train": 2.0}]
    assert watch.with_others(trained) == {"wait": 0.5, "build": 6.0, "store": 1.0, "train": 6.0}
    assert watch.with_others([]) == {"wait": 0.5, "build": 5.0, "store": 1.0}
