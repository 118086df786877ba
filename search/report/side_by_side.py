"""Studies or trials side by side, as one HTML file or as a picture of their curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from studyhall.search.evaluation import comparison
from studyhall.search.evaluation.comparison import Side
from studyhall.search.report import elements, figures

Curves = dict[str, list[dict[str, Any]]]


def page(compared: Sequence[Side]) -> str:
    """One file that opens offline: curves on one plot, outcomes, what differs."""
    return elements.page(
        "compare.html",
        " · ".join(side.name for side in compared),
        {"curves": figures.compared(curves_of(compared))},
        outcomes=comparison.outcomes(compared),
        remarks=[*comparison.remarks(compared)],
        differing=comparison.differing(compared),
    )


def picture(compared: Sequence[Side]) -> bytes:
    """The curves on one plot, as PNG."""
    from studyhall.search.display import plots

    return plots.compared_png(curves_of(compared))


def curves_of(compared: Sequence[Side]) -> Curves:
    """The histories by name."""
    return {side.name: side.history for side in compared}
