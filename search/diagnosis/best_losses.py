"""The losses that a study's complete trials reached, as a standard for comparable trials.

Trials with and without class weights are not compared: they minimise different losses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from studyhall.search.diagnosis.trained import TRAINING_LOSS
from studyhall.search.display import curves
from studyhall.search.study_file import objectives
from studyhall.storage.queries.records import TrialRecord

LEAST = "least_losses"  # attribute: lowest validation loss of each part (fold or repeat) of a trial


@dataclass(frozen=True)
class Reached:
    """The losses that one complete trial reached.

    Attributes:
        weights: its class_weights.
        losses: lowest validation loss of each of its parts, or a single one for all of them.
        fitted: its training loss at the best epoch, if measured like the validation loss.
    """

    weights: str
    losses: Sequence[float]
    fitted: float | None = None

    def of_part(self, number: int) -> float:
        """Return the lowest loss of a part, as some folds are harder than others."""
        return self.losses[number] if number < len(self.losses) > 1 else fmean(self.losses)


def least_losses(stored: curves.History) -> dict[str, list[float]]:
    """Return the attribute `LEAST` of a complete trial; empty if a part has no finite loss.

    Args:
        stored: its epochs, in the form of the database.
    """
    bests = [curves.best_epoch(part) for part in curves.folds(curves.flat(stored))]
    losses = [curves.number(best, "val_loss") for best in bests if best is not None]
    return {LEAST: losses} if len(losses) == len(bests) else {}


def weights(values: Mapping[str, Any]) -> str:
    """Return the class_weights of a trial with these values."""
    return str(values.get("class_weights", "none"))


def by_weights(trials: Iterable[Reached]) -> dict[str, Reached]:
    """Return the best trial for each class_weights, with the lowest training loss of any trial."""
    found: dict[str, Reached] = {}
    for each in trials:
        before = found.get(each.weights, each)
        best = min(before, each, key=lambda one: fmean(one.losses))
        fitted = [one.fitted for one in (before, each) if one.fitted is not None]
        found[each.weights] = Reached(each.weights, best.losses, min(fitted, default=None))
    return found


def of_trials(
    config: Mapping[str, Any], trials: Sequence[TrialRecord], constants: Mapping[str, Any]
) -> list[Reached]:
    """Return the losses that every complete trial reached.

    Args:
        config: the study's record.
        trials: all trials of the study.
        constants: the constants of ``[space]``, which every trial has.
    """
    complete = [trial for trial in trials if trial.state == "COMPLETE" and trial.value is not None]
    by_loss = objectives.of_study(config)[0] == objectives.LOSS
    found = []
    for trial in complete:
        if losses := _losses(trial, by_loss=by_loss):
            values = trial.attributes.get("values") or {**constants, **trial.params}
            found.append(Reached(weights(values), losses, _fitted(trial)))
    return found


def _losses(trial: TrialRecord, *, by_loss: bool) -> list[float]:
    """Return the lowest losses of a trial; older versions recorded only one for all parts."""
    if LEAST in trial.attributes:
        return list(trial.attributes[LEAST])
    if by_loss:
        return [] if trial.value is None else [trial.value]
    loss = curves.number(trial.attributes.get("metrics", {}), "val_loss")
    return [] if loss != loss else [loss]


def _fitted(trial: TrialRecord) -> float | None:
    if trial.attributes.get(TRAINING_LOSS):  # measured differently from the validation loss
        return None
    loss = curves.number(trial.attributes.get("metrics", {}), "loss")
    return None if loss != loss else loss
