"""The answers of an oracle once its search has ended: its trials, from the study's database."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from studyhall.keras_tuner.objective import MultiObjective, Objective
from studyhall.keras_tuner.trial import STATES, Trial, TrialStatus
from studyhall.search.study_file.config_error import ConfigError
from studyhall.spaces.hp.hyperparameters import HyperParameters

if TYPE_CHECKING:
    from studyhall.search.scripts.session import Searched
    from studyhall.storage.queries.records import TrialRecord

VALUES = "values"  # attribute of a trial: all its hyperparameters
STEP = "best_step"  # attribute of a trial: the mean of its trainings' best epochs, from 0


class OracleAnswers:
    """The answers of an oracle; the attributes are those of `Oracle`.

    Attributes:
        find: returns the study that an earlier run of the script has searched, or None.
    """

    objective: Objective
    max_trials: int | None
    hyperparameters: HyperParameters
    seed: int | None
    searched: Searched | None = None
    find: Callable[[], Searched | None] = staticmethod(lambda: None)

    @property
    def trials(self) -> dict[str, Trial]:
        """All trials of the study, by identifier; none before there is a study."""
        return {identifier(each.number): self._trial(each) for each in self._records()}

    @property
    def start_order(self) -> list[str]:
        """The identifiers of the trials, in the order in which they began."""
        found = sorted(self._records(), key=lambda each: (each.started_at or 0.0, each.number))
        return [identifier(each.number) for each in found]

    @property
    def end_order(self) -> list[str]:
        """The identifiers of the trials that have ended, in the order in which they did."""
        ended = [each for each in self._records() if each.finished_at is not None]
        found = sorted(ended, key=lambda each: (each.finished_at, each.number))
        return [identifier(each.number) for each in found]

    @property
    def ongoing_trials(self) -> dict[str, Trial]:
        """The trials that are running, by worker."""
        running = [each for each in self._records() if each.state == "RUNNING"]
        return {str(each.worker): self._trial(each) for each in running}

    def get_trial(self, trial_id: str) -> Trial:
        """Return a trial by its identifier."""
        return self.trials[trial_id]

    def get_best_trials(self, num_trials: int = 1) -> list[Trial]:
        """Return the best complete trials, the best first; behind them, if they are few, others."""
        best = self.best_records(num_trials)
        if len(best) < num_trials:
            best += [each for each in self._records() if each.state != "COMPLETE"]
        return [self._trial(each) for each in best[:num_trials]]

    def best_records(self, count: int) -> list[TrialRecord]:
        """Return the records of the best complete trials, the best first.

        Raises:
            ConfigError: there is no study yet.
        """
        from studyhall.search.scripts import answers

        if self.known() is None:
            raise ConfigError(["the tuner has not searched yet: call search() first"])
        assert self.searched is not None
        return answers.best(self.searched, count)

    def remaining_trials(self) -> int | None:
        """Return how many trials are still to come."""
        if self.max_trials is None:
            return None
        return max(0, self.max_trials - len(self._records()))

    def get_state(self) -> dict[str, Any]:
        """Return what is known of the search, as plain data."""
        return {
            "ongoing_trials": {name: each.trial_id for name, each in self.ongoing_trials.items()},
            "hyperparameters": self.hyperparameters.get_config(),
            "start_order": self.start_order,
            "end_order": self.end_order,
            "seed": self.seed,
        }

    def known(self) -> Searched | None:
        """Return the study: that of this run's search, or else of an earlier one; None without."""
        if self.searched is None:
            self.searched = self.find()
        return self.searched

    def hyperparameters_of(self, record: TrialRecord) -> HyperParameters:
        """Return the hyperparameters of a trial, with the space that is known.

        What is active but has no value there, such as in a loop of fewer layers, is no part of it.
        """
        hp = HyperParameters()
        hp.values.update(record.attributes.get(VALUES, record.params))
        for each in self.hyperparameters.space:
            if each.name in hp.values or not hp.is_active(each):
                hp.declare(each)
        return hp

    def rounds_of(self, record: TrialRecord) -> dict[str, Any]:
        """Return what KerasTuner keeps with the hyperparameters of a trial that has ended."""
        return {}

    def _records(self) -> list[TrialRecord]:
        from studyhall.search.scripts import answers

        found = self.known()
        return [] if found is None else answers.every(found)

    def _trial(self, record: TrialRecord) -> Trial:
        trial = Trial(self.hyperparameters_of(record), identifier(record.number))
        trial.hyperparameters.values |= self.rounds_of(record)
        trial.status = STATES.get(record.state, TrialStatus.RUNNING)
        trial.score, trial.message = record.value, record.attributes.get("reason")
        trial.best_step = record.attributes.get(STEP, max(0, (record.best_epoch or 1) - 1))
        self._measure(trial, record.attributes.get("metrics", {}))
        return trial

    def _measure(self, trial: Trial, metrics: dict[str, float]) -> None:
        """Enter what a trial has measured, each metric with the direction that the script gives."""
        objective = self.objective
        parts = objective.objectives if isinstance(objective, MultiObjective) else [objective]
        ways = {each.name: each.direction for each in (*parts, objective)}
        score = {} if trial.score is None else {objective.name: trial.score}
        for name, value in {**metrics, **score}.items():
            trial.metrics.register(name, ways.get(name))
            trial.metrics.update(name, value, trial.best_step)


def identifier(number: int) -> str:
    """Return KerasTuner's identifier of a trial: its number in two digits or more."""
    return f"{number:02d}"
