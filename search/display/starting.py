"""What a command does before it can show anything, as a moving line on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from studyhall.spaces.spelling import visible


@contextmanager
def moving(console: Console, first: str, *, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Show a spinner with a text while the block runs; nothing if quiet, or in a log.

    Yields:
        A function that changes the text.
    """
    if quiet or not console.is_terminal or console.is_dumb_terminal:
        yield lambda text: None
        return
    with console.status(visible(first)) as shown:
        yield lambda text: shown.update(visible(text))
