"""The callback that a user gives to `fit`: it follows one metric, and prunes as Optuna does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import optuna

from studyhall.search.scripts.reporting_trial import Leave
from studyhall.search.scripts.script_trial import ScriptTrial
from studyhall.search.scripts.trial_callback import TrialCallback
from studyhall.search.trial.context import Outcome


class Monitored(TrialCallback):
    """Reports a metric of each epoch, prunes by it, saves checkpoints and goes on from them.

    Args:
        trial: the trial.
        monitor: the metric's name in Keras' logs.
    """

    def __init__(self, trial: ScriptTrial, monitor: str) -> None:
        super().__init__(trial, lambda logs: logs.get(monitor), keeps_weights=False)
        self._monitor = monitor

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Report an epoch; save the training if it is time.

        Raises:
            optuna.TrialPruned: the trial fell behind.
            Leave: it is handed back or lost.
        """
        try:
            super().on_epoch_end(epoch, logs)
        except Leave as leave:
            if leave.outcome is not Outcome.PRUNED:
                raise
            raise optuna.TrialPruned(f"pruned at epoch {epoch + 1}") from None

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Complete the record of the training.

        Raises:
            ValueError: no epoch has measured the metric.
        """
        super().on_train_end(logs)
        if self.history and all(math.isnan(each.value) for each in self.history):
            known = ", ".join(self.history[-1].metrics)
            raise ValueError(f'monitor: received "{self._monitor}", expected one of {known}')
