"""A call in a user's script that searches, as a study: its name, budget, objective and function."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studyhall.search.scripts.script import Script
from studyhall.search.study_file import config, objectives
from studyhall.search.study_file.sections import StudyFile

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from studyhall.search.scripts.script_trial import ScriptTrial
    from studyhall.storage.queries.records import TrialRecord
    from studyhall.storage.sampling.pruning import Pruner

MOST_EPOCHS = 10_000  # of a training, where the script doesn't say: Optuna's steps are counted so
KEPT_MODELS = 10
NAME = "script"  # what stands for the script's search where a study file names a function


@dataclass(frozen=True)
class Call:
    """A search that a script asks for.

    Attributes:
        name: the study's name, as the script writes it.
        run: runs one trial and returns its value.
        trials: number of trials.
        objective: what trials are ranked by, as a study file names it.
        direction: "minimize" or "maximize".
        seed: the study's seed.
        sampler, pruner: as a study file names them.
        epochs: largest number of epochs of a training.
        repeats: trainings per trial.
        queue: hyperparameters of trials to run first, by name.
        sampler_of: makes the sampler of one trial from that trial's seed; default: by `sampler`.
        pruner_of: makes the pruner; default: by `pruner`.
        ended: called in the worker after each trial.
        measure: measures the model in a file again, for a trial; None if the script can't.
        workers: number of worker processes, where the command line doesn't say.
        ordinal: counts the script's searches of this study, from 1.
        fresh: a finished study of this name, or one of other code, makes way for a new one.
        hours: limit of the time during which any worker is active, in hours.
        further: more keys of a study file, by table.
    """

    name: str
    run: Callable[[ScriptTrial], float]
    trials: int
    objective: str = objectives.VALUE
    direction: str = objectives.MINIMIZE
    seed: int = 0
    sampler: str = "auto"
    pruner: str = "none"
    epochs: int = MOST_EPOCHS
    repeats: int = 1
    queue: Sequence[Mapping[str, Any]] = ()
    sampler_of: Callable[[int], BaseSampler] | None = None
    pruner_of: Callable[[], Pruner] | None = None
    ended: Callable[[ScriptTrial, str, float | None], None] | None = None
    measure: Callable[[TrialRecord, Path], float] | None = None
    workers: int | None = None
    ordinal: int = 1
    fresh: bool = False
    hours: float | None = None
    further: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def study(self) -> str:
        """The study's name, of the characters that are allowed in one."""
        return legal(self.name)


def legal(name: str) -> str:
    """Return a name with what may not stand in a study's name replaced by hyphens."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:100] or "study"


def objective_of(logged: str) -> str:
    """Return how a study file names the metric that Keras logs under a name.

    Args:
        logged: such as "val_loss", "val_accuracy" or, measured in training, "accuracy".
    """
    if logged == objectives.recorded(objectives.LOSS):
        return objectives.LOSS
    if logged.startswith("val_"):
        return logged.removeprefix("val_")
    return objectives.TRAINING + logged


def study_file(call: Call, script: Script, given: Mapping[str, Mapping[str, Any]]) -> StudyFile:
    """Return a call as a study file, with what the command line gives in place of the script's.

    Raises:
        ConfigError: a value is out of its bounds.
    """
    named = f"{script.path}:{NAME}"
    tables: dict[str, dict[str, Any]] = {
        "study": {
            "name": call.study,
            "trials": call.trials,
            "seed": call.seed,
            "objective": call.objective,
            "direction": call.direction,
            "keep_models": KEPT_MODELS,
            "hours": call.hours,
        },
        "data": {"source": script.path},
        "model": {"family": named},
        "training": {"epochs": call.epochs, "patience": "none", "repeats": call.repeats},
        "search": {"sampler": call.sampler, "pruner": call.pruner, "first": "none"},
    }
    for table, keys in (*call.further.items(), *given.items()):
        tables.setdefault(table, {}).update(keys)
    return config.from_dict(tables, Path(script.path).name)
