"""The callback that a user gives to `fit`: it follows one metric, and prunes as Optuna does."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import optuna

from studyhall.search.scripts.reporting_trial import Leave
from studyhall.search.scripts.script_trial import ScriptTrial
from studyhall.search.scripts.trial_callback import TrialCallback
from studyhall.search.study_file.objectives import VALIDATION
from studyhall.search.trial.context import Outcome
from studyhall.spaces import spelling


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
            ValueError: the epoch has measured others, but not the metric.
            optuna.TrialPruned: the trial fell behind.
            Leave: it is handed back or lost.
        """
        measured = [*(logs or {})]
        if self._monitor not in measured and not self._is_awaited(measured):
            raise self._unknown(measured)
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
            raise self._unknown([*self.history[-1].metrics])

    def _is_awaited(self, measured: Sequence[str]) -> bool:
        """Return whether a later epoch may measure the metric: not every one is validated."""
        validated = any(name.startswith(VALIDATION) for name in measured)
        return self._monitor.startswith(VALIDATION) and not validated

    def _unknown(self, measured: Sequence[str]) -> ValueError:
        expected = spelling.one_of(self._monitor, measured)
        return ValueError(f'monitor: received "{self._monitor}", expected {expected}')
