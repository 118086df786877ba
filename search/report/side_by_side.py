"""Studies or trials side by side, as one HTML file or as a picture of their curves."""

from __future__ import annotations

import html as text
from collections.abc import Sequence
from typing import Any

from studyhall.search.evaluation import comparison
from studyhall.search.evaluation.comparison import Side
from studyhall.search.report import elements, figures

Curves = dict[str, list[dict[str, Any]]]


def page(compared: Sequence[Side]) -> str:
    """One file that opens offline: curves on one plot, outcomes, what differs."""
    drawn = {"curves": figures.compared(curves_of(compared))}
    sections = {
        "Learning curves": elements.plot("curves", drawn, "validation drawn, training dotted"),
        "What they came to": elements.table(*comparison.outcomes(compared))
        + elements.paragraphs([*comparison.remarks(compared)]),
        "What differs": elements.table(*comparison.differing(compared)),
    }
    title = " · ".join(side.name for side in compared)
    body = "".join(
        f"<section><h2>{name}</h2>{part or '<p>nothing</p>'}</section>"
        for name, part in sections.items()
    )
    return elements.document(title, f"<h1>{text.escape(title)}</h1><br>", body, drawn)


def picture(compared: Sequence[Side]) -> bytes:
    """The curves on one plot, as PNG."""
    from studyhall.search.display import plots

    return plots.compared_png(curves_of(compared))


def curves_of(compared: Sequence[Side]) -> Curves:
    """The histories by name."""
    return {side.name: side.history for side in compared}
