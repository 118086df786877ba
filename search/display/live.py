"""The progress of a launch: a live table on a terminal, else one line per finished trial."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from studyhall.search.display import frame, show, words
from studyhall.search.display.frame import Frame, Plan, ended, incumbent
from studyhall.search.display.notebook import Cell
from studyhall.search.display.terminal import tell
from studyhall.spaces.spelling import visible
from studyhall.storage.queries.curves import Curves
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.queries.status import Status


class View(Protocol):
    """A display of a study's progress."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

    def update(self, status: Status, finished: Sequence[TrialRecord]) -> None:
        """Show the study's status, and the trials that finished since the last call."""

    def say(self, line: str) -> None:
        """Show a remark."""

    def note(self, text: str) -> None:
        """Show a state of the launch for as long as it holds; "" for none."""


@runtime_checkable
class Drawing(Protocol):
    """A view that also draws the curves of the running trials."""

    def draw(self, plan: Plan, curves: Curves) -> None:
        """Take what the next update shows of the running trials."""


class Lines:
    """A view for logs: one line per finished trial."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.noted = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, status: Status, finished: Sequence[TrialRecord]) -> None:
        """Print the trials that finished."""
        before = status.finished - len(finished)
        for count, trial in enumerate(finished, start=before + 1):
            later = finished[count - before :]
            self.say(show.finished_line(trial, status, count, later))

    def say(self, line: str) -> None:
        """Print a remark."""
        tell(self.console, line)

    def note(self, text: str) -> None:
        """Print a state of the launch when it has changed."""
        if text and text != self.noted:
            self.say(text)
        self.noted = text


class Quiet(Lines):
    """A view that shows remarks only."""

    def update(self, status: Status, finished: Sequence[TrialRecord]) -> None:
        """Print nothing."""
        return None


class Screen(Lines):
    """A view for terminals: counts, best trial, each worker's epoch, time left."""

    def __init__(self, console: Console, title: str) -> None:
        super().__init__(console)
        self.title = title
        self._plan, self._curves = Plan(1, "the workers"), Curves()
        self._finished: deque[TrialRecord] = deque(maxlen=frame.MOST_FINISHED)
        first = Spinner("dots", "starting the workers")
        self._live = Live(first, console=console, refresh_per_second=8)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def update(self, status: Status, finished: Sequence[TrialRecord]) -> None:
        """Redraw the table."""
        self._finished.extend(finished)
        told = (tuple(self._finished), self.noted)
        self._live.update(Frame(self.title, status, self._plan, self._curves, *told))

    def draw(self, plan: Plan, curves: Curves) -> None:
        """Take what the next update shows of the running trials."""
        self._plan, self._curves = plan, curves

    def note(self, text: str) -> None:
        """Show a state of the launch in the table, from its next update on."""
        self.noted = text


def picture(title: str, status: Status, note: str = "") -> RenderableType:
    """Return the live table: counts, best trial so far, workers, a state of the launch, if any."""
    left = words.duration(status.left_s)
    about = "" if status.is_unlimited else f", about {left}"
    counts = f"{ended(status)}{frame.left_of(status)}{about}"
    head = [Text(visible(f"{title}  {counts}"), "bold"), Text(visible(incumbent(status)))]
    return Group(*head, show.running_table(status), *([Text(visible(note))] if note else []))


def view(console: Console, title: str, *, quiet: bool) -> View:
    """Return a live table for a terminal or a notebook, else lines; remarks only if quiet."""
    if not quiet and console.is_terminal and not console.is_dumb_terminal:
        return Screen(console, title)
    if not quiet and console.is_jupyter:
        return Cell(console, partial(picture, title))
    return lines(console, quiet=quiet)


def lines(console: Console, *, quiet: bool) -> View:
    """Return a view without a live table; remarks only if quiet."""
    return Quiet(console) if quiet else Lines(console)
