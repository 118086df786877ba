"""The answers of a script's study, which come from its database."""

from __future__ import annotations

from typing import Any

import optuna
from optuna.trial import FrozenTrial

from studyhall.optuna.given import Given
from studyhall.search.scripts import alone
from studyhall.search.scripts.session import Searched


class Answering(optuna.Study):
    """A study that answers as any of Optuna's once it is in a database.

    It begins without the parts of `optuna.Study`, which need a study in a database; they are found
    there afterwards.

    Args:
        url: URL of its database, or None.
        directions: that of each objective: "minimize" or "maximize".
    """

    def __init__(self, url: str | None, directions: list[str]) -> None:
        self.study_name: str
        self._url, self._ways = url, directions
        self._given = Given()
        self._searched: Searched | None = None
        self._at_work: Searched | None = None
        self._reader: optuna.Study | None = None

    @property
    def user_attrs(self) -> dict[str, Any]:
        """The attributes of the study."""
        stored = {} if self._place is None else self._optuna().user_attrs
        return {**stored, **self._given.attributes}

    @property
    def metric_names(self) -> list[str] | None:
        """The names of the objectives that the script has set; None without."""
        return self._given.metric_names or None

    @property
    def directions(self) -> list[optuna.study.StudyDirection]:
        """The direction of each objective."""
        return [optuna.study.StudyDirection[each.upper()] for each in self._ways]

    @property
    def trials(self) -> list[FrozenTrial]:
        """All trials; before the study is optimised, those that the script has added."""
        if (seen := self._seen) is None:
            return [*self._given.ended]
        more = self._given.ended if self._place is None else []
        return [*self._read(seen).trials, *more]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in ("_searched", "_at_work", "_url"):
            raise AttributeError(name)
        return getattr(self._optuna(), name)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_reader": None, "_asked": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    def _optuna(self) -> optuna.Study:
        """Return the study as Optuna reads it.

        Raises:
            ValueError: it has not been optimised yet.
        """
        seen = self._seen
        if seen is None:
            raise ValueError("No trials are completed yet.")
        return self._read(seen)

    def _read(self, seen: Searched) -> optuna.Study:
        if self._reader is None:
            from studyhall.optuna.answer_storage import Answers

            storage = Answers(seen.url, seen.shown)
            self._reader = optuna.Study(seen.study.name, storage)
            self._reader._storage = storage  # not behind Optuna's cache, which reads by itself
        return self._reader

    @property
    def _place(self) -> Searched | None:
        """The study's place: known once it has been optimised, and in a worker's trials."""
        return self._at_work or self._searched

    @property
    def _seen(self) -> Searched | None:
        """The study as the script sees it now; None while there is nothing to see."""
        if self._place is not None or self._url is None:
            return self._place
        return alone.before(self.study_name, self._url)
