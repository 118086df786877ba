"""The progress of a launch in a notebook: a table below the cell, which updates in place."""

from __future__ import annotations

import html
import io
from collections.abc import Sequence
from typing import Any

from rich.console import Console, RenderableType

from studyhall.search.display.terminal import Literal, tell
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.queries.status import Status

COLUMNS = 120


class Cell:
    """A view for notebooks: counts, best trial, each worker's epoch, time left.

    Rich's own live display needs widgets in a notebook; this one needs none.

    Args:
        console: prints remarks.
        picture: returns the table of a status.
    """

    def __init__(self, console: Console, picture: Any) -> None:
        self._console, self._picture = console, picture
        self._handle: Any = None
        self._shown = self._noted = ""

    def __enter__(self) -> Cell:
        from IPython.display import display  # there in every notebook

        self._handle = display(Text("starting …"), display_id=True)
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, status: Status, finished: Sequence[TrialRecord]) -> None:
        """Redraw the table, if it has changed."""
        shown = _text(self._picture(status, self._noted))
        if shown != self._shown:
            self._shown = shown
            self._handle.update(Text(shown))

    def say(self, line: str) -> None:
        """Print a remark."""
        tell(self._console, line)

    def note(self, text: str) -> None:
        """Show a state of the launch in the table, from its next update on."""
        self._noted = text


class Text:
    """Text as a notebook shows it, in columns.

    Args:
        text: the lines.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self._text)}</pre>"


def _text(picture: RenderableType) -> str:
    page = Literal(file=io.StringIO(), width=COLUMNS, force_jupyter=False, color_system=None)
    page.print(picture)
    return str(page.file.getvalue()).rstrip()  # type: ignore[attr-defined]
