"""The directions of a study's objectives, and the conversion between costs and values.

Inside the storage every value of the first objective is a cost: lower is better, whatever the
direction. Optuna's tables, and records that users read, hold the value: a cost with its sign
changed if the study maximizes.
"""

from collections.abc import Sequence

MINIMIZE, MAXIMIZE = "minimize", "maximize"


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
