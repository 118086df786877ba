"""The things a script gives a study before its next search: trials, attributes."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from optuna.trial import FrozenTrial

from studyhall.search.scripts import own_attributes
from studyhall.search.study_file import objectives
from studyhall.storage.sampling.mirror import FURTHER
from studyhall.storage.studies.rows import Queued

FIXED = "fixed_params"  # system attribute of a trial that waits: its hyperparameters


class Given:
    """The beginning of the next search of a study.

    Attributes:
        queue: configurations to run first.
        ended: trials that the script has run elsewhere.
        attributes: those of the study.
        metric_names: names of its objectives.
    """

    def __init__(self) -> None:
        self.queue: list[Queued] = []
        self.ended: list[FrozenTrial] = []
        self.attributes: dict[str, Any] = {}
        self.metric_names: list[str] = []

    def begun(self) -> None:
        """Take note that a search has begun with it."""
        self.queue, self.ended = [], []


def is_known(params: Mapping[str, Any], queue: Sequence[Queued], trials: Sequence[Any]) -> bool:
    """Return True if a configuration is queued already or was run."""
    run = [trial.system_attrs.get(FIXED, trial.params) for trial in trials]
    return dict(params) in [*(dict(each.params) for each in queue), *run]


def checked(trial: FrozenTrial, directions: Sequence[str]) -> FrozenTrial:
    """Return a trial that a script adds, as it is stored.

    Args:
        trial: a trial that has ended.
        directions: that of each objective: "minimize" or "maximize".

    Raises:
        ValueError: it has not ended, or has other objectives.
    """
    count, values = len(directions), trial.values
    if not trial.state.is_finished():
        raise ValueError(f"add_trial: received a {trial.state.name} trial, expected an ended one")
    if values is not None and len(values) != count:
        raise ValueError(f"add_trial: received {len(values)} values, expected {count}")
    found = copy.deepcopy(trial)
    if values is not None and count > 1:
        named = {"objectives": dict(zip(objectives.values(count), values, strict=True))}
        found.user_attrs |= {**own_attributes.recorded(trial.user_attrs, named), **named}
        signs = map(objectives.sign, directions)
        costs = [sign * value for sign, value in zip(signs, values, strict=True)]
        found.system_attrs = {**found.system_attrs, FURTHER: costs[1:]}
    return found
