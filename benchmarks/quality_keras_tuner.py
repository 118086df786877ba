"""KerasTuner as a peer: its Hyperband and its Bayesian oracle.

The oracles are KerasTuner's own; its tuner, which would write every model to the disk, is left out,
except that Hyperband goes on with a trial's best weights, as KerasTuner does.
"""

import os
import tempfile
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras_tuner

from benchmarks.quality_search import COMPLETE, Asked, Space

OBJECTIVE = "val_data_loss"


class _Oracle:
    def __init__(self, oracle: Any, epochs: int) -> None:
        self._oracle, self._epochs = oracle, epochs
        oracle.verbose = 0
        oracle._display.verbose = 0
        oracle._set_project_dir(tempfile.mkdtemp(), "oracle")
        self._running: dict[str, tuple[Any, str]] = {}  # trials, and the tuners that have them

    def ask(self) -> Asked | None:
        """Return the oracle's next trial; None while it waits."""
        tuner = self._free_tuner()
        trial = self._oracle.create_trial(tuner)
        if trial.status != "RUNNING":
            return None
        self._running[trial.trial_id] = trial, tuner
        values = dict(trial.hyperparameters.values)
        about = {name: values.pop(name) for name in list(values) if name.startswith("tuner/")}
        return Asked(
            trial.trial_id,
            values,
            about.get("tuner/epochs", self._epochs),
            about.get("tuner/trial_id"),
            about.get("tuner/initial_epoch", 0),
        )

    def report(self, name: str, epoch: int, value: float) -> bool:
        """Go on: the oracle decides between trials only."""
        return True

    def tell(self, name: str, value: float | None, state: str) -> None:
        """End the trial with its best epoch."""
        trial, _ = self._running.pop(name)
        if value is not None:
            self._oracle.update_trial(name, {OBJECTIVE: value})
        # A failed trial would end KerasTuner's search after three in a row.
        trial.status = "COMPLETED" if state == COMPLETE else "INVALID"
        self._oracle.end_trial(trial)

    def _free_tuner(self) -> str:
        taken = {tuner for _, tuner in self._running.values()}
        return next(name for name in map(str, range(1000)) if name not in taken)


class Hyperband(_Oracle):
    """Hyperband with KerasTuner's factor of 3, again and again."""

    def __init__(self, space: Space, *, seed: int, epochs: int, workers: int) -> None:
        oracle = keras_tuner.oracles.HyperbandOracle(
            _objective(),
            max_epochs=epochs,
            hyperband_iterations=None,
            hyperparameters=_registered(space),
            seed=seed + 1,  # it takes 0 for none
            max_consecutive_failed_trials=10**9,
        )
        super().__init__(oracle, epochs)


class Bayesian(_Oracle):
    """Bayesian optimisation by a Gaussian process."""

    def __init__(self, space: Space, *, seed: int, epochs: int, workers: int) -> None:
        oracle = keras_tuner.oracles.BayesianOptimizationOracle(
            _objective(),
            max_trials=10**6,
            hyperparameters=_registered(space),
            seed=seed + 1,
            max_consecutive_failed_trials=10**9,
        )
        super().__init__(oracle, epochs)


def _objective() -> Any:
    return keras_tuner.Objective(OBJECTIVE, "min")


def _registered(space: Space) -> Any:
    known = keras_tuner.HyperParameters()
    for entry in space:
        name = entry["name"]
        if "choices" in entry:
            known.Choice(name, list(entry["choices"]))
            continue
        number = known.Int if entry["whole"] else known.Float
        sampling = "log" if entry["log"] else "linear"
        number(name, entry["low"], entry["high"], sampling=sampling)
    return known
