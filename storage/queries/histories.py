"""The epochs of many trials at once, for whoever judges or draws a whole study."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from studyhall.storage.database import Database, encoding
from studyhall.storage.studies.rows import Study

_QUERY = """
    SELECT h.trial_id, h.fold, h.epoch, h.value, h.metrics
    FROM studyhall_history h JOIN trials t ON t.trial_id = h.trial_id
    WHERE t.study_id = :study_id ORDER BY h.trial_id, h.fold, h.epoch"""


def of_study(db: Database, study: Study) -> dict[int, list[dict[str, Any]]]:
    """All metrics of all epochs of all trials, by trial_id, as `records.history` has one's."""
    rows = db.snapshot(lambda transaction: transaction.rows(_QUERY, study_id=study.study_id))
    found: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for trial_id, fold, epoch, value, metrics in rows:
        known = encoding.unpack_metrics(metrics)
        found[trial_id].append({"fold": fold, "epoch": epoch, "value": value, "metrics": known})
    return dict(found)
