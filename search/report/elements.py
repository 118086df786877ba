"""What HTML pages are made of: the page itself, which opens offline, tables, figures.

Jinja writes them, with every text escaped; the templates lie beside this file.
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

LONG = ("advice", "tendencies", "recorded")  # columns that get room
SHORT = ("verdict", "state", "hyperparameter", "time", "class")
NUMBERS = ("trial", "epoch")  # whose cells may hold more than a number
NUMBER = re.compile(r"[-−+]?[\d.]+(e[-+]\d+)?( %)?|nan|–|")
MOST_ROWS = 20  # of a table that is not scrolled
FOLDER = Path(__file__).parent


def page(template: str, title: str, figures: Mapping[str, Figure], **told: Any) -> str:
    """A page with its figures, style and scripts.

    Args:
        template: its file beside this one, which extends ``page.html``.
        figures: by the names of their places.
        told: what else the template shows.
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
    """How each column of a table is set, as the style sheet names it."""
    return [_kind(name, column) for name, *column in zip(head, *body, strict=True)]


def _kind(name: str, column: Sequence[str]) -> str:
    if name in NUMBERS or all(map(NUMBER.fullmatch, column)):
        return "number"
    return "long" if name in LONG else "short" if name in SHORT else "text"


def _file(name: str) -> str:
    """A file of ours as it is."""
    return (FOLDER / name).read_text(encoding="utf-8")


TEMPLATES = Environment(
    loader=FileSystemLoader(FOLDER),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.globals.update(kinds_of=kinds_of, most_rows=MOST_ROWS)
