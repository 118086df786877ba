"""One mistake of a study file, as it is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from studyhall.spaces import spelling

Tables = dict[str, Any]  # of a study file, unchecked

LONGEST = 80  # characters of a received value in a message
LONGEST_LINE = 200  # characters of the whole part after "received", or of a name
FIXED = "[trials]"  # becomes [[trials]], as it is an array of tables


@dataclass(frozen=True)
class Mistake:
    """One mistake; ``table`` is "" for a key outside of tables, ``key`` is "" for a whole table."""

    table: str
    key: str
    received: str
    expected: str

    def __str__(self) -> str:
        key = self.key and (self.key if self.table == FIXED else spelling.as_key(self.key))
        table = self.table and f"[{spelling.visible(self.table)}]"
        place = " ".join(part for part in (table, key) if part)
        received = spelling.cut(self.received, LONGEST_LINE)
        return f"{spelling.cut(place, LONGEST_LINE)}: received {received}, expected {self.expected}"
