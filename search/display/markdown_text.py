"""Text of the user's (names, values, reasons) escaped for Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from studyhall.spaces import spelling

_SIGNS = re.compile(r"([\\`*_\[\]|~!$#])")


def plain(text: str, most: int | None = None) -> str:
    """Return the text on one line, escaped so that Markdown and HTML show it literally.

    Args:
        most: the maximum length in characters; longer text is cut.
    """
    line = spelling.visible(" ".join(text.split()))
    line = line if most is None else spelling.cut(line, most + 1)
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SIGNS.sub(r"\\\1", line)


def fenced(text: str, language: str) -> str:
    """Return the text as a code block, with a fence longer than any backticks in it."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def table(rows: Sequence[Sequence[str]], ruler: Sequence[str]) -> str:
    """Return a Markdown table.

    Args:
        rows: cells that are Markdown already; the first row is the header.
        ruler: a cell such as ``---:`` for each column, which sets its alignment.
    """
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], ruler, *rows[1:]))
