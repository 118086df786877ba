"""Strategies to replay: a sampler over the recorded configurations, and a pruner of ours.

A name is `SAMPLER+PRUNER`, such as `tpe+median:8`. Samplers: `random`, `tpe`, `tpe:40` (after 40
random starts). Pruners: `none`, `auto` (the default), `median`, `median:8` (from epoch 8 on),
`percentile:8` (the best quarter goes on), `hyperband`, `hyperband:3` (from epoch 3 on).
`mine.py:Name` is a class of your own with the interface of `Strategy`, made with the arguments of
`Search`.
"""

import importlib.util
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Protocol

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from benchmarks.curves_file import Floats, Recording
from studyhall.search.trial.seeds import trial_seed
from studyhall.storage.database.optuna_names import SearchSpaceTransform
from studyhall.storage.sampling import pruning, samplers
from studyhall.storage.sampling.feed import Finished, Rung
from studyhall.storage.sampling.mirror import Mirror
from studyhall.storage.sampling.predictive_pruning import Predictive
from studyhall.storage.sampling.pruning import Pruner, Reports

DEFAULT = "tpe+auto"  # what `sampler = "auto"` and `pruner = "auto"` do


class Verdict(Enum):
    """The decision about a trial after an epoch."""

    GO_ON = "go on"
    PRUNE = "prune"
    PAUSE = "pause"


class Strategy(Protocol):
    """The decisions of a replayed search, whose trials are those of one worker."""

    def choose(self, number: int) -> int | None:
        """Return which recorded configuration trial `number` is of, or None if none is left.

        One that was paused goes on after its last epoch, with its former number.
        """

    def judge(self, number: int, reports: Reports, epoch: int) -> Verdict:
        """Decide about the running trial, after an epoch that was not its last."""

    def learn(self, finished: Finished) -> None:
        """Take in a trial that is complete, pruned or failed."""


class Sampler(Protocol):
    """The choice of configurations, each at most once."""

    def choose(self, number: int) -> int | None:
        """Return the configuration of trial `number`; None if none is left."""

    def learn(self, finished: Finished) -> None:
        """Take in a trial that has ended."""


class Search:
    """A sampler and a pruner that know nothing of each other, as in a study.

    Args:
        recording: the configurations.
        seed: of this replay.
        name: as in the module's docstring.
    """

    def __init__(self, recording: Recording, seed: int, name: str = DEFAULT) -> None:
        sampler, _, pruner = name.partition("+")
        kind, _, starts = sampler.partition(":")
        if kind not in SAMPLERS:
            raise SystemExit(f"--strategy: received {name}, expected one of {', '.join(SAMPLERS)}")
        epochs = max(len(curve.values) for curve in recording.curves)
        self._sampler = SAMPLERS[kind](recording, seed, int(starts or 10))
        self._pruner, self._rungs = _pruner(pruner or "none", f"replay-{seed}", epochs), 0

    def choose(self, number: int) -> int | None:
        """Return a configuration that was not chosen before."""
        return self._sampler.choose(number)

    def judge(self, number: int, reports: Reports, epoch: int) -> Verdict:
        """Ask the pruner, as a worker's store does."""
        while (rung := self._pruner.rung(number, reports, epoch)) is not None:
            self._rungs += 1
            self._pruner.learn((), [Rung(self._rungs, number, rung, reports[epoch])])
        pruned = self._pruner.should_prune(number, reports, epoch)
        return Verdict.PRUNE if pruned else Verdict.GO_ON

    def learn(self, finished: Finished) -> None:
        """Tell the sampler and the pruner."""
        self._sampler.learn(finished)
        self._pruner.learn([finished], ())


class RandomOrder:
    """The configurations in random order."""

    def __init__(self, recording: Recording, seed: int, starts: int) -> None:
        self._order = np.random.default_rng(seed).permutation(len(recording.curves))

    def choose(self, number: int) -> int | None:
        """Return the next one; None after the last."""
        return int(self._order[number]) if number < len(self._order) else None

    def learn(self, finished: Finished) -> None:
        """Learn nothing."""


class NearestTpe:
    """Our TPE, whose every proposal becomes the nearest recorded one not yet taken.

    Near is meant in the unit cube of the hyperparameters; two different words are √2 apart.
    """

    def __init__(self, recording: Recording, seed: int, starts: int) -> None:
        self._spaces, self._seed = dict(recording.distributions), seed
        self._transform = SearchSpaceTransform(self._spaces, transform_0_1=True)
        self._points = np.array([self._point(curve.params) for curve in recording.curves])
        self._free = np.ones(len(self._points), bool)
        self._factory = samplers.named("tpe", study_seed=seed, startup_trials=starts)
        self._mirror = Mirror("replay", samplers.window("tpe"))

    def choose(self, number: int) -> int | None:
        """Return the free configuration that is nearest to the sampler's; None if none is free."""
        if not self._free.any():
            return None
        wanted = self._point(self._proposed(number))
        distances = np.linalg.norm(self._points - wanted, axis=1)
        index = int(np.where(self._free, distances, np.inf).argmin())
        self._free[index] = False
        return index

    def learn(self, finished: Finished) -> None:
        """Show the trial to the sampler."""
        self._mirror.learn([finished])

    def _point(self, params: object) -> Floats:
        return np.asarray(self._transform.transform(params), float)

    def _proposed(self, number: int) -> dict[str, object]:
        self._mirror.show_running([_running(number)])
        study = self._mirror.study(self._factory(trial_seed(self._seed, number)))
        trial = optuna.Trial(study, number)
        for name, space in self._spaces.items():
            trial._suggest(name, space)
        return trial.params


SAMPLERS: dict[str, Callable[[Recording, int, int], Sampler]] = {
    "random": RandomOrder,
    "tpe": NearestTpe,
}


def made(name: str, recording: Recording, seed: int) -> Strategy:
    """Return the strategy of a name, new for each replay.

    Raises:
        SystemExit: there is no such strategy.
    """
    path, _, own = name.rpartition(".py:")
    if not path:
        return Search(recording, seed, name)
    described = importlib.util.spec_from_file_location(Path(path).name, f"{path}.py")
    assert described and described.loader
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    strategy: Strategy = getattr(module, own)(recording, seed)
    return strategy


def _pruner(text: str, study: str, epochs: int) -> Pruner:
    kind, _, first = text.partition(":")
    known: dict[str, Pruner] = {
        "none": pruning.Never(),
        "auto": Predictive(n_warmup_steps=int(first or 0)),
        "median": pruning.Percentile(50, n_warmup_steps=int(first or 0)),
        "percentile": pruning.Percentile(25, n_warmup_steps=int(first or 0)),
        "hyperband": pruning.Hyperband(study, min_resource=int(first or 1), max_resource=epochs),
    }
    if kind not in known:
        raise SystemExit(f"--strategy: received +{text}, expected one of +{', +'.join(known)}")
    return known[kind]


def _running(number: int) -> FrozenTrial:
    return FrozenTrial(
        number=number,
        trial_id=number,
        state=TrialState.RUNNING,
        value=None,
        params={},
        distributions={},
        user_attrs={},
        system_attrs={},
        intermediate_values={},
        datetime_start=None,
        datetime_complete=None,
    )
