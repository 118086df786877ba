"""Learning curves as PNG and CSV, made from a trial's stored history."""

from __future__ import annotations

import csv
import io
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from studyhall.search.display import curves
from studyhall.search.display.curves import TRAIN, VALIDATION, Epoch, History
from studyhall.search.study_file import objectives

SIZE = (9.0, 3.6)  # inches
DPI = 120
INK, QUIET = "#1f2937", "#6b7280"

# Matplotlib is not thread-safe (its font cache is shared); the dashboard draws in several threads.
_drawing = threading.Lock()


@contextmanager
def _drawn_literally() -> Iterator[None]:
    """Draw one figure at a time, show "$" literally, and ignore characters missing in the font."""
    with _drawing, rc_context({"text.parse_math": False}), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def learning_curve_png(
    history: History,
    title: str,
    objective: str = objectives.LOSS,
    direction: str = objectives.MINIMIZE,
) -> bytes:
    """Plot loss and objective per epoch, train and validation, with the best epoch marked.

    Epochs without a finite number leave a gap. If the objective is the loss, the second panel shows
    the first other metric.

    Args:
        history: the epochs in flat form.
        title: the title of the figure.
        objective, direction: the metric that is the trial's value, and minimize or maximize.

    Returns:
        A PNG image.
    """
    with _drawn_literally():
        figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained", facecolor="white")
        FigureCanvasAgg(figure)
        figure.suptitle(title, fontsize=11, color=INK)
        by = objectives.recorded(objective), objectives.sign(direction)
        best = [curves.best_epoch(fold, *by) for fold in curves.folds(history)]
        names = curves.drawn(history, objective)
        for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
            _panel(axes, history, name)
            _mark_best(axes, best, f"val_{name}", is_value=f"val_{name}" == by[0])
        picture = io.BytesIO()
        figure.savefig(picture, format="png")
    return picture.getvalue()


def compared_png(histories: Mapping[str, History]) -> bytes:
    """Plot the losses of several trials as a PNG image: validation solid, training dotted.

    Args:
        histories: the epochs of each trial in flat form, by the name in the legend.
    """
    with _drawn_literally():
        figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained", facecolor="white")
        FigureCanvasAgg(figure)
        axes = figure.subplots()
        for place, (name, history) in enumerate(histories.items()):
            colour = curves.COLOURS[place % len(curves.COLOURS)]
            for key, style, label in (("val_loss", "-", name), ("loss", ":", None)):
                for fold in curves.folds(history):
                    numbers = [curves.number(row, key) for row in fold]
                    epochs = [row["epoch"] for row in fold]
                    axes.plot(epochs, numbers, style, color=colour, lw=1.8, label=label)
                    label = None  # one legend entry for all folds
        _dress(axes, "loss: validation solid, training dotted")
        if any(map(curves.spans_widely, histories.values())):
            _on_log_scale(axes)
        picture = io.BytesIO()
        figure.savefig(picture, format="png")
    return picture.getvalue()


def history_csv(history: History) -> str:
    """Return the history as CSV text with a header; ``fold`` and ``epoch`` come first."""
    names = dict.fromkeys(name for row in history for name in row)
    first = [name for name in ("fold", "epoch") if name in names]
    table = io.StringIO()
    columns = first + [name for name in names if name not in first]
    writer = csv.DictWriter(table, columns or ["epoch"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return table.getvalue()


def _panel(axes: Any, history: History, name: str) -> None:
    for key, colour, label in ((name, TRAIN, "train"), (f"val_{name}", VALIDATION, "validation")):
        axes.plot([], [], color=colour, linewidth=1.8, label=label)
        for fold in curves.folds(history):
            dot = "o" if len(fold) == 1 else None
            numbers = [curves.number(row, key) for row in fold]
            axes.plot([row["epoch"] for row in fold], numbers, color=colour, lw=1.8, marker=dot)
    last = max(1, curves.last_epoch(history))
    axes.set_xlim(1 - max(0.5, 0.03 * last), last + max(0.5, 0.03 * last))
    _dress(axes, name)
    if name == "loss" and curves.spans_widely(history):
        _on_log_scale(axes)
    if not history:
        axes.text(0.5, 0.5, "no epoch finished", transform=axes.transAxes, ha="center", color=QUIET)
        axes.set_yticks([])


def _on_log_scale(axes: Any) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _dress(axes: Any, name: str) -> None:
    """Set axis labels, a light grid and no box."""
    axes.set_xlabel("epoch", color=QUIET)
    axes.set_title(name.replace("_", " "), fontsize=10, color=INK, loc="left")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.margins(y=0.12)
    axes.grid(True, color="#e5e7eb", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#9ca3af")
    axes.tick_params(which="both", colors=QUIET, labelsize=9)
    axes.legend(frameon=False, fontsize=9, labelcolor=INK)


def _mark_best(axes: Any, best: Sequence[Epoch | None], key: str, *, is_value: bool) -> None:
    """Mark the best epoch of every fold with a dot; with a single fold also in words."""
    for epoch in filter(None, best):
        at, number = epoch["epoch"], curves.number(epoch, key)
        axes.plot(at, number, marker="o", ms=6, color=VALIDATION, zorder=5)
        if len(best) == 1:
            axes.axvline(at, color=QUIET, linewidth=0.9, linestyle=(0, (2, 3)))
            said = f"{'best at ' if is_value else 'at '}epoch {at}: {number:.4g}"
            axes.set_title(said, fontsize=9, color=VALIDATION, loc="right")
