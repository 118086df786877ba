"""The curves of the running trials, for a live view."""

from collections import defaultdict

from studyhall.storage.database import Transaction, companions
from studyhall.storage.studies import directions

Curves = dict[int, list[float | None]]

_RUNNING = f"""
    SELECT l.number, h.value, s.direction
    FROM studyhall_leases l
        JOIN studyhall_history h ON h.trial_id = l.trial_id
        JOIN study_directions s ON s.study_id = {companions.head("l.study_id")} AND s.objective = 0
    WHERE l.study_id = :study_id AND h.epoch > l.epoch - :epochs
    ORDER BY l.number, h.fold, h.epoch"""


def running(transaction: Transaction, study_id: int, *, epochs: int) -> Curves:
    """Return the values of each running trial's epochs, by the trial's number.

    Args:
        transaction: reads them.
        study_id: the study.
        epochs: how many of the latest epochs at most.
    """
    found: defaultdict[int, list[float | None]] = defaultdict(list)
    for number, cost, way in transaction.rows(_RUNNING, study_id=study_id, epochs=epochs):
        found[number].append(directions.turned(cost, way))
    return dict(found)
