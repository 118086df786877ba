"""Optuna's samplers, made to agree between workers without a word to each other.

Each trial gets a sampler of its own, seeded by the trial. What several workers must share (the next
point of a grid, the place in a sequence, a generation's distribution) follows from the mirror and
from how many trials were drawn before this one. Nothing is ever unpickled.
"""

import importlib.util
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cmaes
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    GPSampler,
    GridSampler,
    NSGAIISampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from studyhall.storage.database import optuna_names
from studyhall.storage.database.optuna_names import SearchSpaceTransform
from studyhall.storage.sampling.mirror import DRAW
from studyhall.storage.sampling.window import Window

NAMES = ("auto", "tpe", "gp", "cmaes", "nsgaii", "random", "grid", "qmc")

Factory = Callable[[int], BaseSampler]  # makes a trial's sampler from the trial's seed


def named(
    name: str,
    *,
    study_seed: int,
    grid: Mapping[str, Sequence[Any]] | None = None,
    startup_trials: int = 10,
) -> Factory:
    """Makes the samplers that a study file names; "auto" is TPE, as Optuna ships it.

    Args:
        name: one of `NAMES`.
        study_seed: for what all trials of the study have in common.
        grid: values of every hyperparameter; for "grid" only.
        startup_trials: finished trials before TPE, GP and CMA-ES learn from them; how many make a
            generation of NSGA-II.

    Raises:
        ValueError: there is no sampler of that name, or it lacks what it needs.
    """
    makers: dict[str, Factory] = {
        "auto": lambda seed: TPESampler(seed=seed, n_startup_trials=startup_trials),
        "tpe": lambda seed: TPESampler(seed=seed, n_startup_trials=startup_trials),
        "gp": lambda seed: GPSampler(seed=seed, n_startup_trials=startup_trials),
        "cmaes": lambda seed: Cmaes(seed, startup_trials),
        "nsgaii": lambda seed: Genetic(seed=seed, population_size=max(2, startup_trials)),
        "random": lambda seed: RandomSampler(seed=seed),
        "grid": lambda seed: Grid(grid or {}, study_seed, seed),
        "qmc": lambda seed: Sobol(study_seed, seed),
    }
    if name not in makers:
        raise ValueError(f"sampler: received {name!r}, expected one of {', '.join(NAMES)}")
    if name == "grid" and not grid:
        raise ValueError("sampler: received 'grid', expected lists of values to search")
    if name == "gp" and importlib.util.find_spec("torch") is None:
        raise ValueError("sampler: received 'gp', which needs PyTorch: pip install torch")
    if lacks := optuna_names.lacking(name):
        version = optuna.__version__
        raise ValueError(f"sampler: received {name!r}, which Optuna {version} has no {lacks} for")
    return makers[name]


def window(name: str, objectives: int = 1) -> Window:
    """How many finished trials a sampler needs to see: CMA-ES and NSGA-II every generation.

    Of several objectives the window knows one only, and so keeps all trials.
    """
    return Window(latest=10**9) if name in ("cmaes", "nsgaii") or objectives > 1 else Window()


class Grid(GridSampler):
    """A shuffled grid of which every drawn trial takes the next point, whichever worker runs it.

    After the last point it starts again. A queued configuration takes no point; what it leaves open
    is drawn at random.
    """

    def __init__(self, grid: Mapping[str, Sequence[Any]], study_seed: int, seed: int) -> None:
        super().__init__(grid, seed=study_seed)
        self._points = math.prod(len(values) for values in grid.values())
        self._open = RandomSampler(seed=seed)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Gives the trial its point."""
        if DRAW in trial.system_attrs:
            point = trial.system_attrs[DRAW] % self._points
            study._storage.set_trial_system_attr(trial._trial_id, "grid_id", point)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """The point's value, or one at random for a queued trial."""
        if "grid_id" in trial.system_attrs:
            return super().sample_independent(study, trial, param_name, param_distribution)
        return self._open.sample_independent(study, trial, param_name, param_distribution)


class Genetic(NSGAIISampler):
    """NSGA-II whose parents stand in one order, whether they were just chosen or are remembered."""

    def get_parent_population(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        """The parents of a generation, by number."""
        parents = super().get_parent_population(study, generation)
        return sorted(parents, key=lambda trial: trial.number)


class Sobol(QMCSampler):
    """A scrambled Sobol sequence of which every drawn trial takes the next point."""

    def __init__(self, study_seed: int, seed: int) -> None:
        with warnings.catch_warnings():  # Optuna calls it experimental
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            super().__init__(
                scramble=True,
                seed=study_seed,
                independent_sampler=RandomSampler(seed=seed),
                warn_independent_sampling=False,
            )
        self._draw: int | None = None

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """The sequence's point; nothing for a queued trial."""
        self._draw = trial.system_attrs.get(DRAW)
        return {} if self._draw is None else super().sample_relative(study, trial, search_space)

    def _find_sample_id(
        self, study: optuna.Study, search_space: dict[str, BaseDistribution]
    ) -> int:
        """Optuna counts in the study's attributes, where two workers may read the same number."""
        assert self._draw is not None
        return self._draw


class Cmaes(CmaEsSampler):
    """CMA-ES whose state is replayed from the finished trials.

    Optuna keeps the pickled optimizer in the database. Here only each trial's generation is kept:
    the optimizer is told the finished generations again, which costs about 0.2 ms each.
    """

    def __init__(self, seed: int, startup_trials: int = 1) -> None:
        super().__init__(
            seed=seed,
            n_startup_trials=startup_trials,
            independent_sampler=RandomSampler(seed=seed),
            warn_independent_sampling=False,
        )
        self._space: dict[str, BaseDistribution] = {}

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """A draw from the current generation's distribution."""
        self._space = search_space
        return super().sample_relative(study, trial, search_space)

    def _restore_optimizer(self, completed_trials: list[FrozenTrial]) -> cmaes.CMA:
        transform = SearchSpaceTransform(self._space, transform_step=True, transform_0_1=True)
        optimizer = self._init_optimizer(transform, StudyDirection.MINIMIZE)
        while True:
            generation = self._get_solution_trials(completed_trials, optimizer.generation)
            told = generation[: optimizer.population_size]
            if len(told) < optimizer.population_size:
                return optimizer
            optimizer.tell([(transform.transform(trial.params), trial.value) for trial in told])
