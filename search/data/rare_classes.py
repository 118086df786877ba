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
        count = int(units.max()) + 1
        self._names, self._sizes = list(sizes), np.array(list(sizes.values()), np.float64)
        self._unit_sizes = np.bincount(units, minlength=count)
        self._held = np.zeros((count, int(y.max()) + 1), bool)  # classes of each unit
        self._held[units, y] = True
        self._order = np.random.default_rng(seed).permutation(count)
        self._order = self._order[np.argsort(self._unit_sizes[self._order], kind="stable")]
        self._left = self._sizes.copy()
        self.part_of = np.full(count, -1)

    def needs(self, least: Mapping[str, int]) -> list[tuple[str, int]]:
        """Return each part with each class, the rarest class first."""
        rarest = np.argsort(self._held.sum(axis=0), kind="stable")
        return [(name, int(number)) for number in rarest for name in least]

    def fill(self, name: str, number: int, least: int) -> bool:
        """Give a part units of a class until it has enough; return whether there were enough."""
        at, of_class = self._names.index(name), self._held[:, number]
        missing = least - int(np.sum(of_class & (self.part_of == at)))
        free = [unit for unit in self._order if of_class[unit] and self.part_of[unit] < 0]
        for unit in free[: max(0, missing)]:
            self._give(unit, at)
        return len(free) >= missing

    def rest(self) -> None:
        """Give all other units to the parts, class by class, in proportion of their sizes."""
        first_class = self._held.argmax(axis=1)
        for unit in self._order[np.argsort(first_class[self._order], kind="stable")]:
            if self.part_of[unit] < 0:
                self._give(unit, int(np.argmax(self._left / self._sizes)))

    def _give(self, unit: int, part: int) -> None:
        self.part_of[unit] = part
        self._left[part] -= self._unit_sizes[unit]
