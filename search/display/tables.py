"""Tables for the terminal; long cells are wrapped, never cut off."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from rich.table import Table


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
