"""The goal of a study: a result that is good enough, and when to give up looking for a better one.

No trial is started, or taken over, once the goal is reached; trials under way go on to their ends.
"""

from dataclasses import dataclass

from studyhall.storage.database import Row, Transaction

TARGET = "target"
NO_IMPROVEMENT = "no improvement"
LEAST = 5e-324  # the least difference of two numbers


@dataclass(frozen=True)
class Goal:
    """The goal that ends a study before its budget does.

    Attributes:
        target: a cost that is good enough; None: none is.
        stop_after: number of trials, complete or pruned, over which the best cost must improve;
            None: any number.
        min_improvement: by how much it must; 0: at all.
    """

    target: float | None = None
    stop_after: int | None = None
    min_improvement: float = 0.0


def reached(transaction: Transaction, study_id: int, goal: Goal | Row) -> str:
    """Tell whether the results in the database reach a goal.

    Args:
        transaction: the one to read in.
        study_id: the study's identifier.
        goal: the goal, or the columns of the budget that hold it.

    Returns:
        `TARGET`, `NO_IMPROVEMENT`, or "" as long as neither holds.
    """
    if goal.target is None and goal.stop_after is None:
        return ""
    best = _best(transaction, study_id)
    if best is None:
        return ""
    if goal.target is not None and best <= goal.target:
        return TARGET
    if goal.stop_after is None:
        return ""
    before = _best(transaction, study_id, _start(transaction, study_id, goal.stop_after))
    improved = before is None or before - best >= max(goal.min_improvement, LEAST)
    return "" if improved else NO_IMPROVEMENT


def _start(transaction: Transaction, study_id: int, count: int) -> int:
    """Return the place in the feed of the last but `count` result; 0 if there are no more."""
    found = transaction.row(
        """
        SELECT sequence FROM studyhall_done WHERE study_id = :study_id AND state <> 'FAIL'
        ORDER BY sequence DESC LIMIT 1 OFFSET :count""",
        study_id=study_id,
        count=count,
    )
    return 0 if found is None else int(found[0])


def _best(transaction: Transaction, study_id: int, sequence: int | None = None) -> float | None:
    """Return the best cost of all complete trials, or of those up to a place in the feed."""
    found = transaction.row(
        """
        SELECT value FROM studyhall_done
        WHERE study_id = :study_id AND state = 'COMPLETE' AND value IS NOT NULL
            AND (CAST(:sequence AS bigint) IS NULL OR sequence <= :sequence)
        ORDER BY value LIMIT 1""",
        study_id=study_id,
        sequence=sequence,
    )
    return None if found is None else float(found[0])
