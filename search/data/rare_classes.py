"""A division in which rare classes come first: each part gets a sample of each class.

A random division leaves it to chance where the three samples of a rare class go. This one is used
only where chance, stratified or not, has left a part without a class.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


def divide(
    y: NDArray[np.int64],
    units: NDArray[np.int64],
    sizes: Mapping[str, int],
    least: Mapping[str, int],
    *,
    seed: int,
) -> dict[str, Rows] | None:
    """Divide samples into parts with a least number of each class, and about the same shares.

    Args:
        y: (N,) class numbers.
        units: (N,) number of each sample's unit, from 0; a unit is never split.
        sizes: samples of each part; exact if every unit is a single sample.
        least: units of each class that each part needs.
        seed: decides which units go where.

    Returns:
        The rows of each part, in ascending order; None if none was found.
    """
    division = _Division(y, units, sizes, seed)
    for name, number in division.needs(least):
        if not division.fill(name, number, least[name]):
            return None
    division.rest()
    return {name: np.flatnonzero(division.part_of[units] == at) for at, name in enumerate(sizes)}


class _Division:
    """Units of samples, most of which have no part yet."""

    def __init__(
        self, y: NDArray[np.int64], units: NDArray[np.int64], sizes: Mapping[str, int], seed: int
    ) -> None:
        self._unit_sizes = np.bincount(units)
        count = len(self._unit_sizes)
        order = np.random.default_rng(seed).permutation(count)
        self._rank = np.empty(count, np.int64)  # the smallest first, in an order of the seed's
        self._rank[order[np.argsort(self._unit_sizes[order], kind="stable")]] = np.arange(count)
        self._of_class = self._listed(y, units)
        self._names, self._sizes = list(sizes), np.array(list(sizes.values()), np.float64)
        self._left = self._sizes.copy()
        self.part_of = np.full(count, -1)

    def needs(self, least: Mapping[str, int]) -> list[tuple[str, int]]:
        """Return each part with each class, the rarest class first."""
        rarest = sorted(range(len(self._of_class)), key=lambda it: len(self._of_class[it]))
        return [(name, number) for number in rarest for name in least]

    def fill(self, name: str, number: int, least: int) -> bool:
        """Give a part units of a class until it has enough; return whether there were enough."""
        at, of_class = self._names.index(name), self._of_class[number]
        parts = self.part_of[of_class]
        missing, free = least - int(np.sum(parts == at)), of_class[parts < 0]
        for unit in free[: max(0, missing)]:
            self._give(unit, at)
        return len(free) >= missing

    def rest(self) -> None:
        """Give all other units to the parts, class by class, in proportion of their sizes."""
        units = np.concatenate(self._of_class)
        free = np.array(list(dict.fromkeys(units[self.part_of[units] < 0].tolist())), np.int64)
        if (self._unit_sizes == 1).all():
            self.part_of[free] = self._in_turns()
            return
        for unit in free:
            self._give(unit, int(np.argmax(self._left / self._sizes)))

    def _listed(self, y: NDArray[np.int64], units: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Return the units of each class, by rank."""
        count = len(self._unit_sizes)
        codes = np.unique(y * count + self._rank[units])
        unit_of = np.argsort(self._rank)
        starts = np.searchsorted(codes, np.arange(1, int(y.max()) + 1) * count)
        return np.split(unit_of[codes % count], starts)

    def _in_turns(self) -> NDArray[np.int64]:
        """Return the parts in turns, each as often as it has room."""
        room = self._left.astype(np.int64)
        parts = np.repeat(np.arange(len(room)), room)
        times = np.concatenate([(np.arange(n) + 0.5) / max(n, 1) for n in room])
        turns: NDArray[np.int64] = parts[np.argsort(times, kind="stable")]
        return turns

    def _give(self, unit: int, part: int) -> None:
        self.part_of[unit] = part
        self._left[part] -= self._unit_sizes[unit]
