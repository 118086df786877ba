"""A call in a user's script that searches, as a study: its name, budget, objective and function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studyhall.search.scripts.script import Script
from studyhall.search.study_file import config, objectives, study_names
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.sections import StudyFile
from studyhall.storage.studies.rows import Queued

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from studyhall.search.scripts.script_trial import ScriptTrial
    from studyhall.storage.queries.records import TrialRecord
    from studyhall.storage.sampling.pruning import Pruner
    from studyhall.storage.sampling.samplers import Factory

MOST_EPOCHS = 10_000  # of a training, where the script doesn't say: Optuna's steps are counted so
KEPT_MODELS = 10
NAME = "script"  # what stands for the script's search where a study file names a function


@dataclass(frozen=True)
class Call:
    """A search that a script asks for.

    Attributes:
        name: the study's name, as the script writes it.
        run: runs one trial and returns its value, or a value for each objective.
        trials: number of trials.
        objective: what trials are ranked by, as a study file names it; a list for several.
        direction: "minimize" or "maximize"; a list for several objectives.
        seed: the study's seed.
        sampler, pruner: as a study file names them.
        epochs: largest number of epochs of a training.
        repeats: trainings per trial.
        queue: configurations of trials to run first.
        ended: trials that the script has added.
        sampler_of: returns, for the study's seed, what makes the sampler of one trial from that
            trial's seed; default: by `sampler`.
        pruner_of: makes the pruner; default: by `pruner`.
        after: called in the worker after each trial with its state and its values.
        measure: measures the model in a file again, for a trial; None if the script can't.
        convertible: returns the model in a file, for a trial, and the inputs of its validation set;
            None if the script can't.
        workers: number of worker processes, where the command line doesn't say.
        ordinal: counts the script's searches of this study, from 1.
        fresh: a finished study of this name, or one of other code, makes way for a new one.
        hours: limit of the time during which any worker is active, in hours.
        further: more keys of a study file, by table.
        adds: number and hours are those of this search alone, beside the study's earlier ones.
        asks: the script asks for its trials one by one, and runs them itself.
        refused: mistakes of the script's sampler and pruner, by the key that may replace them.
        attributes: attributes that the script gives the study.
        metric_names: names that it gives its objectives.
    """

    name: str
    run: Callable[[ScriptTrial], Any]
    trials: int
    objective: str | list[str] = objectives.VALUE
    direction: str | list[str] = objectives.MINIMIZE
    seed: int = 0
    sampler: str = "auto"
    pruner: str = "none"
    epochs: int = MOST_EPOCHS
    repeats: int = 1
    queue: Sequence[Queued] = ()
    ended: Sequence[FrozenTrial] = ()
    sampler_of: Callable[[int], Factory] | None = None
    pruner_of: Callable[[], Pruner] | None = None
    after: Callable[[ScriptTrial, str, list[float] | None], None] | None = None
    measure: Callable[[TrialRecord, Path], float] | None = None
    convertible: Callable[[TrialRecord, Path], tuple[Any, Any]] | None = None
    workers: int | None = None
    ordinal: int = 1
    fresh: bool = False
    hours: float | None = None
    further: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    adds: bool = False
    asks: bool = False
    refused: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    metric_names: Sequence[str] = ()

    @property
    def study(self) -> str:
        """The study's name, of the characters that are allowed in one."""
        return study_names.legal(self.name)


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
        ConfigError: a value is out of its bounds, or the script has a sampler or pruner that can't
            be used and that nothing replaces.
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
    file = config.from_dict(tables, Path(script.path).name)
    own = {"sampler": call.sampler, "pruner": call.pruner}
    chosen = dict(file.search)
    if problems := [said for key, said in call.refused.items() if chosen[key] == own[key]]:
        raise ConfigError([f"{script.path}: {said}" for said in problems])
    return file
