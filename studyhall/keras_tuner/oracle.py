"""The oracle of a KerasTuner script: what it wants searched, and what is known of it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from studyhall.keras_tuner import objective as objectives
from studyhall.keras_tuner.objective import Objective
from studyhall.keras_tuner.trial import STATES, MetricsTracker, Trial, TrialStatus
from studyhall.spaces.hp.hyperparameters import HyperParameters

if TYPE_CHECKING:
    from studyhall.search.scripts.session import Searched
    from studyhall.storage.queries.records import TrialRecord

Declare = Callable[[HyperParameters], None]
VALUES = "values"  # attribute of a trial: all its hyperparameters


class Oracle:
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
        searched: the finished study, once there is one.
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
        self.hyperparameters = hyperparameters or HyperParameters()
        if hyperparameters is None and not (tune_new_entries and allow_new_entries):
            raise ValueError("without hyperparameters=, new entries must be allowed and tuned")
        self.allow_new_entries = allow_new_entries
        self.tune_new_entries = tune_new_entries
        self.seed = seed
        self.searched: Searched | None = None
        self.reported: dict[str, dict[str, float]] = {}  # by update_trial, of running trials
        self.space = self.hyperparameters.copy()

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

    def settings(self) -> dict[str, dict[str, Any]]:
        """Return further keys of the study file."""
        return {}

    def get_space(self) -> HyperParameters:
        """Return the hyperparameters that are known, with their defaults."""
        return self.space.copy()

    def update_space(self, hyperparameters: HyperParameters) -> None:
        """Take over what a build has declared."""
        known = {(each.name, each.conditions) for each in self.space.space}
        for each in hyperparameters.space:
            if (each.name, each.conditions) not in known:
                self.space.declare(each)
                if self.space.is_active(each):
                    self.space.values.setdefault(each.name, each.default)

    def update_trial(self, trial_id: str, metrics: Mapping[str, float], step: int = 0) -> None:
        """Report metrics of a running trial; the last ones count."""
        self.reported.setdefault(trial_id, {}).update(metrics)

    def get_trial(self, trial_id: str) -> Trial:
        """Return a trial by its identifier."""
        return self.trials[trial_id]

    @property
    def trials(self) -> dict[str, Trial]:
        """All trials of the finished study, by identifier."""
        from studyhall.search.scripts import answers

        found = answers.every(self._study())
        return {identifier(each.number): self._trial(each) for each in found}

    def get_best_trials(self, num_trials: int = 1) -> list[Trial]:
        """Return the best complete trials, the best first."""
        return [self._trial(each) for each in self.best_records(num_trials)]

    def best_records(self, count: int) -> list[TrialRecord]:
        """Return the records of the best complete trials, the best first."""
        from studyhall.search.scripts import answers

        return answers.best(self._study(), count)

    def remaining_trials(self) -> int | None:
        """Return how many trials are still to come."""
        if self.max_trials is None:
            return None
        return 0 if self.searched is not None else self.max_trials

    def end_trial(self, trial: Trial) -> None:
        """Do nothing: the study records how trials end."""

    def save(self) -> None:
        """Do nothing: the study is in its database."""

    def reload(self) -> None:
        """Do nothing: the study is in its database."""

    def _study(self) -> Searched:
        if self.searched is None:
            raise RuntimeError("the tuner has not searched yet: call search() first")
        return self.searched

    def _trial(self, record: TrialRecord) -> Trial:
        trial = Trial(self.hyperparameters_of(record), identifier(record.number))
        trial.status = STATES.get(record.state, TrialStatus.RUNNING)
        trial.score, trial.message = record.value, record.attributes.get("reason")
        trial.best_step = max(0, (record.best_epoch or 1) - 1)
        tracker = MetricsTracker()
        measured = record.attributes.get("metrics", {})
        if record.value is not None:
            measured = {**measured, self.objective.name: record.value}
        for name, value in measured.items():
            tracker.update(name, value, trial.best_step)
        trial.metrics = tracker
        return trial

    def hyperparameters_of(self, record: TrialRecord) -> HyperParameters:
        """Return the hyperparameters of a trial, with the space that is known.

        What is active but has no value there, such as in a loop of fewer layers, is no part of it.
        """
        hp = HyperParameters()
        hp.values.update(record.attributes.get(VALUES, record.params))
        for each in self.space.space:
            if each.name in hp.values or not hp.is_active(each):
                hp.declare(each)
        return hp


def identifier(number: int) -> str:
    """Return KerasTuner's identifier of a trial: its number in two digits or more."""
    return f"{number:02d}"
