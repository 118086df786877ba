"""The reading of KerasTuner's project folders, without KerasTuner.

A folder holds `oracle.json`, with the space and the order of trials, and for each trial
`trial_ID/trial.json`, with its hyperparameters, metrics by step (a list of values, one for each
execution), score and status. The objective's name and direction are in none of them: they are
found by comparing scores with metrics.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.studies.importing import Epoch

STATES = {"COMPLETED": "COMPLETE", "STOPPED": "PRUNED", "INVALID": "FAIL", "FAILED": "FAIL"}
DIRECTIONS = {"min": "minimize", "max": "maximize"}
ORACLE = "oracle.json"

Metrics = dict[str, dict[int, float]]  # the mean over executions, by name and step (from 0)


@dataclass(frozen=True)
class TunerTrial:
    """A trial of a project.

    Attributes:
        name: KerasTuner's identifier.
        status: COMPLETED, FAILED, INVALID, STOPPED, RUNNING or IDLE.
        space: its hyperparameters as KerasTuner configures them: class_name and config.
        values: values by hyperparameter; those that begin with `tuner/` are the tuner's own.
        metrics: what was measured.
        directions: "min" or "max" by metric, as far as KerasTuner knows them.
        score: the value of the objective.
        message: why it failed.
        written_at: when its file was written, in epoch seconds.
    """

    name: str
    status: str
    space: Sequence[Mapping[str, Any]]
    values: Mapping[str, Any]
    metrics: Metrics
    directions: Mapping[str, str | None]
    score: float | None
    message: str | None
    written_at: float

    def epochs(self, objective: str) -> list[Epoch]:
        """Return what was measured, by epoch."""
        steps = sorted({step for values in self.metrics.values() for step in values})
        return [self._epoch(step, objective) for step in steps]

    def _epoch(self, step: int, objective: str) -> Epoch:
        found = {name: values[step] for name, values in self.metrics.items() if step in values}
        return Epoch(step + 1, found.get(objective), found)


def read(folder: Path) -> list[TunerTrial]:
    """Return the trials of a project folder, in the order in which they began.

    Raises:
        ConfigError: it is no such folder, or a file in it can't be read.
    """
    order = _content(folder / ORACLE).get("start_order", [])
    paths = {path.parent.name.removeprefix("trial_"): path for path in _files(folder)}
    names = [*(name for name in order if name in paths), *sorted({*paths} - {*order})]
    return [_trial(name, paths[name]) for name in names]


def objective_of(trials: Sequence[TunerTrial], given: str | None) -> tuple[str, str]:
    """Return the objective's name, and its direction: "minimize" or "maximize".

    Args:
        trials: the trials of a project.
        given: `NAME`, `min:NAME` or `max:NAME`, as the user says; None: find it out.

    Raises:
        ConfigError: it can't be found out, or no trial has the metric that is given.
    """
    way, _, name = (given or "").rpartition(":")
    known = sorted({metric for trial in trials for metric in trial.metrics})
    fitting = [name] if name else _fitting(trials, known)
    if given is not None and (way not in ("", *DIRECTIONS) or name not in known):
        raise _wrong(f"received {given!r}", known)
    found = [(metric, way or _way(trials, metric)) for metric in fitting]
    told = [(metric, each) for metric, each in found if each in DIRECTIONS]
    if not told or len({each for _, each in told}) > 1:
        raise _wrong(f"received trials that don't tell it ({', '.join(fitting) or 'none'})", known)
    metric, each = min(told, key=lambda one: not one[0].startswith("val_"))
    return metric, DIRECTIONS[str(each)]


def _fitting(trials: Sequence[TunerTrial], known: Sequence[str]) -> list[str]:
    """Return the metrics whose best values are the scores of all complete trials."""
    complete = [trial for trial in trials if trial.status == "COMPLETED"]
    return [
        metric
        for metric in known
        if complete and all(_is_score(trial, metric) for trial in complete)
    ]


def _is_score(trial: TunerTrial, metric: str) -> bool:
    values = trial.metrics.get(metric, {}).values()
    return trial.score is not None and any(
        math.isclose(trial.score, value, rel_tol=1e-9) for value in values
    )


def _way(trials: Sequence[TunerTrial], metric: str) -> str | None:
    return next((way for trial in trials if (way := trial.directions.get(metric))), None)


def _wrong(received: str, known: Sequence[str]) -> ConfigError:
    names = ", ".join(known) or "a metric, but no trial has any"
    return ConfigError(
        [f"--objective: {received}, expected min:NAME or max:NAME, and as NAME one of {names}"]
    )


def _files(folder: Path) -> Iterator[Path]:
    return folder.glob("trial_*/trial.json")


def _trial(name: str, path: Path) -> TunerTrial:
    state = _content(path)
    try:
        space, metrics = state["hyperparameters"], state["metrics"]["metrics"]
        return TunerTrial(
            name,
            state["status"],
            space["space"],
            space["values"],
            {metric: _means(each["observations"]) for metric, each in metrics.items()},
            {metric: each["direction"] for metric, each in metrics.items()},
            state["score"],
            state.get("message"),
            path.stat().st_mtime,
        )
    except (KeyError, TypeError) as error:
        raise ConfigError([f"{path}: received no trial of KerasTuner ({error!r})"]) from error


def _means(observations: Sequence[Mapping[str, Any]]) -> dict[int, float]:
    return {
        int(each["step"]): fmean(values)
        for each in observations
        if (values := each["value"] if isinstance(each["value"], list) else [each["value"]])
    }


def _content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        expected = f"expected a project folder of KerasTuner, which holds {ORACLE}"
        raise ConfigError([f"{path}: received {error.strerror}, {expected}"]) from error
    except ValueError as error:
        raise ConfigError([f"{path}: received no JSON: {error}"]) from error
    return dict(content) if isinstance(content, dict) else {}
