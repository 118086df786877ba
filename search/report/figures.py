"""The plots of a report that Optuna doesn't have, made with plotly.

The page of a report sets the colours of background, text and grid, as it knows whether it is light
or dark; figures that are shown elsewhere get some that are visible on both.
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import plotly.graph_objects as go

from studyhall.search.diagnosis.findings import Findings
from studyhall.search.display import curves
from studyhall.search.display.curves import TRAIN, VALIDATION, History, spans_widely
from studyhall.search.study_file import objectives

LINE, QUIET = VALIDATION, "#8a94a6"
GRID = "rgba(128, 128, 128, 0.25)"
LOG_TICKS = 4  # about this many; with more, plotly labels every digit from 1 to 9
BEST = 10  # trials whose validation losses form the band
FEW = 8  # units of an axis up to which each whole number has a tick
SMALL = 360  # default height in pixels
WIDE = 20  # ratio of largest to smallest value above which a value axis is logarithmic

Figure: TypeAlias = Any  # a plotly Figure, whose classes have no types


def literal(text: str) -> str:
    """Escape a name so that plotly doesn't take `<b>` in it for a tag."""
    return html.escape(text, quote=False)


def over_time(found: Findings) -> Figure | None:
    """Plot the values and the best value so far against the minutes since the first trial began."""
    ended = sorted(
        (trial.finished_at, trial.value)
        for trial in found.complete
        if trial.finished_at is not None and trial.value is not None
    )
    if not ended:
        return None
    began = min(t.started_at for t in found.trials if t.started_at is not None)
    minutes = [(at - began) / 60 for at, _ in ended]
    better = np.minimum if found.study.direction == objectives.MINIMIZE else np.maximum
    least = better.accumulate(np.array([value for _, value in ended]))
    figure = go.Figure()
    figure.add_scatter(
        x=minutes, y=[value for _, value in ended], mode="markers", name="a trial",
        marker={"color": QUIET, "size": 6},
    )  # fmt: skip
    figure.add_scatter(
        x=minutes, y=least, mode="lines", name="best so far", line={"color": LINE, "shape": "hv"}
    )
    log = is_wide([value for _, value in ended], found.study.direction)
    return dressed(figure, "minutes since the first trial began", found.status.objective, log=log)


def is_wide(values: Sequence[float], direction: str) -> bool:
    """Return True if positive values to minimize span so wide a range that a log axis is needed.

    On a narrower range a log axis would have hardly a tick.
    """
    return direction == objectives.MINIMIZE and min(values) > 0 and max(values) > WIDE * min(values)


def learning_curves(best: History, others: Sequence[History], name: str = "loss") -> Figure | None:
    """Plot training and validation of one metric by epoch, for all folds.

    Args:
        best: the epochs of the best trial, in flat form.
        others: the epochs of the best trials; the range of their validation curves is the band.
        name: the metric.
    """
    if not best:
        return None
    figure = go.Figure()
    _band(figure, others, f"val_{name}")
    for key, colour, label in ((name, TRAIN, "train"), (f"val_{name}", VALIDATION, "validation")):
        for fold, rows in enumerate(curves.folds(best)):
            figure.add_scatter(
                x=[row["epoch"] for row in rows], y=[curves.number(row, key) for row in rows],
                mode="lines" if len(rows) > 1 else "markers", name=label, legendgroup=label,
                showlegend=fold == 0, line={"color": colour, "width": 2},
            )  # fmt: skip
    wide = name == "loss" and spans_widely(best)
    return on_whole_numbers(dressed(figure, "epoch", name.replace("_", " "), log=wide))


def compared(curves_by_name: Mapping[str, History]) -> Figure:
    """Plot the losses of several trials, by name: validation solid, training dotted."""
    figure = go.Figure()
    for place, (side, history) in enumerate(curves_by_name.items()):
        colour, label = curves.COLOURS[place % len(curves.COLOURS)], literal(side)
        for key, dash in (("val_loss", "solid"), ("loss", "dot")):
            for fold, rows in enumerate(curves.folds(history)):
                figure.add_scatter(
                    x=[row["epoch"] for row in rows], y=[curves.number(row, key) for row in rows],
                    mode="lines", name=f"{label}, {'validation' if dash == 'solid' else 'train'}",
                    legendgroup=f"{label} {key}", showlegend=fold == 0,
                    line={"color": colour, "dash": dash, "width": 2},
                )  # fmt: skip
    log = any(map(spans_widely, curves_by_name.values()))
    return on_whole_numbers(dressed(figure, "epoch", "loss", log=log))


def bars(shares: Mapping[str, float], unit: str) -> Figure | None:
    """Plot a horizontal bar per name, the longest on top."""
    ordered = sorted(((n, name) for name, n in shares.items() if n > 0))
    if not ordered:
        return None
    figure = go.Figure()
    figure.add_bar(
        x=[n for n, _ in ordered], y=[literal(name) for _, name in ordered], orientation="h",
        marker={"color": TRAIN},
    )  # fmt: skip
    figure.update_layout(height=80 + 28 * len(ordered), bargap=0.35)
    dressed(figure, unit, "", height=80 + 28 * len(ordered))
    is_count = all(float(n).is_integer() for n, _ in ordered)
    return on_whole_numbers(figure) if is_count else figure


def confusion(scores: Mapping[str, Any] | None) -> Figure | None:
    """Plot the confusion matrix as a heat map, true classes down; colours are shares of a row."""
    if scores is None or "confusion" not in scores or scores["task"] == "multilabel":
        return None
    names = [literal(line["name"]) for line in scores["classes"]]
    counts = np.array(scores["confusion"], float)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = go.Figure()
    figure.add_heatmap(
        z=shares, x=names, y=names, text=counts.astype(int), texttemplate="%{text}",
        colorscale=[[0, "rgba(72,120,168,0.05)"], [1, "rgba(72,120,168,0.95)"]], showscale=False,
        hovertemplate="true %{y}, predicted %{x}: %{text}<extra></extra>", xgap=2, ygap=2,
    )  # fmt: skip
    figure.update_yaxes(autorange="reversed", type="category", showgrid=False)
    figure.update_xaxes(type="category", side="top", showgrid=False)
    size = max(SMALL, 90 + 34 * len(names))
    return dressed(figure, "predicted", "true", height=size)


def on_whole_numbers(figure: Figure) -> Figure:
    """Set ticks of the horizontal axis at whole numbers only, as it counts something."""
    ends = [float(each) for trace in figure.data for each in trace.x if each is not None]
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    if high - min(low, 0.0 if figure.data[0].type == "bar" else low) <= FEW:
        figure.update_xaxes(dtick=1)  # on wider ranges plotly's own ticks are whole
    return figure.update_xaxes(tickformat=",d")


def on_any_background(figure: Figure) -> Figure:
    """Set colours of text and grid that are visible on light and dark backgrounds."""
    figure.update_layout(font={"color": QUIET})
    figure.update_xaxes(gridcolor=GRID, zerolinecolor=GRID)
    figure.update_yaxes(gridcolor=GRID, zerolinecolor=GRID)
    return figure


def _band(figure: Figure, others: Sequence[History], key: str) -> None:
    """Add the range between the best trials' lowest and highest validation value at each epoch."""
    rows = [(int(row["epoch"]), curves.number(row, key)) for each in others for row in each]
    known = [(epoch, number) for epoch, number in rows if math.isfinite(number)]
    if len(others) < 2 or not known:
        return
    epochs = sorted({epoch for epoch, _ in known})
    by_epoch = [[number for at, number in known if at == epoch] for epoch in epochs]
    figure.add_scatter(
        x=[*epochs, *reversed(epochs)],
        y=[*map(max, by_epoch), *reversed([*map(min, by_epoch)])],
        fill="toself", fillcolor="rgba(217,97,43,0.15)", line={"width": 0}, hoverinfo="skip",
        name=f"validation of the best {len(others)}",
    )  # fmt: skip


def dressed(
    figure: Figure, x: str | None, y: str | None, *, log: bool = False, height: int = SMALL
) -> Figure:
    """Set the layout that all figures share: axis titles, height in pixels, margins, legend."""
    if x is not None:
        figure.update_xaxes(title=literal(x))
        figure.update_yaxes(title=literal(y or ""))
    if log:
        figure.update_yaxes(type="log", nticks=LOG_TICKS)
    figure.update_layout(
        template="none",
        height=height,
        margin={"l": 60, "r": 16, "t": 24, "b": 48},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )
    for axes in (figure.update_xaxes, figure.update_yaxes):
        axes(automargin=True, minexponent=6, exponentformat="power")  # neither 100µ nor 10B
    return figure
