"""A picture of replayed searches: how long each trial was trained, and the best value."""

import argparse
from pathlib import Path
from typing import Any

from benchmarks.curves_file import Recording
from benchmarks.curves_replay import COMPLETE, Replayed, replayed

COLOURS = {True: "#1b7f79", False: "#c8553d"}  # complete; pruned or failed
DRAWN = ("random+median", "random+auto")  # unless others are asked for
LABELS = {True: "complete", False: "pruned"}


def draw(path: Path, options: argparse.Namespace) -> None:
    """Replay one search with each strategy on a recording and draw them below one another."""
    from matplotlib.figure import Figure

    recording, names = Recording.read(path), options.strategy or DRAWN
    figure = Figure(figsize=(9, 2.3 * len(names) + 0.4), layout="constrained")
    rows = figure.subplots(len(names), sharex=True, squeeze=False)[:, 0]
    for axes, name in zip(rows, names, strict=True):
        _search(axes, replayed(recording, name, 0, options), name.rpartition("+")[2])
    figure.axes[-1].set_xlabel("trial")
    figure.axes[0].legend(loc="lower right", fontsize="small")
    figure.savefig(options.output, dpi=110)


def _search(axes: Any, found: Replayed, pruner: str) -> None:
    """Draw a line as high as its epochs for each trial, in the order in which they ended."""
    for complete in (True, False):
        chosen = [
            (place, len(trial.reports))
            for place, trial in enumerate(found.trials)
            if (trial.state == COMPLETE) is complete
        ]
        if chosen:
            places, epochs = zip(*chosen, strict=True)
            axes.vlines(places, 0, epochs, colors=COLOURS[complete], label=LABELS[complete], lw=0.9)
    axes.set(ylabel="epochs", title=f'pruner = "{pruner}": {found.best[-1][1]:.4g}', ylim=0)
