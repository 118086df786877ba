"""One frame of a launch's live view, which fits the terminal that it is drawn on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from rich.console import Console, ConsoleOptions
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from studyhall.search.display import tables, words
from studyhall.search.display.sparkline import sparkline
from studyhall.search.study_file import objectives
from studyhall.spaces.spelling import visible
from studyhall.storage.queries.at_work import Running
from studyhall.storage.queries.curves import Curves
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.queries.status import Status

CURVE, WIDE_CURVE = 16, 40  # characters of a sparkline
WIDE = 110  # columns from which there is room for more
NARROW = 76  # columns below which worker and curve are left out
MOST_FINISHED = 8
RIGHT = ("trial", "value", "time", "left")
FIXED_LINES = 7  # title, best, blank lines, heads, and the line on workers left out
SPINNER = Spinner("dots")  # one for all frames, so that it goes on turning


@dataclass(frozen=True)
class Plan:
    """The plan by which a study runs each trial.

    Attributes:
        epochs: the largest number of epochs of a trial, all folds and repeats.
        backend: the name of Keras' backend, as people write it.
    """

    epochs: int
    backend: str


@dataclass(frozen=True)
class Frame:
    """The content of a live view at one moment.

    Attributes:
        title: the study's name.
        status: its status.
        plan: what it does with each trial.
        curves: values of the running trials' epochs.
        finished: the trials that have ended, the last one last.
        note: a state of the launch; "" for none.
    """

    title: str
    status: Status
    plan: Plan
    curves: Curves = field(default_factory=dict)
    finished: Sequence[TrialRecord] = ()
    note: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table | Text]:
        """Draw the frame within the width and height of the terminal."""
        width, height = options.max_width, max(console.height, FIXED_LINES + 2)
        running = self.status.running[: max(1, (height - FIXED_LINES) // 2 + 1)]
        yield self._head()
        yield tables.line(incumbent(self.status))
        yield Text()
        yield self._workers(running, width)
        if left_out := len(self.status.running) - len(running):
            yield Text(f"and {left_out} more")
        room = height - FIXED_LINES - max(1, len(running)) - bool(self.note)
        if shown := self.finished[::-1][: max(0, min(room, MOST_FINISHED))]:
            yield Text()
            yield finished_table(shown)
        if self.note:
            yield tables.line(self.note)

    def _head(self) -> Table:
        left = None if self.status.is_unlimited else self.status.left_s
        counts = f"{ended(self.status)}{left_of(self.status)}"
        about = "" if left is None else f", about {words.duration(left)}"
        whole = visible(f"{self.title}  {counts}{about}")
        grid = Table.grid(padding=(0, 1))
        grid.add_row(SPINNER, Text(whole, "bold", no_wrap=True, overflow="ellipsis"))
        return grid

    def _workers(self, running: Sequence[Running], width: int) -> Table | Text:
        if not running:
            return Text(waiting_for(self.status, self.plan))
        rows = [self._row(one, width) for one in running]
        return tables.cut(_heads(self.status.objective, width), rows, right=RIGHT)

    def _row(self, one: Running, width: int) -> list[str]:
        spent = max(0.0, self.status.now - one.started_at)
        row = [
            words.called(one.number, one.name),
            words.out_of(one.epochs, self.plan.epochs),
            words.duration(spent),
            words.duration(remaining(one, spent, self.plan.epochs)),
            words.number(one.value),
        ]
        if width < NARROW:
            return row
        shown = WIDE_CURVE if width >= WIDE else CURVE
        whose = one.worker.partition("@")[0] if one.held else f"waiting for {words.awaited(one)}"
        return [whose, *row, sparkline(self.curves.get(one.number, ()), shown)]


def remaining(one: Running, spent: float, epochs: int) -> float | None:
    """Return the seconds that a trial takes at most for its remaining epochs; None if unknown.

    Of a trial that was taken over the time in between counts too, so nothing is known.
    """
    if not one.held or one.attempt > 1 or not 0 < one.epochs <= epochs:
        return None
    return spent / one.epochs * (epochs - one.epochs)


def waiting_for(status: Status, plan: Plan) -> str:
    """Return what happens while no trial is running."""
    if status.spent or status.stopping:
        return "the workers are ending"
    return "the workers load the data" if status.workers else f"starting {plan.backend}"


def ended(status: Status) -> str:
    """Return how many trials have ended in which way: ``3 complete, 1 pruned, 0 failed``."""
    named = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
    return ", ".join(f"{status.counts[state]} {word}" for state, word in named.items())


def left_of(status: Status) -> str:
    """Return how many trials are left of how many, behind what has ended; "" without a number."""
    return "" if status.is_unlimited else f", {status.left} left of {status.limit}"


def incumbent(status: Status) -> str:
    """Return a line on the best trial so far: its value, another score if any, its epoch."""
    best = status.incumbent
    if best is None:
        return "best  none yet"
    at = f", epoch {best.best_epoch}" if best.best_epoch else ""
    which = words.called(best.number, words.name(best))
    value = f"{status.objective} {words.number(best.value)}"
    return f"best  {value}{_score(best, status.objective)} by trial {which}{at}"


def _score(best: TrialRecord, objective: str) -> str:
    """Return the first validation metric besides the loss: what people understand a model by."""
    own = objectives.recorded(objective)
    for name, value in best.attributes.get("metrics", {}).items():
        if name.startswith("val_") and name not in ("val_loss", own):
            return f", {name.removeprefix('val_').replace('_', ' ')} {words.number(value)}"
    return ""


def finished_table(trials: Iterable[TrialRecord]) -> Table:
    """Return a table with a line per trial, cut at the right: state, value, hyperparameters."""
    rows = []
    for trial in trials:
        chosen = " ".join(f"{name}={words.value(each)}" for name, each in trial.params.items())
        told = "; ".join(filter(None, (trial.attributes.get("reason"), chosen)))
        number = words.called(trial.number, words.name(trial))
        rows.append((number, words.state(trial), words.number(trial.value), told))
    return tables.cut(("trial", "state", "value", "hyperparameters"), rows, right=RIGHT)


def _heads(objective: str, width: int) -> list[str]:
    heads = ["trial", "epoch", "time", "left", objective]
    return heads if width < NARROW else ["worker", *heads, "curve"]
