"""The comparison of studies or trials, as one HTML file or as an image of their curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from studyhall.search.evaluation import comparison
from studyhall.search.evaluation.comparison import Side
from studyhall.search.report import elements, figures

Curves = dict[str, list[dict[str, Any]]]


def page(compared: Sequence[Side]) -> str:
    """Return one HTML file that opens offline: curves in one plot, results, differences."""
    return elements.page(
        "compare.html",
        " · ".join(side.name for side in compared),
        {"curves": figures.compared(curves_of(compared))},
        outcomes=comparison.outcomes(compared),
        remarks=[*comparison.remarks(compared)],
        differing=comparison.differing(compared),
    )


def picture(compared: Sequence[Side]) -> bytes:
    """Return the curves in one plot, as PNG."""
    from studyhall.search.display import plots

    return plots.compared_png(curves_of(compared))


def curves_of(compared: Sequence[Side]) -> Curves:
    """Return the histories by name."""
    return {side.name: side.history for side in compared}
