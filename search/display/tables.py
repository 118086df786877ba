"""Tables for the terminal: long cells are wrapped, or cut where a row should stay a line."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from rich.table import Table
from rich.text import Text

from studyhall.spaces.spelling import visible


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: Collection[str] = (),
    title: str | None = None,
) -> Table:
    """Return a table for a console that prints text literally, `search.display.terminal.out`.

    Args:
        header: the column names; empty for a table without a header.
        rows: the cells of each row.
        right: names of the columns that are right-aligned.
        title: the title above the table.
    """
    drawn = Table(box=None, title=title, title_justify="left", show_header=bool(header))
    for name in header:
        drawn.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*row)
    return drawn


def cut(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, right: Collection[str] = ()
) -> Table:
    """Return a table whose rows are a line each: what doesn't fit is cut from the last column.

    Args:
        header: the column names.
        rows: the cells of each row.
        right: names of the columns that are right-aligned.
    """
    drawn = Table(box=None, pad_edge=False)
    for name in header:
        is_last = name == header[-1]
        side = "right" if name in right else "left"
        drawn.add_column(line(name), justify=side, no_wrap=not is_last)  # type: ignore[arg-type]
    for row in rows:
        drawn.add_row(*map(line, row))
    return drawn


def line(text: str) -> Text:
    """Return a text that stays a line: what doesn't fit is cut at its end."""
    return Text(visible(text), no_wrap=True, overflow="ellipsis")
