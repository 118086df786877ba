"""Text of the user's inside Markdown: names, values and reasons, as they are."""

from __future__ import annotations

import re
from collections.abc import Sequence

from studyhall.spaces import spelling

_SIGNS = re.compile(r"([\\`*_\[\]|~!$#])")


def plain(text: str, most: int | None = None) -> str:
    """Text that Markdown, its tables and the HTML in it leave alone, on one line.

    Args:
        most: characters, beyond which it is cut.
    """
    line = spelling.visible(" ".join(text.split()))
    line = line if most is None else spelling.cut(line, most + 1)
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SIGNS.sub(r"\\\1", line)


def fenced(text: str, language: str) -> str:
    """Text as a block of code, whatever back-ticks are in it."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def table(rows: Sequence[Sequence[str]], ruler: Sequence[str]) -> str:
    """A table of cells that are Markdown already; the first row is its head."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], ruler, *rows[1:]))
