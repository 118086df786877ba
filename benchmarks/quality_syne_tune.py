"""Syne Tune as a peer: asynchronous successive halving with BORE, and MOBSTER.

Its schedulers are asked in this process. Its own backend would start Python and import TensorFlow
for each trial, seconds that are not counted here.
"""

import datetime
import logging
from typing import Any

from syne_tune import config_space
from syne_tune.backend.trial_status import Trial
from syne_tune.optimizer.baselines import ASHABORE, MOBSTER

from benchmarks.quality_search import COMPLETE, FAIL, Asked, Space

LOSS, EPOCH, MOST = "loss", "epoch", "epochs"


class _Scheduler:
    def __init__(self, kind: Any, space: Space, seed: int, epochs: int) -> None:
        logging.getLogger().setLevel(logging.ERROR)
        self._scheduler = kind(
            {**{entry["name"]: _domain(entry) for entry in space}, MOST: epochs},
            metric=LOSS,
            mode="min",
            resource_attr=EPOCH,
            max_resource_attr=MOST,
            grace_period=1,
            reduction_factor=3,
            type="stopping",
            random_seed=seed,
        )
        self._trials: dict[str, Trial] = {}
        self._last: dict[str, dict[str, float]] = {}  # reports

    def ask(self) -> Asked:
        """Return a new trial."""
        number = len(self._trials)
        config = dict(self._scheduler.suggest(number).config)
        trial = Trial(number, config, datetime.datetime.now())
        self._scheduler.on_trial_add(trial)
        self._trials[str(number)] = trial
        values = {name: value for name, value in config.items() if name != MOST}
        return Asked(str(number), values, config[MOST])

    def report(self, name: str, epoch: int, value: float) -> bool:
        """Tell the scheduler, which may stop the trial at a rung."""
        self._last[name] = {LOSS: value, EPOCH: epoch}
        said = self._scheduler.on_trial_result(self._trials[name], self._last[name])
        if said != "CONTINUE":
            del self._last[name]  # so that it is not told to be complete as well
        return bool(said == "CONTINUE" or epoch == self._trials[name].config[MOST])

    def tell(self, name: str, value: float | None, state: str) -> None:
        """End a trial that the scheduler did not stop."""
        if state == FAIL:
            self._scheduler.on_trial_error(self._trials[name])
        elif state == COMPLETE and name in self._last:
            self._scheduler.on_trial_complete(self._trials[name], self._last[name])


class Bore(_Scheduler):
    """ASHA with BORE, a classifier of good configurations."""

    def __init__(self, space: Space, *, seed: int, epochs: int, workers: int) -> None:
        super().__init__(ASHABORE, space, seed, epochs)


class Mobster(_Scheduler):
    """ASHA with a Gaussian process over configurations and epochs."""

    def __init__(self, space: Space, *, seed: int, epochs: int, workers: int) -> None:
        super().__init__(MOBSTER, space, seed, epochs)


def _domain(entry: Any) -> Any:
    if "choices" in entry:
        return config_space.choice(list(entry["choices"]))
    if entry["whole"]:
        number = config_space.lograndint if entry["log"] else config_space.randint
    else:
        number = config_space.loguniform if entry["log"] else config_space.uniform
    return number(entry["low"], entry["high"])
