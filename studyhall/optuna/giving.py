"""The things a script gives its study: trials to run, trials ended elsewhere, attributes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import replace
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from studyhall.optuna import given
from studyhall.optuna.answered_study import Answering
from studyhall.search.scripts import replay
from studyhall.storage.database import Database
from studyhall.storage.studies import searches
from studyhall.storage.studies.rows import Queued

METRIC_NAMES = "study:metric_names"  # Optuna's system attribute of a study


class Giving(Answering):
    """A study that takes what a script gives it, before its searches and while they are under way.

    Args:
        url: URL of its database, or None.
        directions: that of each objective: "minimize" or "maximize".
    """

    def __init__(self, url: str | None, directions: list[str]) -> None:
        super().__init__(url, directions)
        self._searches = 0
        self._added = 0  # ended trials, since the last search
        self._runs = False  # True while a trial runs in this process

    def enqueue_trial(
        self,
        params: dict[str, Any],
        user_attrs: dict[str, Any] | None = None,
        skip_if_exists: bool = False,
    ) -> None:
        """Run a trial with these hyperparameters before any that the sampler suggests.

        Args:
            params: values by name; the sampler suggests those that are missing.
            user_attrs: attributes of the trial.
            skip_if_exists: do nothing if a trial has these hyperparameters, or waits with them.
        """
        if skip_if_exists and given.is_known(params, self._given.queue, self.trials):
            return
        queued = Queued(dict(params), dict(user_attrs or {}))
        place = self._at_work if self._runs else None
        if place is None:
            self._given.queue.append(queued)
            return
        with closing(Database.open(place.url)) as db:
            searches.enqueue(db, place.study, queued)

    def add_trial(self, trial: FrozenTrial) -> None:
        """Add a trial that has ended elsewhere; it counts beside those of `optimize`.

        Raises:
            ValueError: it has not ended, or has other objectives.
        """
        if trial.state == TrialState.WAITING:
            self.enqueue_trial(trial.system_attrs.get(given.FIXED, {}), trial.user_attrs)
            return
        found, place = given.checked(trial, self._ways), self._place
        if place is None:
            self._given.ended.append(found)
            return
        with closing(Database.open(place.url)) as db:
            if self._runs:
                searches.add(db, place.study, [found])
            else:
                replay.add(db, place.study, found, place.ordinal, self._added)
        self._added_one()

    def add_trials(self, trials: Iterable[FrozenTrial]) -> None:
        """Add trials that have ended elsewhere."""
        for each in trials:
            self.add_trial(each)

    def set_user_attr(self, key: str, value: Any) -> None:
        """Set an attribute of the study; it is in the database once the study is."""
        self._given.attributes[key] = value
        if self._place is not None:
            self._writing(lambda storage, study: storage.set_study_user_attr(study, key, value))

    def set_metric_names(self, metric_names: list[str]) -> None:
        """Name the objectives, for tables and plots.

        Raises:
            ValueError: there are more or fewer of them.
        """
        if len(metric_names) != len(self._ways):
            expected = f"expected {len(self._ways)}, as there are objectives"
            raise ValueError(f"set_metric_names: received {len(metric_names)}, {expected}")
        self._given.metric_names = [*metric_names]
        if self._place is not None:
            self._writing(
                lambda storage, study: storage.set_study_system_attr(
                    study, METRIC_NAMES, [*metric_names]
                )
            )

    def _added_one(self) -> None:
        """Show one trial more behind the last search."""
        self._added, self._reader = self._added + 1, None
        if self._searched is not None and self._searched.shown is not None:
            self._searched = replace(self._searched, shown=self._searched.shown + 1)

    def _writing(self, write: Callable[[Any, int], None]) -> None:
        assert self._place is not None
        with closing(Database.open(self._place.url)) as db:
            write(db.optuna_storage(), self._place.study.study_id)
