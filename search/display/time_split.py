"""What the time of a study's trials went into: waiting, building, tracing, training, …"""

from __future__ import annotations

from collections import Counter
from typing import cast

from studyhall.storage.database import Database
from studyhall.storage.queries import records
from studyhall.storage.studies.rows import Study

LATEST = 1000  # trials that are looked at, so that large studies answer at once


def read(db: Database, study: Study) -> dict[str, float]:
    """Seconds by what they were spent on, summed over the trials that finished last."""
    total: Counter[str] = Counter()
    for split in records.latest_attributes(db, study, "seconds", trials=LATEST):
        total.update(cast(dict[str, float], split))
    return dict(total)


def sentence(split: dict[str, float]) -> str:
    """Shares in words, the largest first: ``train 71 %, trace 12 %, …``."""
    whole = sum(split.values())
    if whole == 0:
        return "no trial has finished yet"
    largest = sorted(split.items(), key=lambda part: part[1], reverse=True)
    return ", ".join(f"{what} {seconds / whole:.0%}" for what, seconds in largest)
