"""Advice on what to change in a user's script, in its own words: there is no study file."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from studyhall.search.diagnosis import advice, more_epochs, rules
from studyhall.search.diagnosis.advice import DOWN, UP
from studyhall.search.study_file.sections import StudyFile

MOST_KNOWN = 10_000  # epochs of a study whose script doesn't say how many it trains
# How scripts name what a remedy is about, without case, underscores and a number at the end.
NAMES = {
    "width": r"(n|num|number)?(of)?(hidden)?(units?|neurons?|nodes|width|hidden(size|dim)?)"
    r"|(n|num|number)?(of)?filters?|(conv|dense|layer)\d*(units?|size|filters?|neurons?)",
    "depth": r"(n|num|number)?(of)?(hidden|dense|conv)?(layers?|blocks?)|depth",
    "dropout": r"(drop(out)?)(rate)?|(rate)?dropout",
    "l2": r"l2(reg(ularization)?|rate|penalty)?|reg(ularization|ularizer)?(rate|strength)?",
    "l1": r"l1(reg(ularization)?|rate|penalty)?",
    "weight_decay": r"weightdecay|wd",
    "learning_rate": r"(initial|base)?(lr|learningrate)|(lr|learningrate)(init|initial)?",
    "momentum": r"momentum|sgdmomentum",
    "batch_size": r"batch(size)?",
    "label_smoothing": r"labelsmoothing",
}
LEAST, HIGHEST = {"depth": 1, "width": 1, "batch_size": 1}, {"dropout": 1.0, "momentum": 1.0}
_KEEP = {
    more_epochs.YES: "keep it, and train longer, as the validation loss still falls: "
    "more than {epochs} epochs",
    more_epochs.NO: "keep it; further epochs would not improve it",
    more_epochs.UNKNOWN: "keep it",
}
_LONGER = {
    "epochs": "train for more than {epochs} epochs",
    "patience": "raise the patience of EarlyStopping",
    "by its callbacks": "raise the patience of EarlyStopping",
}


@dataclass(frozen=True)
class ScriptRemedies:
    """The source of advice for a study of a script.

    Attributes:
        file: the script's search as a study file.
        human_error: where the user writes the error rate of humans.
    """

    file: StudyFile
    human_error: str = "human_error below [study] in a file for --settings"

    def against(
        self,
        verdict: str,
        values: Mapping[str, Any],
        best_epoch: int,
        more: str = more_epochs.UNKNOWN,
        epochs: int = 0,
        asked: Collection[str] = (),
        ended: str = "epochs",
    ) -> list[str]:
        """Return the advice on one trial as sentences, the most important first.

        Args:
            verdict: a verdict of `search.diagnosis.rules`.
            values: every hyperparameter that the script has asked for.
            best_epoch: the trial's best epoch.
            more: answer of `search.diagnosis.more_epochs` to whether training longer is worth it.
            epochs: number of its epochs.
            asked: the names among them that were searched: all of a script's are.
            ended: what ended it: epochs, patience, time, pruned or something else.
        """
        moves = [*_moves(advice.MOVES.get(verdict, ()), values)][: advice.MOST]
        said = moves or advice.GENERAL.get(verdict, [])
        return [
            *self._first(verdict, best_epoch, more, epochs, ended),
            *said,
            *_last(verdict, more),
        ]

    def _first(
        self, verdict: str, best_epoch: int, more: str, trained: int, ended: str
    ) -> list[str]:
        known = self.file.training.epochs
        epochs = known if known < MOST_KNOWN else trained
        if verdict == rules.TOO_LONG:
            how = "keras.callbacks.EarlyStopping(restore_best_weights=True)"
            return [f"stop early, by {how}; its validation loss was lowest at epoch {best_epoch}"]
        if verdict == rules.CUT_SHORT:
            longer = _LONGER.get(ended)
            return [longer.format(epochs=epochs)] if longer else []
        return [_KEEP[more].format(epochs=epochs)] if verdict == rules.GOOD else []


def _last(verdict: str, more: str) -> list[str]:
    if verdict in (rules.OVERFIT, rules.TOO_LONG):
        return ["collect more data"]
    if verdict == rules.UNDERFIT:
        features = "add features to the samples"
        return [features if more == more_epochs.NO else f"{features}, or train longer"]
    if verdict in (rules.UNSTABLE, rules.DIVERGED):
        return ["let the learning rate decay, by keras.optimizers.schedules.ExponentialDecay"]
    return []


def _moves(moves: tuple[tuple[str, str], ...], values: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each possible move, by the names that the script has."""
    for what, way in moves:
        named = {name: each for name, each in values.items() if means(name, what)}
        numbers = {name: each for name, each in named.items() if _can_move(what, way, each)}
        if numbers:
            farthest = min if way == UP else max  # the one that is farthest behind
            name = farthest(numbers, key=lambda each: numbers[each])
            yield f"{way} {name} {'above' if way == UP else 'below'} {_short(numbers[name])}"


def means(name: str, what: str) -> bool:
    """Return True if a script's name of a hyperparameter is one for what a remedy is about.

    >>> means("units_3", "width"), means("lr", "learning_rate")
    (True, True)
    """
    pattern = NAMES.get(what, re.escape(what.replace("_", "")))
    whole = name.lower()
    without_number = re.sub(r"([\W_]+(l|layer))?[\W_]*\d+$", "", whole)
    bare = (re.sub(r"[\W_]+", "", each) for each in (whole, without_number))
    return any(re.fullmatch(pattern, each) for each in bare)


def _can_move(what: str, way: str, value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if way == DOWN:
        return value > LEAST.get(what, 0)
    return value < HIGHEST.get(what, float("inf"))


def _short(number: float) -> str:
    return f"{number:.2g}" if abs(number) < 100 else f"{number:.0f}"
