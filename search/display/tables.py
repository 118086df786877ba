"""Tables for the terminal: cells of text as it is, folded where it is too long, never cut off."""

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
    """A table for a console that takes text literally, `search.cli.terminal.out`.

    Args:
        header: empty where the columns have no names.
        right: columns whose cells end at the right, as numbers do.
        title: above it.
    """
    drawn = Table(box=None, title=title, title_justify="left", show_header=bool(header))
    for name in header:
        drawn.add_column(name, justify="right" if name in right else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*row)
    return drawn
