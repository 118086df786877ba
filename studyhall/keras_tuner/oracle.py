"""The oracle of a KerasTuner script: what it wants searched, and what is known of it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from studyhall.keras_tuner import objective as objectives
from studyhall.keras_tuner.objective import Objective
from studyhall.keras_tuner.oracle_answers import OracleAnswers
from studyhall.keras_tuner.trial import Trial
from studyhall.search.study_file.config_error import ConfigError
from studyhall.spaces.hp.hyperparameters import HyperParameters

Method = TypeVar("Method", bound=Callable[..., Any])
Declare = Callable[[HyperParameters], None]

__all__ = ["Objective", "Oracle", "synchronized"]


def synchronized(method: Method) -> Method:
    """Return a method of an oracle as it is: no two threads of a process call it here."""
    return method


class Oracle(OracleAnswers):
    """The search that a script asks for.

    Args:
        objective: name of a metric, an `Objective`, or a list of both.
        max_trials: number of trials; None for as many as the method needs.
        hyperparameters: declared in advance; they go before what `build` declares.
        allow_new_entries: False if `build` may declare no others.
        tune_new_entries: False if the others keep their defaults.
        seed: the study's seed.
        max_retries_per_trial, max_consecutive_failed_trials: kept for scripts that give them.

    Attributes:
        objective: the objective.
        given: what is declared in advance.
        hyperparameters: all hyperparameters that are known, with their defaults.
        searched: the study, once there is one.
    """

    sampler = "random"
    pruner = "none"

    def __init__(
        self,
        objective: Any = None,
        max_trials: int | None = None,
        hyperparameters: HyperParameters | None = None,
        allow_new_entries: bool = True,
        tune_new_entries: bool = True,
        seed: int | None = None,
        max_retries_per_trial: int = 0,
        max_consecutive_failed_trials: int = 3,
    ) -> None:
        self.objective: Objective = objectives.create(objective)
        self.max_trials = max_trials
        self.given = hyperparameters or HyperParameters()
        if hyperparameters is None and not (tune_new_entries and allow_new_entries):
            raise ValueError("without hyperparameters=, new entries must be allowed and tuned")
        self.allow_new_entries = allow_new_entries
        self.tune_new_entries = tune_new_entries
        self.seed = seed
        self.reported: dict[str, dict[str, float]] = {}  # by update_trial, of running trials
        self.hyperparameters = self.given.copy()

    @property
    def trial_count(self) -> int:
        """The number of trials that the script asks for."""
        return 10 if self.max_trials is None else self.max_trials

    def points(self, declare: Declare) -> list[dict[str, Any]]:
        """Return the hyperparameters of trials that run before any that a sampler suggests.

        Args:
            declare: declares what a trial with the values of its argument would.
        """
        return []

    def rounds(self) -> dict[str, Any]:
        """Return what KerasTuner tells a running trial beside its hyperparameters."""
        return {}

    def settings(self) -> dict[str, dict[str, Any]]:
        """Return further keys of the study file."""
        return {}

    def get_space(self) -> HyperParameters:
        """Return the hyperparameters that are known, with their defaults."""
        return self.hyperparameters.copy()

    def update_space(self, hyperparameters: HyperParameters) -> None:
        """Take over what a build has declared.

        Raises:
            ConfigError: it has declared more than the script allows.
        """
        space = self.hyperparameters
        known = {(each.name, each.conditions) for each in space.space}
        new = [each for each in hyperparameters.space if (each.name, each.conditions) not in known]
        if new and not self.allow_new_entries:
            names = ", ".join(each.name for each in new)
            expected = "expected only those of hyperparameters=, as allow_new_entries=False says"
            raise ConfigError([f"the builder declares {names}, {expected}"])
        for each in new:
            space.declare(each)
            if space.is_active(each):
                space.values.setdefault(each.name, each.default)

    def update_trial(self, trial_id: str, metrics: Mapping[str, float], step: int = 0) -> None:
        """Report metrics of a running trial; the last ones count."""
        self.reported.setdefault(trial_id, {}).update(metrics)

    def end_trial(self, trial: Trial) -> None:
        """Do nothing: the study records how trials end."""

    def save(self) -> None:
        """Do nothing: the study is in its database."""

    def reload(self) -> None:
        """Answer from now on from the study of an earlier run of the script, if there is one."""
        self.searched = self.find() or self.searched

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Do nothing: the study is in its database."""
