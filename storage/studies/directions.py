"""The directions of a study's objectives, and the conversion between costs and values.

Inside the storage every value of the first objective is a cost: lower is better, whatever the
direction. Optuna's tables, and records that users read, hold the value: a cost with its sign
changed if the study maximizes.
"""

from collections.abc import Sequence

MINIMIZE, MAXIMIZE = "minimize", "maximize"

# The sum of the costs of a trial of `studyhall_done` in all objectives but the first; 0 with one.
REST = """(
    SELECT coalesce(sum(CASE o.direction WHEN 'MAXIMIZE' THEN -v.value ELSE v.value END), 0.0)
    FROM trial_values v JOIN study_directions o ON o.objective = v.objective
    WHERE v.trial_id = studyhall_done.trial_id AND o.study_id = studyhall_done.study_id
        AND v.objective > 0)"""


def ranking(objectives: int) -> str:
    """Return the ORDER BY of `studyhall_done` by which complete trials are ranked, the best first.

    Among equals in the first objective the others decide, so that no trial is ranked before one
    that is at least as good in all of them; then the earliest.

    Args:
        objectives: the number of objectives; with one an index has this order.
    """
    return f"value, {REST}, number" if objectives > 1 else "value, number"


def turned(value: float | None, direction: str | None) -> float | None:
    """Convert a cost to a value, or a value to a cost.

    Returns:
        The number with its sign changed if the direction is to maximize; None for None.
    """
    if value is None or direction is None or direction.lower() == MINIMIZE:
        return value
    return 0.0 - value  # not -value, which turns 0.0 into -0.0


def as_optunas(directions: Sequence[str]) -> list[str]:
    """Return directions as Optuna's table holds them: MINIMIZE, MAXIMIZE."""
    return [direction.upper() for direction in directions]
