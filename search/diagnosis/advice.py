"""Advice on what to change after a verdict, in terms of the study's own hyperparameters."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from studyhall.search.diagnosis import more_epochs, rules
from studyhall.search.diagnosis.quadrant import HUMAN_ERROR
from studyhall.search.study_file.sections import StudyFile
from studyhall.spaces import hyperparameters
from studyhall.spaces.entry import Entry
from studyhall.spaces.space import read_space

UP, DOWN = "raise", "lower"
MOST = 4  # largest number of hyperparameters in one advice; searched ones come first

# Remedies of each verdict, by hyperparameter and direction. Sources: the university slides for
# dropout, size and data; the book chapter for the learning rate; 'Keras from scratch, part 5' for
# width and penalties.
SIMPLER = (
    ("dropout", UP), ("l2", UP), ("l1", UP), ("weight_decay", UP), ("width", DOWN),
    ("depth", DOWN), ("head_width", DOWN), ("head_dropout", UP), ("rotation", UP), ("shift", UP),
    ("zoom", UP), ("label_smoothing", UP),
)  # fmt: skip
RICHER = (
    ("width", UP), ("depth", UP), ("kernel_size", UP), ("dropout", DOWN), ("l2", DOWN),
    ("l1", DOWN), ("weight_decay", DOWN), ("head_width", UP), ("convolutions", UP),
    ("head_dropout", DOWN),
)  # fmt: skip
CALMER = (("learning_rate", DOWN), ("momentum", DOWN), ("warmup_epochs", UP), ("batch_size", UP))
BOLDER = (("learning_rate", UP), ("momentum", UP), ("batch_size", DOWN))
MOVES = {
    rules.OVERFIT: SIMPLER,
    rules.TOO_LONG: SIMPLER,
    rules.UNDERFIT: RICHER,
    rules.UNSTABLE: CALMER,
    rules.DIVERGED: CALMER,
    rules.CUT_SHORT: BOLDER,
}
# Advice for a model of the user's own, whose hyperparameters have names unknown to studyhall.
GENERAL = {
    rules.OVERFIT: ["use a smaller network, more dropout, more L2 or augmentation"],
    rules.TOO_LONG: ["use a smaller network, more dropout, more L2 or augmentation"],
    rules.UNDERFIT: ["use more layers or units, less dropout and less L2"],
}
# Advice on a good fit, by the answer to whether training longer is worth it.
_KEEP = {
    more_epochs.YES: "keep it, and train longer, as the validation loss still falls: "
    "raise [training] epochs above {epochs}",
    more_epochs.NO: "keep it; further epochs would not improve it",
    more_epochs.UNKNOWN: "keep it",
}
# Advice on a training that was cut short, by what ended it; a pruned one is not to be longer.
_LONGER = {
    "epochs": "raise [training] epochs above {epochs}",
    "patience": "raise [training] patience above {patience}",
    "time": "raise [training] trial_minutes",
}
IMAGES_ONLY = ("flip", "rotation", "shift", "zoom")


@dataclass(frozen=True)
class Remedies:
    """The source of advice for one study.

    Attributes:
        file: the study file.
        samples: number of training samples; None if not known.
        human_error: where the user writes the error rate of humans.
    """

    file: StudyFile
    samples: int | None = None
    human_error: str = HUMAN_ERROR

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
            values: every hyperparameter of the trial, including defaults.
            best_epoch: the trial's best epoch.
            more: answer of `search.diagnosis.more_epochs` to whether training longer is worth it.
            epochs: number of its epochs, for studies that don't limit it.
            asked: names that the trial has searched, those that the user's code asked for included.
            ended: what ended it: epochs, patience, time, pruned or something else.
        """
        moves = [*self._moves(MOVES.get(verdict, ()), values, asked)]
        moves.sort(key=lambda move: not move[0])  # searched hyperparameters first: stable sort
        said = [sentence for _, sentence in moves[:MOST]] or GENERAL.get(verdict, [])
        return [*self._first(verdict, best_epoch, more, ended), *said, *self._last(verdict, more)]

    def _first(self, verdict: str, best_epoch: int, more: str, ended: str) -> list[str]:
        epochs, patience = self.file.training.epochs, self.file.training.patience
        if verdict == rules.TOO_LONG and patience == "none":
            least = f"its validation loss was lowest at epoch {best_epoch}"
            return [f"stop early: set [training] patience = 10; {least}"]
        if verdict == rules.CUT_SHORT:
            longer = _LONGER.get(ended)
            return [longer.format(epochs=epochs, patience=patience)] if longer else []
        if verdict == rules.GOOD:
            return [_KEEP[more].format(epochs=epochs)]
        return []

    def _last(self, verdict: str, more: str) -> list[str]:
        if verdict in (rules.OVERFIT, rules.TOO_LONG):
            return ["collect more data"]
        if verdict == rules.UNDERFIT:
            features = "add features to the samples"
            return [features if more == more_epochs.NO else f"{features}, or train longer"]
        if verdict in (rules.UNSTABLE, rules.DIVERGED) and "decay" not in self.file.space:
            return ['let the learning rate decay: decay = "exponential"']
        return []

    def _moves(
        self,
        moves: tuple[tuple[str, str], ...],
        values: Mapping[str, Any],
        asked: Collection[str],
    ) -> Iterator[tuple[bool, str]]:
        """Yield for each possible move whether its hyperparameter is searched, and the sentence."""
        entries = {entry.name: entry for entry in self._space()}
        for name, way in moves:
            number = _number(values.get(name), way)
            entry = entries.get(name)
            by_code = entry is None and name in asked
            unused = entry is None and not by_code and (number == 0 or name in IMAGES_ONLY)
            if number is None or unused:
                continue  # switched off and not searched: using it would be another network
            if name == "batch_size" and self.samples is not None:
                if way == UP and number >= self.samples:
                    continue  # a batch already contains all samples
                number = min(number, self.samples)
            if not _can_move(name, way, number) or not _counts(name, values):
                continue
            if entry is not None and not entry.constant:
                yield True, _searched(entry, way, number)
            elif by_code or (
                entry is None and name not in hyperparameters.known(self.file.model.family)
            ):
                yield (
                    True,
                    f"{way} {name} {_beyond(way)} {_short(number)}",
                )  # the user's function asks for it
            else:
                yield False, f"{way} {name}, which is fixed at {_short(number)}"

    def _space(self) -> tuple[Entry, ...]:
        return read_space(dict(self.file.space), family=self.file.model.family).entries


def _searched(entry: Entry, way: str, number: float) -> str:
    end = _end(entry, way)
    if end is not None and (number >= end if way == UP else number <= end):
        return f"widen {entry.name}'s range {_beyond(way)} {_short(end)}, where this trial is"
    return f"{way} {entry.name} {_beyond(way)} {_short(number)}"


def _beyond(way: str) -> str:
    return "above" if way == UP else "below"


def _end(entry: Entry, way: str) -> float | None:
    """Return the end of the entry's range in this direction; None without numbers."""
    if entry.choices:
        numbers = [each for each in entry.choices if _is_number(each)]
        return (max if way == UP else min)(map(float, numbers)) if numbers else None
    return float(entry.high if way == UP else entry.low)


def _can_move(name: str, way: str, number: float) -> bool:
    """Check that there are legal values in this direction."""
    if name not in hyperparameters.NAMES:
        return True
    legal = re.match(r"[\[(](\S+), (\S+)[\])]", hyperparameters.find(name).legal)
    if legal is None:
        return True
    low, high = float(legal[1]), float(legal[2])
    return number < high if way == UP else number > low


def _counts(name: str, values: Mapping[str, Any]) -> bool:
    """Check that a trial's model has what a hyperparameter is of: gru and lstm have no kernel."""
    return name != "kernel_size" or values.get("cell", "conv") == "conv"


def _number(value: Any, way: str) -> float | None:
    """Return the number to move away from; for per-layer values, the one farthest behind."""
    if isinstance(value, list):
        numbers = [float(each) for each in value if _is_number(each)]
        return (min if way == UP else max)(numbers) if numbers else None
    return float(value) if _is_number(value) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(number: float) -> str:
    return f"{number:.2g}" if abs(number) < 100 else f"{number:.0f}"
