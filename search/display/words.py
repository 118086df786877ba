"""Numbers, durations and trials in words, the same wherever they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from studyhall.storage.queries.records import TrialRecord

SIGNIFICANT = 5  # digits of a loss that are shown


def number(value: float | None) -> str:
    """A loss or another measure, short; a dash where there is none."""
    return "–" if value is None else f"{value:.{SIGNIFICANT}g}"


def duration(seconds: float | None) -> str:
    """`75 s`, `12 min`, `3.4 h`: what a person wants to know of a time span."""
    if seconds is None:
        return "–"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def counted(count: int, what: str) -> str:
    """``1 training``, ``2 trainings``."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def beside_budget(gpu_seconds: float) -> str:
    """What trainings took that are no trials."""
    return f"it took {duration(gpu_seconds)} of device time beside the budget"


def state(trial: TrialRecord) -> str:
    """How a trial stands, in words: complete, pruned, failed or running."""
    return "failed" if trial.state == "FAIL" else trial.state.lower()


def name(trial: TrialRecord) -> str | None:
    """What the study file calls a fixed trial."""
    return trial.attributes.get("name")


def called(number: int, name: str | None) -> str:
    """A trial in a text: ``7``, or ``2 (dropout)`` where it has a name."""
    return str(number) if name is None else f"{number} ({name})"


def reached(best_epoch: int | None, epochs: int, best_epochs: Sequence[int] | None) -> str:
    """When a trial was best: its epoch, or that of each of its trainings where it has several."""
    if best_epochs:
        return f"in {epochs} epochs, best at {', '.join(map(str, best_epochs))} of its trainings"
    return f"at epoch {best_epoch} of {epochs}" if best_epoch else ""


def value(found: Any) -> str:
    return f"{found:.4g}" if isinstance(found, float) else str(found)
