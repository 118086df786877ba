"""A study whose budget is spent without one complete trial: no success, with the reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from studyhall.search.display import words
from studyhall.storage.database import Database
from studyhall.storage.queries import records, status
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies.rows import Study

EXIT_CODE = 1
MOST = 3  # reasons that are told; the table of trials has all
PRUNED = "pruned: it fell behind, or somebody stopped it"


def is_so(db: Database, study: Study) -> bool:
    """Whether nothing is to come any more, and nothing has come."""
    state = status.status(db, study)
    return state.incumbent is None and state.spent and not state.running


def told(db: Database, study: Study, at: str) -> Iterator[str]:
    """The most frequent reasons, a line each, and where all are.

    Args:
        at: what a command needs to find the same database.
    """
    found = records.trials(db, study)
    ended = [trial for trial in found if trial.state in ("FAIL", "PRUNED")]
    trials = words.counted(len(ended), "trial")
    yield f'study "{study.name}" has no result: of {trials} none completed'
    yield from reasons(ended)
    yield f"every trial: studyhall trials {study.name}{at}"


def reasons(ended: Sequence[TrialRecord]) -> Iterator[str]:
    """Why trials came to nothing, the most frequent reason first, a line each."""
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
