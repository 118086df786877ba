"""The trials of a study as Optuna's own storage would have them: without what studyhall records."""

from __future__ import annotations

import math
from collections.abc import Container

from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from studyhall.search.scripts import own_attributes
from studyhall.storage.database import Database
from studyhall.storage.queries.optuna_reader import Reader

OURS = ("studyhall:", "artifacts:")  # how names of system attributes begin


class Answers(Reader):
    """The storage that a script's study answers from; nothing is written through it.

    Args:
        url: URL of the database.
        shown: trials of this number and above are not there yet for the script; None: all are.
    """

    def __init__(self, url: str, shown: int | None = None) -> None:
        super().__init__(Database.open(url, create=False))
        self._shown = math.inf if shown is None else shown

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """Return all trials of a study, sorted by number."""
        found = super().get_all_trials(study_id, True, states)
        return [_as_the_script_has_it(trial) for trial in found if trial.number < self._shown]

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        """Return the best complete trial of those that are there."""
        return BaseStorage.get_best_trial(self, study_id)

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """Return a trial."""
        return _as_the_script_has_it(super().get_trial(trial_id))


def _as_the_script_has_it(trial: FrozenTrial) -> FrozenTrial:
    failed = trial.state == TrialState.FAIL
    trial.user_attrs = own_attributes.of_script(trial.user_attrs, failed=failed)
    ours = [key for key in trial.system_attrs if key.startswith(OURS)]
    for key in ours:
        del trial.system_attrs[key]
    return trial
