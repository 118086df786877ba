"""A recording on disk: complete validation curves of random configurations of one task."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import optuna
from numpy.typing import NDArray
from scipy import stats

from benchmarks.quality_tasks import TASKS
from studyhall.storage.database import encoding

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """One configuration, trained to its last epoch.

    Attributes:
        params: its hyperparameters.
        values: validation loss of the data by epoch; it ends with NaN where the training diverged.
        seconds: wall time by epoch.
        setup_s: seconds of building the model.
        test: scores of the best epoch on the test set; None if there is no such epoch.
    """

    params: Mapping[str, Any]
    values: Floats
    seconds: Floats
    setup_s: float
    test: Mapping[str, float] | None

    @property
    def best(self) -> float:
        """The least loss; infinite if no epoch has one."""
        return float(np.nanmin(self.values, initial=math.inf))


@dataclass(frozen=True)
class Recording:
    """The curves of a task, in the order of their numbers."""

    task: str
    distributions: Mapping[str, optuna.distributions.BaseDistribution]
    curves: tuple[Curve, ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a recording; a line that was cut off by an interruption is left out."""
        header, *lines = _lines(path)
        known = {int(line["number"]): _curve(line) for line in lines}
        spaces = {
            name: encoding.distribution(text) for name, text in header["distributions"].items()
        }
        return cls(header["task"], spaces, tuple(known[number] for number in sorted(known)))


class Recorder:
    """The file that lines are appended to.

    Args:
        folder: where it lies, or will lie.
        task: name of the task.

    Raises:
        SystemExit: the file was recorded with another space or other data.
    """

    def __init__(self, folder: Path, task: str) -> None:
        self.path = folder / f"{task}.jsonl"
        header = _header(task)
        if not self.path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps(header) + "\n")
        found, *lines = _lines(self.path)
        if found != header:
            raise SystemExit(f"{self.path} is of another {task}: record it elsewhere")
        self.known = {int(line["number"]) for line in lines}

    def add(self, lines: Iterable[Mapping[str, Any]]) -> Iterable[int]:
        """Append lines as they come; yield how many there are."""
        cut_off = not self.path.read_bytes().endswith(b"\n")
        with self.path.open("a") as file:
            file.write("\n" * cut_off)
            for line in lines:
                file.write(json.dumps(line) + "\n")
                file.flush()
                self.known.add(line["number"])
                yield len(self.known)


def rank_correlations(recording: Recording) -> Floats:
    """Return Spearman's correlation of the best value up to each epoch with the final one."""
    ranked = _ranks(recording)
    return np.array([np.corrcoef(at_epoch, ranked[-1])[0, 1] for at_epoch in ranked])


def survivors(recording: Recording, best: float = 0.05, kept: float = 0.5) -> Floats:
    """Return the share of the best configurations that each epoch ranks among those to keep.

    Args:
        recording: the curves.
        best: share of the configurations that end as the best ones.
        kept: share that would go on after the epoch.
    """
    ranked = _ranks(recording) / len(recording.curves)
    return (ranked[:, ranked[-1] <= best] <= kept).mean(axis=1)


def _ranks(recording: Recording) -> Floats:
    """Return the rank of each curve's best value so far, from 1: (epochs, curves)."""
    longest = max(len(curve.values) for curve in recording.curves)
    so_far = np.array([_best_so_far(curve.values, longest) for curve in recording.curves])
    ranked: Floats = stats.rankdata(so_far, axis=0).T
    return ranked


def _best_so_far(values: Floats, length: int) -> Floats:
    known = np.where(np.isnan(values), math.inf, values)
    padded = np.full(length, math.inf)
    padded[: len(known)] = known
    return np.minimum.accumulate(padded)


def _header(task: str) -> dict[str, Any]:
    chosen = TASKS[task]
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask()
    chosen.search_space().suggest(trial)
    spaces = {
        name: encoding.distribution_json(space) for name, space in trial.distributions.items()
    }
    return {"task": task, "text": chosen.text(patience=0), "distributions": spaces}


def _lines(path: Path) -> list[dict[str, Any]]:
    found = []
    for line in path.read_text().splitlines():
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:  # the end of an interrupted write
            continue
    return found


def _curve(line: Mapping[str, Any]) -> Curve:
    return Curve(
        line["params"],
        np.array(line["curve"], float),
        np.array(line["seconds"], float),
        line["setup_s"],
        line["test"],
    )
