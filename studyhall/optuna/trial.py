"""The trial that an objective of Optuna gets, and the callback that follows its `fit`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from studyhall.optuna import theirs
from studyhall.search.study_file.config_error import ConfigError

if TYPE_CHECKING:
    from studyhall.search.scripts.script_trial import ScriptTrial


class Trial:
    """A trial as `optuna.Trial`, whose reports also go to the database and to the pruner.

    Args:
        under_way: the trial that a worker holds.
        study: the study.

    Attributes:
        under_way: the trial that a worker holds.
    """

    def __init__(self, under_way: ScriptTrial, study: Any) -> None:
        self.study = study
        self.under_way = under_way
        self._trial = under_way.claim.trial

    @property
    def number(self) -> int:
        """The trial's number, from 0."""
        return self.under_way.number

    def report(self, value: float, step: int) -> None:
        """Report an intermediate value; the trial may be handed back here.

        Args:
            value: the value.
            step: from 0.

        Raises:
            NotImplementedError: there are several objectives.
        """
        self._check_single("report")
        number = float(value)
        self._trial.report(number, step)
        self.under_way.report_step(step, number)

    def callback(self, monitor: str = "val_loss") -> Any:
        """Return a callback for Keras' `fit`; see `studyhall.callback`."""
        return callback(self, monitor)

    def should_prune(self) -> bool:
        """Return True if the trial should end with its last report.

        Raises:
            NotImplementedError: there are several objectives.
        """
        self._check_single("should_prune")
        return self.under_way.falls_behind

    def suggest_float(self, name: str, *args: Any, **kwargs: Any) -> float:
        """Suggest a float, as `optuna.Trial.suggest_float`."""
        return float(self._noted(name, self._trial.suggest_float(name, *args, **kwargs)))

    def suggest_int(self, name: str, *args: Any, **kwargs: Any) -> int:
        """Suggest an integer, as `optuna.Trial.suggest_int`."""
        return int(self._noted(name, self._trial.suggest_int(name, *args, **kwargs)))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Suggest a choice, as `optuna.Trial.suggest_categorical`."""
        return self._noted(name, self._trial.suggest_categorical(name, choices))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("suggest_"):  # the older ones
            suggest = getattr(self._trial, name)
            return lambda of, *args, **kwargs: self._noted(of, suggest(of, *args, **kwargs))
        return getattr(self._trial, name)

    def _noted(self, name: str, value: Any) -> Any:
        self.under_way.note({name: value})
        return value

    def _check_single(self, method: str) -> None:
        if len(self.under_way.context.plan.objectives) > 1:
            raise NotImplementedError(
                f"Trial.{method} is not supported for multi-objective optimization."
            )


class AskedTrial(Trial):
    """A trial that a script has asked for, and runs outside of any call of ours."""

    def report(self, value: float, step: int) -> None:
        """Report an intermediate value.

        Raises:
            ConfigError: the study was stopped, or another process has taken the trial over.
        """
        with self._told():
            super().report(value, step)

    def _noted(self, name: str, value: Any) -> Any:
        with self._told():
            return super()._noted(name, value)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tell the script that its trial is no longer its own."""
        from studyhall.search.scripts.reporting_trial import Leave

        try:
            yield
        except Leave as leave:
            name = self.under_way.context.study.name
            said = f"trial {self.number} is {leave.outcome.value}"
            raise ConfigError([f"{name}: {said}"]) from None


def callback(trial: Any, monitor: str = "val_loss") -> Any:
    """Return a callback that lets Keras' `fit` follow a trial of `Study.optimize`.

    It reports each epoch, prunes the trial that falls behind, saves checkpoints, and goes on from
    one that an interrupted or killed process has left. `fit` of a trial is followed without it
    too, but then its epochs neither rank nor prune the trial.

    Examples:
        >>> model.fit(x, y, validation_data=..., callbacks=[studyhall.callback(trial)])

    Args:
        trial: the trial that the objective was called with.
        monitor: the metric's name in Keras' logs; the study's direction says what is better.

    Returns:
        A `keras.callbacks.Callback`. It raises `optuna.TrialPruned`, which the objective passes
        on, and ValueError if no epoch has measured the metric.

    Raises:
        ConfigError: the trial is none of studyhall's.
    """
    if not isinstance(trial, Trial):
        kind = f"{type(trial).__module__}.{type(trial).__name__}"
        expected = "expected the trial that Study.optimize() calls the objective with"
        raise ConfigError([f"callback: received a {kind}, {expected}"])
    from studyhall.search.scripts.monitored import Monitored

    return Monitored(trial.under_way, monitor)


def __getattr__(name: str) -> Any:
    return theirs.found("optuna.trial", name)
