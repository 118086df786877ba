"""Numbers, durations and trials as text, in the same form everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from studyhall.spaces import spelling
from studyhall.storage.queries.at_work import Running
from studyhall.storage.queries.records import TrialRecord

SIGNIFICANT = 5  # digits of a loss that are shown


def number(value: float | None) -> str:
    """Return a loss or metric with 5 significant digits; a dash for None."""
    return "–" if value is None else f"{value:.{SIGNIFICANT}g}"


def duration(seconds: float | None) -> str:
    """Return a time span in a suitable unit: `75 s`, `12 min`, `3.4 h`; a dash for None."""
    if seconds is None:
        return "–"
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def beside_budget(gpu_seconds: float) -> str:
    """Return a line on device time outside the trial budget."""
    return f"it took {duration(gpu_seconds)} of device time outside the trial budget"


def state(trial: TrialRecord) -> str:
    """Return a trial's state: complete, pruned, failed or running."""
    return "failed" if trial.state == "FAIL" else trial.state.lower()


def name(trial: TrialRecord) -> str | None:
    """Return the name of a fixed trial in the study file; None for other trials."""
    return trial.attributes.get("name")


def called(number: int, name: str | None) -> str:
    """Return a trial's number and name: ``7``, or ``2 (dropout)`` if it has a name."""
    return str(number) if name is None else f"{number} ({name})"


def awaited(waiting: Running) -> str:
    """Return the kind of worker that a trial waits for, as an object of "waiting for"."""
    if waiting.needs_larger:
        return f"a worker with more than {waiting.too_small_mib / 1024:.1f} GiB"
    return "a worker"


def reached(best_epoch: int | None, epochs: int, best_epochs: Sequence[int] | None) -> str:
    """Return the best epoch of a trial, or of each of its trainings if there are several."""
    if best_epochs:
        best = spelling.listed(best_epochs)
        return f"in {epochs} epochs of {len(best_epochs)} trainings, the best of each being {best}"
    return f"at epoch {out_of(best_epoch, epochs)}" if best_epoch else ""


def out_of(epoch: int, epochs: int) -> str:
    """Return an epoch with the number of epochs: `6 of 12`; alone if only some were reported."""
    return f"{epoch} of {epochs}" if epoch <= epochs else str(epoch)


def value(found: Any) -> str:
    """Return a hyperparameter's value; floats with 4 significant digits, booleans as in TOML."""
    if isinstance(found, bool):
        return str(found).lower()
    return f"{found:.4g}" if isinstance(found, float) else str(found)
