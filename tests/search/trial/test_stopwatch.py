"""What the seconds of a trial are spent on."""

import pytest

from studyhall.search.trial import stopwatch
from studyhall.search.trial.stopwatch import Stopwatch


def test_seconds_add_up_by_what_they_were_spent_on(monkeypatch):
    clock = iter([0.0, 2.0, 10.0, 11.0, 20.0, 23.0])
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: next(clock))
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
