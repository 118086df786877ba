"""Plain Optuna as a peer: TPE with the median pruner, or with the Hyperband pruner."""

from typing import Any

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner
from optuna.trial import Trial, TrialState

from benchmarks.quality_search import Asked, Space, Values


class _Tpe:
    def __init__(self, space: Space, pruner: BasePruner, seed: int, epochs: int, workers: int):
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=seed, constant_liar=workers > 1)
        self._study = optuna.create_study(sampler=sampler, pruner=pruner)
        self._space, self._epochs = space, epochs
        self._running: dict[str, Trial] = {}

    def ask(self) -> Asked:
        """Return a new trial."""
        trial = self._study.ask()
        values: Values = {entry["name"]: _suggested(trial, entry) for entry in self._space}
        self._running[str(trial.number)] = trial
        return Asked(str(trial.number), values, self._epochs)

    def report(self, name: str, epoch: int, value: float) -> bool:
        """Do what Optuna's callback for Keras does after each epoch."""
        self._running[name].report(value, epoch)
        return not self._running[name].should_prune()

    def tell(self, name: str, value: float | None, state: str) -> None:
        """End the trial; a pruned one has its last report as its value."""
        trial = self._running.pop(name)
        known = value if state == "COMPLETE" else None
        self._study.tell(trial, known, TrialState[state])


class Median(_Tpe):
    """TPE with the median pruner, both with Optuna's defaults."""

    def __init__(self, space: Space, *, seed: int, epochs: int, workers: int) -> None:
        super().__init__(space, MedianPruner(), seed, epochs, workers)


class Hyperband(_Tpe):
    """TPE with the Hyperband pruner, from one epoch to all."""

    def __init__(self, space: Space, *, seed: int, epochs: int, workers: int) -> None:
        pruner = HyperbandPruner(min_resource=1, max_resource=epochs)
        super().__init__(space, pruner, seed, epochs, workers)


def _suggested(trial: Trial, entry: Any) -> Any:
    if "choices" in entry:
        return trial.suggest_categorical(entry["name"], entry["choices"])
    suggest = trial.suggest_int if entry["whole"] else trial.suggest_float
    return suggest(entry["name"], entry["low"], entry["high"], log=entry["log"])
