"""SMAC3 as a peer: its multi-fidelity facade, Hyperband with a random forest.

A configuration that is promoted is trained anew, from its first epoch on, as in SMAC's examples.
"""

import tempfile
from typing import Any

from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer
from smac import MultiFidelityFacade, Scenario
from smac.runhistory.dataclasses import TrialInfo, TrialValue
from smac.runhistory.enumerations import StatusType

from benchmarks.quality_search import FAIL, Asked, Space


class MultiFidelity:
    """Hyperband from one epoch to all with SMAC's factor of 3, again and again."""

    def __init__(self, space: Space, *, seed: int, epochs: int, workers: int) -> None:
        known = ConfigurationSpace(seed=seed)
        known.add([_hyperparameter(entry) for entry in space])
        scenario = Scenario(
            known,
            deterministic=True,
            n_trials=10**6,
            min_budget=1,
            max_budget=epochs,
            seed=seed,
            output_directory=tempfile.mkdtemp(),
        )
        self._search = MultiFidelityFacade(
            scenario, _never_called, overwrite=True, logging_level=False
        )
        self._running: dict[str, TrialInfo] = {}
        self._count, self._worst = 0, 0.0

    def ask(self) -> Asked:
        """Return the next configuration, with its budget in whole epochs."""
        info = self._search.ask()
        name, self._count = str(self._count), self._count + 1
        self._running[name] = info
        values = {key: _plain(value) for key, value in dict(info.config).items()}
        return Asked(name, values, max(1, round(info.budget or 1)))

    def report(self, name: str, epoch: int, value: float) -> bool:
        """Go on: SMAC decides between trainings only."""
        return True

    def tell(self, name: str, value: float | None, state: str) -> None:
        """End the training; one that diverged counts as the worst so far."""
        self._worst = max(self._worst, value or 0.0)
        status = StatusType.CRASHED if state == FAIL else StatusType.SUCCESS
        cost = self._worst if value is None else value
        self._search.tell(self._running.pop(name), TrialValue(cost=cost, status=status))


def _never_called(config: Any, seed: int = 0, budget: float = 0.0) -> float:
    raise AssertionError("trainings are asked for and told")


def _hyperparameter(entry: Any) -> Any:
    if "choices" in entry:
        return Categorical(entry["name"], list(entry["choices"]))
    number = Integer if entry["whole"] else Float
    return number(entry["name"], (entry["low"], entry["high"]), log=entry["log"])


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
