"""Which way the values of a study get better.

In here every value is a cost, the less the better, whatever the study's objective is; in Optuna's
tables, and in what is read for people, it has the sign that the study's direction asks for.
"""

from collections.abc import Sequence

MINIMIZE, MAXIMIZE = "minimize", "maximize"


def turned(value: float | None, direction: str | None) -> float | None:
    """A cost as the study's value, or the other way round."""
    if value is None or direction is None or direction.lower() == MINIMIZE:
        return value
    return 0.0 - value


def as_optunas(directions: Sequence[str]) -> list[str]:
    """As Optuna's table writes them."""
    return [direction.upper() for direction in directions]
