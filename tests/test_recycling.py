"""When a worker process makes way for a fresh one."""

import numpy as np
import psutil
import pytest

from search import recycling
from search.recycling import Age
from search.stop import LAUNCHED
from search.study_file import config


@pytest.fixture
def age(study_file, monkeypatch):
    """Makes the age of a worker under these limits."""

    def make(launched=True, **limits):
        monkeypatch.setenv(LAUNCHED, "1") if launched else monkeypatch.delenv(
            LAUNCHED, raising=False
        )
        return Age(config.parse(study_file(workers=limits)).workers)

    return make


def test_after_its_trials(age):
    made = age(recycle_trials=3)
    reached = []
    for _ in range(4):
        reached.append(made.reached)
        made.trials += 1
    assert reached == [False, False, False, True]


def test_never_if_asked_for_or_started_by_hand(age):
    for made in (age(recycle_trials="none"), age(launched=False, recycle_trials=1)):
        made.trials = 10**6
        assert not made.reached


def test_at_its_memory(age):
    mib = recycling.resident_bytes() // recycling.MIB
    assert age(recycle_mib=mib - 1 if mib > 257 else 256).reached == (mib > 257)
    assert not age(recycle_mib=mib + 10_000).reached


def test_memory_is_what_the_system_says():
    before = recycling.resident_bytes()
    held = np.ones(30 * recycling.MIB, np.uint8)
    after = recycling.resident_bytes()
    assert after - before >= 25 * recycling.MIB and held[0] == 1
    assert after == pytest.approx(psutil.Process().memory_info().rss, rel=0.05)
