"""What HTML pages are made of: the page itself, which opens offline, tables, figures."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources

import plotly.offline

from studyhall.search.report.figures import Figure

LONG = ("advice", "tendencies", "recorded")  # columns that get room
SHORT = ("verdict", "state", "hyperparameter", "time", "class")
NUMBERS = ("trial", "epoch")  # whose cells may hold more than a number
NUMBER = re.compile(r"[-−+]?[\d.]+(e[-+]\d+)?( %)?|nan|–|")
MOST_ROWS = 20  # of a table that is not scrolled


def document(title: str, head: str, body: str, figures: Mapping[str, Figure]) -> str:
    """A page with its figures, style and scripts."""
    data = {f"plot-{name}": json.loads(figure.to_json()) for name, figure in figures.items()}
    plots = json.dumps(data).replace("<", "\\u003c")  # nothing in it ends the script
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<style>
{_file("page.css")}</style>
<script>{plotly.offline.get_plotlyjs()}</script>
</head>
<body>
<header>{head}</header>
<main>{body}</main>
<script type="application/json" id="figures">{plots}</script>
<script>
{_file("page.js")}</script>
</body>
</html>
"""


def table(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A table that scrolls by itself where it is too wide; nothing where it has no row."""
    if not body:
        return ""
    kinds = [_kind(name, column) for name, *column in zip(head, *body, strict=True)]
    tall = " tall" if len(body) > MOST_ROWS else ""
    rows = "".join(
        "<tr>"
        + "".join(
            f'<td class="{kind}">{html.escape(cell)}</td>'
            for kind, cell in zip(kinds, row, strict=True)
        )
        + "</tr>"
        for row in body
    )
    names = "".join(
        f'<th class="{kind}">{html.escape(name)}</th>'
        for kind, name in zip(kinds, head, strict=True)
    )
    whole = f"<thead><tr>{names}</tr></thead><tbody>{rows}</tbody>"
    return f'<div class="table{tall}"><table>{whole}</table></div>'


def plot(name: str, figures: Mapping[str, Figure], caption: str = "", width: int = 0) -> str:
    """A figure's place; nothing where there is none. `width` in pixels makes it scroll."""
    if name not in figures:
        return ""
    height, key = figures[name].layout.height, html.escape(f"plot-{name}")
    size = f"height:{height}px;" + (f"min-width:{width}px" if width else "")
    said = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    place = f'<div class="plot" id="{key}" style="{size}"></div>'
    return f'<figure>{said}<div class="{"wide" if width else ""}">{place}</div></figure>'


def paragraphs(sentences: Sequence[str]) -> str:
    """A paragraph for each."""
    return "".join(f"<p>{html.escape(sentence)}</p>" for sentence in sentences)


def _kind(name: str, column: Sequence[str]) -> str:
    if name in NUMBERS or all(map(NUMBER.fullmatch, column)):
        return "number"
    return "long" if name in LONG else "short" if name in SHORT else "text"


def _file(name: str) -> str:
    return resources.files("studyhall.search.report").joinpath(name).read_text(encoding="utf-8")
