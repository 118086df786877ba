"""The samplers: Optuna's, adapted so that workers agree without shared sampler state.

Each trial gets a sampler of its own, seeded by the trial. State that workers must share (the next
point of a grid, the place in a sequence, a generation's distribution) is computed from the mirror
and from the number of trials sampled before this one. Nothing is unpickled from the database.
"""

import importlib.util
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
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
from optuna.trial import FrozenTrial, TrialState

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
    """Return the factory of the sampler that a study file names; "auto" is Optuna's TPE.

    Args:
        name: one of `NAMES`.
        study_seed: seed of what all trials share: the order of a grid, a Sobol sequence.
        grid: values by hyperparameter; for "grid" only.
        startup_trials: number of random trials before TPE, GP and CMA-ES learn from results;
            for NSGA-II the size of the population.

    Raises:
        ValueError: there is no sampler of that name, or something that it needs is missing.
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
        raise ValueError(
            "sampler: received 'grid', expected a list of values for each hyperparameter"
        )
    if name == "gp" and importlib.util.find_spec("torch") is None:
        raise ValueError("sampler: received 'gp', which needs PyTorch: pip install torch")
    if lacks := optuna_names.lacking(name):
        version = optuna.__version__
        raise ValueError(
            f"sampler: received {name!r}, which needs {lacks}, missing from Optuna {version}"
        )
    return makers[name]


def window(name: str, objectives: int = 1) -> Window:
    """Return the window of finished trials that a sampler needs to see.

    CMA-ES and NSGA-II need every generation. With several objectives all trials are kept too, since
    the window ranks by the first objective only.
    """
    return Window(latest=10**9) if name in ("cmaes", "nsgaii") or objectives > 1 else Window()


class Grid(GridSampler):
    """The grid sampler: each sampled trial takes the next point of a shuffled grid.

    The points are in the same order for all workers. After the last point it starts again. A queued
    configuration takes no point; hyperparameters that it leaves open are sampled at random.
    """

    def __init__(self, grid: Mapping[str, Sequence[Any]], study_seed: int, seed: int) -> None:
        super().__init__(grid, seed=study_seed)
        self._points = math.prod(len(values) for values in grid.values())
        self._open = RandomSampler(seed=seed)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Assign the trial its point of the grid."""
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
        """Return the point's value, or a random one for a queued trial."""
        if "grid_id" in trial.system_attrs:
            return super().sample_independent(study, trial, param_name, param_distribution)
        return self._open.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Do nothing: the budget ends the study, not the last point."""


class Genetic(NSGAIISampler):
    """The NSGA-II sampler, with parents in a fixed order.

    Optuna's order differs between the call that selects them and later ones, which would make a
    trial depend on what its worker has sampled before.
    """

    def get_parent_population(self, study: optuna.Study, generation: int) -> list[FrozenTrial]:
        """Return the parents of a generation, sorted by number."""
        parents = super().get_parent_population(study, generation)
        return sorted(parents, key=lambda trial: trial.number)


class Sobol(QMCSampler):
    """The scrambled Sobol sequence: each sampled trial takes the next point."""

    _draw: int | None = None

    def __init__(self, study_seed: int, seed: int) -> None:
        with warnings.catch_warnings():  # Optuna calls it experimental
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            super().__init__(
                scramble=True,
                seed=study_seed,
                independent_sampler=RandomSampler(seed=seed),
                warn_independent_sampling=False,
            )

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """Return the trial's point of the sequence; no values for a queued trial."""
        self._draw = trial.system_attrs.get(DRAW)
        return {} if self._draw is None else super().sample_relative(study, trial, search_space)

    def _find_sample_id(
        self, study: optuna.Study, search_space: dict[str, BaseDistribution]
    ) -> int:
        """Return the index of the trial's point.

        Optuna's own counter is an attribute of the study, where two workers may read the same
        number.
        """
        assert self._draw is not None
        return self._draw


class Cmaes(CmaEsSampler):
    """The CMA-ES sampler, whose state is recomputed from the finished trials.

    Optuna stores the pickled optimizer in the database. Here only the generation of each trial is
    stored: a new optimizer is updated with all finished generations, which takes about 0.2 ms each.
    """

    _space: Mapping[str, BaseDistribution] = MappingProxyType({})

    def __init__(self, seed: int, startup_trials: int = 1) -> None:
        super().__init__(
            seed=seed,
            n_startup_trials=startup_trials,
            independent_sampler=RandomSampler(seed=seed),
            warn_independent_sampling=False,
        )

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """Return a sample from the present generation's distribution."""
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
