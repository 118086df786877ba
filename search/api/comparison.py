"""The comparison of studies or trials as tables: what `studyhall compare` prints."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from studyhall.search.evaluation.comparison import Rows, Side


@dataclass(frozen=True)
class Comparison:
    """Studies or trials side by side, each a column.

    Attributes:
        results: value, best epoch, losses, verdict, parameters and time, a row each.
        hyperparameters: those that differ, a row each.
        remarks: whether the values can be compared, and which differences are significant.
    """

    results: pd.DataFrame
    hyperparameters: pd.DataFrame
    remarks: Sequence[str]

    def __str__(self) -> str:
        return "\n\n".join([str(self.results), str(self.hyperparameters), *self.remarks])

    def _repr_html_(self) -> str:
        """Return the tables and remarks as a notebook shows them."""
        remarks = "".join(f"<p>{html.escape(remark)}</p>" for remark in self.remarks)
        return f"{self.results.to_html()}{self.hyperparameters.to_html()}{remarks}"


def of(sides: Sequence[Side]) -> Comparison:
    """Return the comparison of studies or trials."""
    from studyhall.search.evaluation import comparison

    results, differing = comparison.outcomes(sides), comparison.differing(sides)
    return Comparison(_frame(results), _frame(differing), [*comparison.remarks(sides)])


def _frame(rows: Rows) -> pd.DataFrame:
    import pandas as pd

    (_, *names), body = rows
    index = [name for name, *_ in body]
    return pd.DataFrame([values for _, *values in body], index=index, columns=names)
