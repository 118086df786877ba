"""A study whose budget is spent without a complete trial: a failure, reported with its reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from studyhall.spaces import spelling
from studyhall.storage.database import Database
from studyhall.storage.queries import records, status
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies.rows import Study

EXIT_CODE = 1
MOST = 3  # number of reasons printed; the table of trials has all
PRUNED = "pruned: it fell behind, or a user stopped it"


def has_none(db: Database, study: Study) -> bool:
    """Return whether the budget is spent, no trial is running and none is complete."""
    state = status.status(db, study)
    return state.incumbent is None and state.spent and not state.running


def lines(db: Database, study: Study, at: str) -> Iterator[str]:
    """Yield the most frequent reasons, one per line, and the command that lists all trials.

    Args:
        db: database of the study.
        study: the study.
        at: options that a command needs to find the same database.
    """
    found = records.trials(db, study)
    ended = [trial for trial in found if trial.state in ("FAIL", "PRUNED")]
    trials = spelling.counted(len(ended), "trial")
    yield f'study "{study.name}" has no result: 0 of {trials} completed'
    yield from reasons(ended)
    yield f"all trials: studyhall trials {study.name}{at}"


def reasons(ended: Sequence[TrialRecord]) -> Iterator[str]:
    """Yield the reasons why trials have no result, the most frequent first, one per line."""
    counts = Counter(map(_reason, ended))
    for reason, count in counts.most_common(MOST):
        yield f"  {count} × {reason}"
    rest = sum(counts.values()) - sum(count for _, count in counts.most_common(MOST))
    if rest:
        yield f"  {rest} × for other reasons"


def _reason(trial: TrialRecord) -> str:
    reason = trial.attributes.get("reason")
    if trial.state == "PRUNED":
        return f"pruned: {reason}" if reason else PRUNED
    return f"failed: {reason or 'no reason given'}"
