"""The sorted collection of numbers, with fast insertion and look-up by rank at any size."""

import bisect
from array import array
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

_CHUNK = 1024  # usual length of a chunk; up to twice as many values move at an insertion


class SortedValues:
    """The numbers in ascending order, stored in chunks so that an insertion moves few of them.

    Examples:
        >>> values = SortedValues([3.0, 1.0])
        >>> values.add(2.0)
        >>> [values[rank] for rank in range(len(values))]
        [1.0, 2.0, 3.0]
    """

    def __init__(self, values: Iterable[float] = ()) -> None:
        self._chunks: list[array[float]] = []
        self._largest: list[float] = []  # of each chunk
        self._count = 0
        self._fill(np.sort(np.fromiter(values, "f8")))

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, rank: int) -> float:
        """Return the value at this rank, from 0 for the smallest.

        Raises:
            IndexError: there are fewer values.
        """
        for chunk in self._chunks:
            if rank < len(chunk):
                return chunk[rank]
            rank -= len(chunk)
        raise IndexError(rank)

    def add(self, value: float) -> None:
        """Insert a number, finite or infinite but not NaN."""
        self._count += 1
        if not self._chunks:
            self._chunks, self._largest = [array("d", [value])], [value]
            return
        at = min(bisect.bisect_left(self._largest, value), len(self._chunks) - 1)
        bisect.insort(self._chunks[at], value)
        self._largest[at] = self._chunks[at][-1]
        if len(self._chunks[at]) > 2 * _CHUNK:
            self._split(at)

    def extend(self, values: Sequence[float]) -> None:
        """Insert many numbers; from 1,024 on, by sorting all values again."""
        if len(values) < _CHUNK:
            for value in values:
                self.add(value)
        else:
            held = [np.frombuffer(chunk) for chunk in self._chunks]
            self._fill(np.sort(np.concatenate([*held, np.array(values)])))

    def _fill(self, ordered: npt.NDArray[np.float64]) -> None:
        starts = range(0, len(ordered), _CHUNK)
        self._chunks = [array("d", ordered[start : start + _CHUNK].tobytes()) for start in starts]
        self._largest = [chunk[-1] for chunk in self._chunks]
        self._count = len(ordered)

    def _split(self, at: int) -> None:
        chunk = self._chunks[at]
        self._chunks[at : at + 1] = [chunk[:_CHUNK], chunk[_CHUNK:]]
        self._largest[at : at + 1] = [chunk[_CHUNK - 1], chunk[-1]]

    def remove(self, value: float) -> None:
        """Remove one occurrence of `value`, which must be among the values."""
        at = bisect.bisect_left(self._largest, value)
        chunk = self._chunks[at]
        del chunk[bisect.bisect_left(chunk, value)]
        self._count -= 1
        if chunk:
            self._largest[at] = chunk[-1]
        else:
            del self._chunks[at], self._largest[at]

    def percentile(self, percent: float) -> float:
        """Return the linearly interpolated percentile, bit for bit as `numpy.percentile` does.

        Args:
            percent: 0 to 100.
        """
        place = (self._count - 1) * (percent / 100)
        rank = int(place)
        low, high = self[rank], self[min(rank + 1, self._count - 1)]
        share, gap = place - rank, high - low
        # NumPy interpolates from the nearer end, which rounds differently.
        return high - gap * (1 - share) if share >= 0.5 else low + gap * share
