"""What a study's complete trials have come to, for those to be measured against that are like them.

Class weights change what a training makes small: a trial with them is not behind one without.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from studyhall.search.display import curves
from studyhall.search.study_file import objectives
from studyhall.storage.queries.records import TrialRecord

LEAST = "least_losses"  # attribute: the least validation loss of each part of a trial


@dataclass(frozen=True)
class Reached:
    """What one complete trial has come to.

    Attributes:
        weights: its class_weights.
        losses: the least validation loss of each of its parts, or of all of them together.
        fitted: its training loss at the best epoch, where that is measured as the validation loss.
    """

    weights: str
    losses: Sequence[float]
    fitted: float | None = None

    def of_part(self, number: int) -> float:
        """The least loss of a part, which is no other part's: some folds are harder."""
        return self.losses[number] if number < len(self.losses) > 1 else fmean(self.losses)


def least_losses(stored: curves.History) -> dict[str, list[float]]:
    """The attribute of a complete trial that says what its parts came to, if they are numbers.

    Args:
        stored: its epochs, as the database keeps them.
    """
    bests = [curves.best_epoch(part) for part in curves.folds(curves.flat(stored))]
    losses = [curves.number(best, "val_loss") for best in bests if best is not None]
    return {LEAST: losses} if len(losses) == len(bests) else {}


def weights(values: Mapping[str, Any]) -> str:
    """How a trial with these values weighs the classes."""
    return str(values.get("class_weights", "none"))


def by_weights(trials: Iterable[Reached]) -> dict[str, Reached]:
    """The best trial for each way to weigh the classes, with the least training loss of any."""
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
    """What every complete trial has come to.

    Args:
        config: the study's record.
        constants: values of the study file that every trial has.
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
    """Trials of before do not say what each of their parts came to."""
    if LEAST in trial.attributes:
        return list(trial.attributes[LEAST])
    if by_loss:
        return [] if trial.value is None else [trial.value]
    loss = curves.number(trial.attributes.get("metrics", {}), "val_loss")
    return [] if loss != loss else [loss]


def _fitted(trial: TrialRecord) -> float | None:
    if trial.attributes.get("training_loss"):  # it is measured in another way
        return None
    loss = curves.number(trial.attributes.get("metrics", {}), "loss")
    return None if loss != loss else loss
