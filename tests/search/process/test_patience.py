"""Code that takes too long is interrupted, whatever it catches."""

import contextlib
import signal
import time

import pytest

from studyhall.search.process.patience import TooLong, at_most


def test_what_takes_longer_is_interrupted():
    with pytest.raises(TooLong), at_most(0.05), contextlib.suppress(Exception):
        time.sleep(20)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_what_is_quick_is_left_alone():
    with at_most(20):
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
