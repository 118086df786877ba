"""The methods of a tuner that follow a search: subclasses in scripts override them."""

from __future__ import annotations

from typing import Any

from studyhall.keras_tuner.trial import Trial


class TunerEvents:
    """The events of a search, which do nothing unless a script overrides them."""

    def on_search_begin(self) -> None:
        """Called when the search begins."""

    def on_search_end(self) -> None:
        """Called when the search has ended."""

    def pre_create_trial(self) -> None:
        """Called before a trial begins."""

    def on_trial_begin(self, trial: Trial) -> None:
        """Called when a trial begins."""

    def on_trial_end(self, trial: Trial) -> None:
        """Called when a trial has ended."""

    def on_epoch_begin(self, trial: Trial, model: Any, epoch: int, logs: Any = None) -> None:
        """Called when an epoch begins."""

    def on_epoch_end(self, trial: Trial, model: Any, epoch: int, logs: Any = None) -> None:
        """Called when an epoch has ended."""

    def on_batch_begin(self, trial: Trial, model: Any, batch: int, logs: Any = None) -> None:
        """Called when a batch begins."""

    def on_batch_end(self, trial: Trial, model: Any, batch: int, logs: Any = None) -> None:
        """Called when a batch has ended."""

    def save_model(self, trial_id: str, model: Any, step: int = 0) -> None:
        """Do nothing: the models of the best trials are kept with the study."""

    def save(self) -> None:
        """Do nothing: the study is in its database."""

    def get_state(self) -> dict[str, Any]:
        """Return nothing: the study is in its database."""
        return {}

    def set_state(self, state: dict[str, Any]) -> None:
        """Do nothing: the study is in its database."""
