"""The labels that a split must respect: classes, groups and order of the samples."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from studyhall.search.data.arrays import Targets
from studyhall.search.data.row_places import Place

NAMED = 3  # samples of a class that is too small, in messages

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Labels:
    """The classes and groups of the samples, which a split must respect.

    Attributes:
        count: number of samples.
        y: (N,) class numbers, for stratification; None without classes.
        classes: names of the classes.
        groups: (N,) group of each sample; a group is never split; None without groups.
        order: (N,) numbers such as dates, by which the parts follow each other; or (N, 2) times at
            which each sample begins and ends. None: the parts are drawn at random.
        place: where each sample stands in a table, for messages.
    """

    count: int
    y: Targets | None = None
    classes: tuple[str, ...] = ()
    groups: Targets | None = None
    order: Targets | None = None
    place: Place | None = None

    def of(self, rows: Rows) -> "Labels":
        """Return the labels of some of the samples."""
        y = None if self.y is None else self.y[rows]
        groups = None if self.groups is None else self.groups[rows]
        order = None if self.order is None else self.order[rows]
        place = None if self.place is None else self.place.taken(rows)
        return Labels(len(rows), y, self.classes, groups, order, place)

    def where(self, number: int) -> str:
        """Return ``(row 61 of table.csv)`` for the first samples of a class; "" if unknown."""
        if self.place is None or self.y is None:
            return ""
        found = map(self.place.of, np.flatnonzero(self.y == number)[:NAMED])
        return f" ({', '.join(f'row {row} of {file}' for file, row in found)})"
