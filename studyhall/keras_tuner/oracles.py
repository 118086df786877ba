"""The oracles that KerasTuner ships: random trials, a model of them, Hyperband, a grid."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

from studyhall.keras_tuner import grid
from studyhall.keras_tuner.oracle import Declare, Oracle

if TYPE_CHECKING:
    from studyhall.storage.queries.records import TrialRecord

MOST_POINTS = 100_000  # of a grid
EPOCHS, INITIAL_EPOCH = "tuner/epochs", "tuner/initial_epoch"  # KerasTuner's names, of Hyperband
BRACKET, ROUND = "tuner/bracket", "tuner/round"


class RandomSearchOracle(Oracle):
    """Random trials."""

    def __init__(self, objective: Any = None, max_trials: int = 10, **kwargs: Any) -> None:
        super().__init__(objective, max_trials, **kwargs)


class BayesianOptimizationOracle(Oracle):
    """Trials by a model of those before; Optuna's TPE stands for KerasTuner's Gaussian process.

    Args:
        objective, max_trials: as `Oracle`.
        num_initial_points: random trials before.
        alpha, beta: kept for scripts that give them.
        kwargs: as `Oracle`.
    """

    sampler = "tpe"

    def __init__(
        self,
        objective: Any = None,
        max_trials: int = 10,
        num_initial_points: int | None = None,
        alpha: float = 1e-4,
        beta: float = 2.6,
        **kwargs: Any,
    ) -> None:
        super().__init__(objective, max_trials, **kwargs)
        self.num_initial_points = num_initial_points

    def settings(self) -> dict[str, dict[str, Any]]:
        """Return further keys of the study file: the number of random trials."""
        if self.num_initial_points is None:
            return {}
        return {"search": {"startup_trials": self.num_initial_points}}


class HyperbandOracle(Oracle):
    """Many short trials, of which the better ones go on: Optuna's Hyperband stands for it.

    Args:
        objective: as `Oracle`.
        max_epochs: of a trial.
        factor: one of so many trials goes on.
        hyperband_iterations: how often all of its brackets run.
        kwargs: as `Oracle`.
    """

    sampler = "tpe"
    pruner = "hyperband"

    def __init__(
        self,
        objective: Any = None,
        max_epochs: int = 100,
        factor: int = 3,
        hyperband_iterations: int = 1,
        **kwargs: Any,
    ) -> None:
        if factor < 2:
            raise ValueError("factor needs to be a int larger than 1.")
        super().__init__(objective, **kwargs)
        self.max_epochs = max_epochs
        self.factor = factor
        self.hyperband_iterations = hyperband_iterations

    @property
    def trial_count(self) -> int:
        """The configurations that KerasTuner's brackets begin with."""
        whole = math.ceil(1 + math.log(self.max_epochs, self.factor))
        brackets = 0
        while self.max_epochs / self.factor**brackets >= 1:
            brackets += 1
        sizes = (math.ceil(whole / (n + 1) * self.factor**n) for n in range(brackets))
        return self.hyperband_iterations * int(sum(sizes))

    def settings(self) -> dict[str, dict[str, Any]]:
        """Return further keys of the study file: the reduction of its rungs."""
        return {
            "search": {"pruner_reduction": self.factor},
            "training": {"epochs": self.max_epochs},
        }

    def rounds(self) -> dict[str, Any]:
        """Return what a trial is told by KerasTuner's names: it may train all epochs."""
        return {EPOCHS: self.max_epochs, INITIAL_EPOCH: 0}

    def rounds_of(self, record: TrialRecord) -> dict[str, Any]:
        """Return the epochs that a trial was given, and its rungs, by KerasTuner's names.

        A trial goes on where KerasTuner would begin another one, so its initial epoch is 0.
        """
        given = record.epochs if record.state == "PRUNED" else self.max_epochs
        bracket, passed = self._rungs(record)
        told = {BRACKET: bracket, ROUND: passed}
        return {**self.rounds(), EPOCHS: min(given, self.max_epochs), **told}

    def _rungs(self, record: TrialRecord) -> tuple[int, int]:
        """Return how many rungs a trial may meet before its last, and how many it has passed."""
        from studyhall.search.study import record as studies
        from studyhall.search.trial import sampling
        from studyhall.storage.sampling.pruning import Hyperband as Pruner

        assert self.searched is not None  # a record comes from a study
        study = self.searched.study
        pruner = sampling.pruner(studies.stored(study).file, study.name)
        if not isinstance(pruner, Pruner):  # the command line has named another
            return 0, 0
        steps = pruner.steps(record.number)
        return len(steps) - 1, sum(step < record.epochs for step in steps[:-1])


class GridSearchOracle(Oracle):
    """Every combination of the values; of a range without a step, ten values."""

    def __init__(self, objective: Any = None, max_trials: int | None = None, **kwargs: Any) -> None:
        super().__init__(objective, max_trials, **kwargs)

    def points(self, declare: Declare) -> list[dict[str, Any]]:
        """Return the combinations of all active hyperparameters, the last one changing first.

        Raises:
            ValueError: there are too many.
        """
        most = self.max_trials or MOST_POINTS + 1
        found = [*itertools.islice(grid.points(self.given, declare), most)]
        if len(found) > MOST_POINTS:
            raise ValueError(f"GridSearch: received more than {MOST_POINTS} points, expected fewer")
        return found


RandomSearch = RandomSearchOracle
BayesianOptimization = BayesianOptimizationOracle
Hyperband = HyperbandOracle
GridSearch = GridSearchOracle
