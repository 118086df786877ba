"""The objectives of a study, by name, each with its direction.

Trials are ranked by the first objective, at their best epoch; the others are measured at the end.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from studyhall.search.study_file import own_code
from studyhall.search.study_file.losses import METRICS

LOSS = "validation loss"
VALUE = "value"  # the number that a function of the user's returns, in studies of scripts
ONE_OF_VALUES = re.compile(r"value \d+")  # likewise one of several
VALIDATION = "val_"  # before the name of a metric, as Keras logs it
TRAINING = "training "  # before the name of a metric of the training set, in studies of scripts
MINIMIZE, MAXIMIZE = "minimize", "maximize"
ERRORS = ("mean_absolute_error", "mean_squared_error", "root_mean_squared_error")
AT_THE_END = ("parameters", "latency")  # number of weights; prediction time per sample
UNITS = {"latency": "ms"}

KNOWN: dict[str, str] = {
    LOSS: MINIMIZE,
    **{name: MINIMIZE if name in (*ERRORS, "calibration_error") else MAXIMIZE for name in METRICS},
    **dict.fromkeys(AT_THE_END, MINIMIZE),
}


def of_file(study: Mapping[str, Any]) -> list[str]:
    """Return the names in ``[study] objective`` as a list, from the table ``[study]``.

    A metric may be named as Keras logs it: `val_accuracy` is accuracy.
    """
    named = study.get("objective", LOSS)
    return [*map(_plain, [named] if isinstance(named, str) else named)]


def _plain(name: str) -> str:
    bare = name.removeprefix(VALIDATION)
    return LOSS if name == "val_loss" else bare if bare in METRICS else name


def known_as(name: str) -> str | None:
    """Return the metric or loss that a name is of, such as accuracy for `head_a_accuracy`.

    Keras puts the name of the output before that of the metric. None for a metric of the user's.
    """
    if name in KNOWN:
        return name
    endings = [each for each in (*METRICS, "loss") if name.endswith(f"_{each}")]
    return max(endings, key=len, default=None)


def way(name: str) -> str | None:
    """Return the direction in which an objective improves; None if only the user knows it."""
    known = known_as(name)
    return MINIMIZE if known == "loss" else KNOWN.get(known or "")


def directions(study: Mapping[str, Any]) -> list[str]:
    """Return each objective's direction, as ``[study] direction`` gives it, or as it is known."""
    return [
        (way(name) or MINIMIZE) if given == "auto" else given
        for name, given in zip(of_file(study), given_ways(study), strict=True)
    ]


def given_ways(study: Mapping[str, Any]) -> list[str]:
    """Return ``[study] direction`` for each objective; a single one is that of the first."""
    given, count = study.get("direction", "auto"), len(of_file(study))
    listed = [given] if isinstance(given, str) else [*given]
    return [*listed, *["auto"] * (count - len(listed))]


def values(count: int) -> list[str]:
    """Return the names of the numbers that a function of the user's returns."""
    return [VALUE] if count == 1 else [f"{VALUE} {index}" for index in range(count)]


def is_value(name: str) -> bool:
    """Return True for a number that a function of the user's returns."""
    return name == VALUE or ONE_OF_VALUES.fullmatch(name) is not None


def shown(name: str) -> str:
    """Return the name with its unit, for display; that of the user's own without its file."""
    return f"{name} in {UNITS[name]}" if name in UNITS else own_code.name_of(name)


def recorded(name: str) -> str:
    """Return the key of an objective in the metrics of an epoch."""
    if is_value(name):
        return name
    if name.startswith(TRAINING):
        return name.removeprefix(TRAINING)
    if name == LOSS:
        return "val_loss"
    return name if name.startswith(VALIDATION) else VALIDATION + own_code.name_of(name)


def sign(direction: str) -> float:
    """Return the factor that turns a value into a cost: −1 to maximise, 1 to minimise."""
    return -1.0 if direction == MAXIMIZE else 1.0


def of_study(config: Mapping[str, Any]) -> list[str]:
    """Return the names of a study's objectives, from its record."""
    return of_file(config.get("file", {}).get("study", {}))


def bound(name: str) -> float | None:
    """Return the best possible value; None for an unknown objective.

    A loss of the user's own may be negative; the built-in ones never are.
    """
    known = known_as(name) or ""
    return {MINIMIZE: 0.0, MAXIMIZE: 1.0}.get(KNOWN.get(known, ""))


def limits(name: str) -> tuple[float, float]:
    """Return the smallest and largest possible value; infinite if unknown or unbounded."""
    known = known_as(name)
    if known not in KNOWN:
        return -math.inf, math.inf
    if KNOWN[known] == MAXIMIZE:
        return (-math.inf if known == "r2_score" else 0.0), 1.0
    return 0.0, 1.0 if known == "calibration_error" else math.inf


def cut(name: str, interval: tuple[float, float], values: Sequence[float]) -> tuple[float, float]:
    """Clip an interval to the possible values, unless some of `values` lie outside of them."""
    (low, high), (least, most) = interval, limits(name)
    known = least <= min(values) and max(values) <= most
    return (max(low, least), min(high, most)) if known else interval
