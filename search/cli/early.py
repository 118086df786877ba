"""What a worker does that was started before its study was there, until it is."""

from __future__ import annotations

import os

from studyhall.search.process import streams
from studyhall.search.process.stop import Stop
from studyhall.search.process.wire import EARLY, GO


def await_data(stop: Stop) -> None:
    """Import what every worker needs beside TensorFlow, until the data have been found fine."""
    if EARLY in os.environ:
        import studyhall.search.data.loading  # noqa: F401 - scikit-learn and SciPy take a second

        stop.await_turn()


def await_study(stop: Stop) -> None:
    """Wait until the study is there, and print into its log from then on."""
    if EARLY in os.environ:
        told = stop.await_turn()
        if told.startswith(f"{GO} "):
            streams.lead_to(told.removeprefix(f"{GO} "))
