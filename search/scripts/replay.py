"""The view of a study that a script has between its searches: the same in every process and run.

A script that is run again, or by another worker, comes to each of its searches with the trials that
it had there the first time. So what it computes from their number is the same, and the budget is
exact.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from studyhall.search.scripts.call import Call
from studyhall.search.scripts.script import Script, recorded
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import Database
from studyhall.storage.queries import status
from studyhall.storage.studies import searches, studies
from studyhall.storage.studies.rows import Study

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


def shown(study: Study, ordinal: int) -> int | None:
    """Return the number of trials that a script sees behind one of its searches.

    Args:
        study: the study.
        ordinal: which of the searches, from 1.

    Returns:
        The number: trials with a larger one are those of later searches. None if it is not known,
        so that all are seen.
    """
    known = recorded(study)
    if known is None or len(known.ends) < ordinal:
        return None
    return known.ends[ordinal - 1][1]


def ended(db: Database, study: Study, call: Call) -> int | None:
    """Record that a search has returned to the script; return what `shown` is behind it."""
    while True:
        study = studies.find(db, study.name) or study
        known = recorded(study)
        if known is None or not _is_last(known, call):
            return shown(study, call.ordinal)
        count = status.status(db, study).used - known.added_behind
        ends = [*known.ends[: call.ordinal - 1], [call.trials, count]]
        if [*known.ends] == ends:
            return count
        about = replace(known, ends=ends).to_record()
        studies.change_config(db, study, {**study.config, **about})


def check(script: Script, known: Script, call: Call) -> None:
    """Check that a search that is over asks for as many trials as it did.

    Raises:
        ConfigError: it does not, so that the later ones would not be what they were.
    """
    asked = known.ends[call.ordinal - 1][0] if len(known.ends) >= call.ordinal else call.trials
    if asked != call.trials:
        received = f"received {call.trials} trials for search {call.ordinal}, expected {asked}"
        why = "for it is over, and a later one has begun: change that one, or the study's name"
        raise ConfigError([f"{script.path}: {call.study}: {received}, {why}"])


def add(db: Database, study: Study, trial: FrozenTrial, ordinal: int, position: int) -> None:
    """Add a trial behind a search of a script, unless an earlier run of it has done so.

    Args:
        db: the database.
        study: the study.
        trial: a trial that has ended elsewhere.
        ordinal: which of the searches, from 1.
        position: number of trials that this process has added behind it before this one.
    """
    while True:
        study = studies.find(db, study.name) or study
        known = recorded(study)
        if known is None or known.ordinal > ordinal or known.added_behind > position:
            return
        about = replace(known, added_behind=position + 1).to_record()
        searches.add(db, study, [trial], {**study.config, **about})


def _is_last(known: Script, call: Call) -> bool:
    """Return True if a search is the last that has begun, and those before it are known."""
    is_known = len(known.ends) >= call.ordinal - 1
    return known.ordinal == call.ordinal and is_known and not call.asks
