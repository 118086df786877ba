"""The time spent in a study's trials, by activity: waiting, building, tracing, training, …"""

from __future__ import annotations

from collections import Counter
from typing import cast

from studyhall.storage.database import Database
from studyhall.storage.queries import records
from studyhall.storage.studies.rows import Study

LATEST = 1000  # trials that are read; a limit, so that large studies answer fast


def read(db: Database, study: Study) -> dict[str, float]:
    """Return seconds by activity, summed over the trials that finished last."""
    total: Counter[str] = Counter()
    for split in records.latest_attributes(db, study, "seconds", trials=LATEST):
        total.update(cast(dict[str, float], split))
    return dict(total)


def sentence(split: dict[str, float]) -> str:
    """Return the shares of time, the largest first: ``train 71%, trace 12%, …``."""
    whole = sum(split.values())
    if whole == 0:
        return "no trial has finished yet"
    largest = sorted(split.items(), key=lambda part: part[1], reverse=True)
    return ", ".join(f"{what} {seconds / whole:.0%}" for what, seconds in largest)
