"""The read-only Optuna storage, which reads whole studies by a few plain statements.

It returns what Optuna's own storage returns, but does not use its object mapper, which takes many
times as long for a study of 1,000 trials. Trials that have ended never change and are kept in
memory.
"""

import copy
from collections import defaultdict
from collections.abc import Container
from datetime import datetime
from typing import Any

from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from studyhall.storage.database import Database, Transaction, dialects, optuna_names, read_only
from studyhall.storage.queries import frozen
from studyhall.storage.studies import trash


class Reader(RDBStorage):
    """The storage with all studies of a database except the trash; its connection can't write."""

    def __init__(self, db: Database) -> None:
        url = read_only.url(db)
        # Optuna calls `format` on the URL, so braces are doubled.
        super().__init__(
            url.render_as_string(hide_password=False).replace("{", "{{").replace("}", "}}"),
            engine_kwargs=dialects.reading_options(url),
            skip_compatibility_check=True,
            skip_table_creation=True,
        )
        self._db = read_only.opened(db)
        self._ended: defaultdict[int, dict[int, tuple[datetime | None, FrozenTrial]]]
        self._ended = defaultdict(dict)

    def get_all_studies(self) -> list[Any]:
        """Return all studies that are not in the trash, sorted by identifier."""
        known = optuna_names.FrozenStudy is not None
        found = self._db.snapshot(frozen.studies) if known else super().get_all_studies()
        return [study for study in found if not trash.holds(study.study_name)]

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        """Return all trials of a study, sorted by number.

        Args:
            study_id: Optuna's identifier of the study.
            deepcopy: return copies that the caller may change.
            states: return only trials in these states.

        Raises:
            KeyError: there is no such study.
        """
        trials = self._db.snapshot(lambda transaction: self._read(transaction, study_id))
        if states is not None:
            trials = [trial for trial in trials if trial.state in states]
        return copy.deepcopy(trials) if deepcopy else trials

    def close(self) -> None:
        """Close the connections."""
        self._db.close()
        self.engine.dispose()

    def _read(self, transaction: Transaction, study_id: int) -> list[FrozenTrial]:
        """Return a study's trials; read only those that are not in memory or still running."""
        found = _found(transaction, study_id)
        known = self._ended[study_id]
        new = [trial_id for trial_id, ended in found if known.get(trial_id, (None,))[0] != ended]
        new += [trial_id for trial_id, ended in found if ended is None]
        read = {trial._trial_id: trial for trial in frozen.trials(transaction, study_id, new)}
        self._ended[study_id] = {
            trial_id: (ended, read.get(trial_id) or known[trial_id][1])
            for trial_id, ended in found
            if ended is not None
        }
        return [read.get(trial_id) or known[trial_id][1] for trial_id, _ in found]


def _found(transaction: Transaction, study_id: int) -> list[tuple[int, datetime | None]]:
    """Return (trial_id, date of its end or None) of every trial of a study, sorted by number.

    Raises:
        KeyError: there is no such study.
    """
    if not transaction.rows("SELECT 1 FROM studies WHERE study_id = :id", id=study_id):
        raise KeyError(f"no study has the identifier {study_id}")
    rows = transaction.rows(
        "SELECT trial_id, datetime_complete FROM trials WHERE study_id = :id ORDER BY number",
        id=study_id,
    )
    return [(trial_id, frozen.moment(ended)) for trial_id, ended in rows]
