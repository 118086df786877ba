"""The start of a command, until it can show results, as a moving line on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from studyhall.spaces.spelling import visible


@contextmanager
def moving(console: Console, text: str, *, quiet: bool) -> Iterator[None]:
    """Show a spinner with a text while the block runs; nothing if quiet, or in a log."""
    if quiet or not console.is_terminal or console.is_dumb_terminal:
        yield
        return
    with console.status(visible(text)):
        yield
