"""The trials of a study that a script asks for, runs itself, and tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from optuna.trial import FrozenTrial, TrialState

from studyhall.optuna import telling
from studyhall.optuna.giving import Giving
from studyhall.optuna.trial import AskedTrial
from studyhall.search.scripts import alone
from studyhall.search.scripts.call import Call
from studyhall.search.scripts.session import Searched
from studyhall.storage.queries import records

if TYPE_CHECKING:
    from studyhall.search.scripts.asked import Asked
    from studyhall.search.scripts.script_trial import ScriptTrial


class Asking(Giving):
    """A study whose trials a script may ask for.

    Args:
        url: URL of its database, or None.
        directions: that of each objective: "minimize" or "maximize".
    """

    def __init__(self, url: str | None, directions: list[str]) -> None:
        super().__init__(url, directions)
        self._asked: Asked | None = None

    def _call(self, **more: Any) -> Call:
        """Return the next search of the study."""
        raise NotImplementedError

    def _place_is(self, searched: Searched) -> None:
        """Take note of where the study is, now that a search has begun."""
        self._searched, self._searches, self._reader = searched, self._searches + 1, None
        self._at_work, self._added = None, 0
        self._given.begun()

    def _begin(self, under_way: ScriptTrial) -> None:
        """Take note of the trial that runs; it knows the attributes that it was queued with."""
        context = under_way.context
        url = context.db.url.render_as_string(hide_password=False)
        if self._at_work is None:
            self._reader = None
        self._at_work, self._runs = Searched(url, context.study), True
        if under_way.is_fixed:
            stored = records.trial(context.db, context.study, under_way.number)
            under_way.claim.frozen.user_attrs.update({} if stored is None else stored.attributes)

    def ask(self, fixed_distributions: Mapping[str, Any] | None = None) -> Any:
        """Return a trial that the script runs and tells, under a lease of its own.

        Args:
            fixed_distributions: distributions of hyperparameters that are suggested at once.

        Raises:
            ConfigError: this process can't run trials of its own, or the study is stopped.
        """
        if self._asked is None:
            from studyhall.search.scripts.asked import Asked

            call = self._call(run=lambda trial: None, trials=1, asks=True)
            self._place_is(alone.opened(call, self._url))
            assert self._searched is not None
            self._asked = Asked(self._searched, call)
        under_way = self._asked.ask()
        self._begin(under_way)
        trial = AskedTrial(under_way, self)
        for name, space in (fixed_distributions or {}).items():
            telling.suggest(trial, name, space)
        return trial

    def tell(
        self,
        trial: Any,
        values: Any = None,
        state: TrialState | None = None,
        skip_if_finished: bool = False,
    ) -> FrozenTrial:
        """Record the result of a trial that the script has asked for; return it as it ended.

        Args:
            trial: the trial, or its number.
            values: its value, or a value for each objective.
            state: how it ended; default: by its values.
            skip_if_finished: do nothing if it has ended already.

        Raises:
            ValueError: it has ended, is not held by this process, or the values don't fit.
        """
        number = trial if isinstance(trial, int) else trial.number
        held = None if self._asked is None else self._asked.held(number)
        if self._asked is None or held is None:
            return self._told_before(number, skip=skip_if_finished)
        self._asked.tell(number, *telling.result(values, state, len(self._ways)))
        found: FrozenTrial = self._optuna()._storage.get_trial(held.claim.lease.trial_id)
        return found

    def _told_before(self, number: int, *, skip: bool) -> FrozenTrial:
        found = next((each for each in self.trials if each.number == number), None)
        if found is None:
            raise ValueError(f"Cannot tell for trial with number {number}: it was never asked for.")
        if found.state.is_finished() and skip:
            return found
        holder = "" if found.state.is_finished() else ", which another process holds"
        raise ValueError(f"Cannot tell a {found.state.name} trial{holder}.")

    def _close_asked(self) -> None:
        if self._asked is not None:
            self._asked.close()
            self._asked = None
