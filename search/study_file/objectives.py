"""What a study makes better: its objectives by name, each with its direction.

Every trial is ranked by the first one, at its best epoch; the others are known at its end.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from studyhall.search.study_file.losses import METRICS

LOSS = "validation loss"
MINIMIZE, MAXIMIZE = "minimize", "maximize"
ERRORS = ("mean_absolute_error", "mean_squared_error", "root_mean_squared_error")
AT_THE_END = ("parameters", "latency")  # of the model: how many; per sample
UNITS = {"latency": "ms"}

KNOWN: dict[str, str] = {
    LOSS: MINIMIZE,
    **{name: MINIMIZE if name in (*ERRORS, "calibration_error") else MAXIMIZE for name in METRICS},
    **dict.fromkeys(AT_THE_END, MINIMIZE),
}


def of_file(study: Mapping[str, Any]) -> list[str]:
    """The names in ``[study] objective``, as the file or a study's record has them."""
    named = study.get("objective", LOSS)
    return [named] if isinstance(named, str) else list(named)


def directions(study: Mapping[str, Any]) -> list[str]:
    """Of each objective; ``[study] direction`` goes before what is known of the first one."""
    first, *others = of_file(study)
    given = study.get("direction", "auto")
    own = KNOWN.get(first, MINIMIZE) if given == "auto" else given
    return [own, *(KNOWN[name] for name in others)]


def shown(name: str) -> str:
    """The name with its unit, for people."""
    return f"{name} in {UNITS[name]}" if name in UNITS else name


def recorded(name: str) -> str:
    """The name under which an epoch's metrics hold an objective."""
    return "val_loss" if name == LOSS else f"val_{name}"


def sign(direction: str) -> float:
    """What a value is multiplied with to be a cost."""
    return -1.0 if direction == MAXIMIZE else 1.0


def of_study(config: Mapping[str, Any]) -> list[str]:
    """The names of a study's objectives, from its record."""
    return of_file(config.get("file", {}).get("study", {}))


def bound(name: str) -> float | None:
    """The best value that there is; None where that is not known.

    A loss of the user's own may lie below 0; studyhall's never do.
    """
    return {MINIMIZE: 0.0, MAXIMIZE: 1.0}.get(KNOWN.get(name, ""))


def limits(name: str) -> tuple[float, float]:
    """Between which values an objective lies; infinite where that is not known."""
    if name not in KNOWN:
        return -math.inf, math.inf
    if KNOWN[name] == MAXIMIZE:
        return (-math.inf if name == "r2_score" else 0.0), 1.0
    return 0.0, 1.0 if name == "calibration_error" else math.inf


def cut(name: str, interval: tuple[float, float], values: Sequence[float]) -> tuple[float, float]:
    """What of an interval is possible; all of it where a loss of the user's own is negative."""
    (low, high), (least, most) = interval, limits(name)
    known = least <= min(values) and max(values) <= most
    return (max(low, least), min(high, most)) if known else interval
