"""The places of a table's rows, for messages: the file and the row that a user finds there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Place:
    """The places of a table's rows.

    Attributes:
        name: of the file, of the pattern of several files, or of the database.
        files: (name, number of rows) of each of several files, whose rows follow each other.
        numbers: (N,) where each row stood as it was read, from 0; None: in this order.
    """

    name: str
    files: tuple[tuple[str, int], ...] = ()
    numbers: NDArray[np.int64] | None = None

    def column(self, column: object, row: int | None = None) -> str:
        """Return ``table.csv, column age, row 3``; rows are counted from 1, without the header.

        Args:
            column: the column's name.
            row: the row's number, from 0; None for the column as a whole.
        """
        if row is None:
            return f"{self.name}, column {column}"
        file, number = self.of(row)
        return f"{file}, column {column}, row {number}"

    def both(self, first: int, second: int) -> str:
        """Return ``rows 3 and 5 of table.csv``, for two row numbers from 0."""
        (one, row), (other, later) = self.of(first), self.of(second)
        if one == other:
            return f"rows {row} and {later} of {one}"
        return f"row {row} of {one} and row {later} of {other}"

    def of(self, row: int) -> tuple[str, int]:
        """Return the file and the number, from 1, of a row whose number, from 0, is given."""
        number = int(row if self.numbers is None else self.numbers[row])
        for name, rows in self.files:
            if number < rows:
                return name, number + 1
            number -= rows
        return self.name, number + 1

    def taken(self, rows: NDArray[Any]) -> Place:
        """Return the places of some of the rows, by their numbers or as a mask."""
        import numpy as np  # not for commands that only check that a file is there

        count = sum(rows for _, rows in self.files) or len(rows)
        numbers = np.arange(count) if self.numbers is None else self.numbers
        return replace(self, numbers=numbers[rows])

    def labels(self, rows: Sequence[int]) -> dict[str, list[Any]]:
        """Return the numbers of rows, from 1, as a column; and their files, if there are some."""
        found = [self.of(row) for row in rows]
        files = {"file": [file for file, _ in found]} if self.files else {}
        return {**files, "row": [number for _, number in found]}
