"""The elements of HTML pages that open offline: page, tables and figures.

Jinja renders them with all text escaped; the templates are in this folder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import plotly.offline
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from studyhall.search.report.figures import Figure

LONG = ("advice", "tendencies", "recorded")  # wide columns
SHORT = ("verdict", "state", "hyperparameter", "time", "class")
NUMBERS = ("trial", "epoch")  # set as numbers although cells may contain more, as "2 (dropout)"
NUMBER = re.compile(r"[-−+]?[\d.]+(e[-+]\d+)?( %)?|nan|–|")
MOST_ROWS = 20  # a longer table scrolls
FOLDER = Path(__file__).parent


def page(template: str, title: str, figures: Mapping[str, Figure], **told: Any) -> str:
    """Render a page with its figures, style and scripts.

    Args:
        template: the name of a template in this folder that extends ``page.html``.
        title: the page's title.
        figures: the figures, by the names of their elements.
        told: further variables of the template.
    """
    drawn = {f"plot-{name}": json.loads(figure.to_json()) for name, figure in figures.items()}
    return TEMPLATES.get_template(template).render(
        title=title,
        figures=figures,
        drawn=drawn,
        plotly=plotly.offline.get_plotlyjs(),
        style=_file("page.css"),
        script=_file("page.js"),
        **told,
    )


def kinds_of(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    """Return the CSS class of each column: number, long, short or text."""
    return [_kind(name, column) for name, *column in zip(head, *body, strict=True)]


def _kind(name: str, column: Sequence[str]) -> str:
    if name in NUMBERS or all(map(NUMBER.fullmatch, column)):
        return "number"
    return "long" if name in LONG else "short" if name in SHORT else "text"


def _file(name: str) -> str:
    """Read a file of this folder."""
    return (FOLDER / name).read_text(encoding="utf-8")


TEMPLATES = Environment(
    loader=FileSystemLoader(FOLDER),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.globals.update(kinds_of=kinds_of, most_rows=MOST_ROWS)
