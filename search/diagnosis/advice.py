"""What to change, in the hyperparameters that this study has: the guide's advice, with numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from studyhall.search.diagnosis import longer, rules
from studyhall.search.study_file.sections import StudyFile
from studyhall.spaces import hyperparameters
from studyhall.spaces.entry import Entry
from studyhall.spaces.space import read_space

UP, DOWN = "raise", "lower"
MOST = 4  # hyperparameters that one advice names; those that are searched first

# Which way each verdict's remedies go: the university slides on dropout, size and data, the book
# chapter on the learning rate, 'Keras from scratch, part 5' on width and penalties.
SIMPLER = (
    ("dropout", UP), ("l2", UP), ("l1", UP), ("weight_decay", UP), ("width", DOWN),
    ("depth", DOWN), ("head_width", DOWN), ("head_dropout", UP), ("rotation", UP), ("shift", UP),
    ("zoom", UP), ("label_smoothing", UP),
)  # fmt: skip
RICHER = (
    ("width", UP), ("depth", UP), ("dropout", DOWN), ("l2", DOWN), ("l1", DOWN),
    ("weight_decay", DOWN), ("head_width", UP), ("convolutions", UP), ("head_dropout", DOWN),
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
# For a model of the user's own, whose hyperparameters have any name.
GENERAL = {
    rules.OVERFIT: ["use a smaller network, more dropout, more L2 or augmentation"],
    rules.TOO_LONG: ["use a smaller network, more dropout, more L2 or augmentation"],
    rules.UNDERFIT: ["use more layers or units, less dropout and less L2"],
}
# A good fit, by whether it is worth training longer.
_KEEP = {
    longer.YES: "keep it, and train longer, as the validation loss still falls: raise [training] "
    "epochs above {epochs}",
    longer.NO: "keep it; further epochs would not make it better",
    longer.UNKNOWN: "keep it",
}
IMAGES_ONLY = ("flip", "rotation", "shift", "zoom")


@dataclass(frozen=True)
class Remedies:
    """What a study has to turn.

    Args:
        file: the study's.
        samples: of the training part; None where that is not known.
    """

    file: StudyFile
    samples: int | None = None

    def against(
        self,
        verdict: str,
        values: Mapping[str, Any],
        best_epoch: int,
        more: str = longer.UNKNOWN,
    ) -> list[str]:
        """The advice on one trial, the most telling first; nothing for a good fit but to keep it.

        Args:
            verdict: of `search.diagnosis.rules`.
            values: every hyperparameter of the trial, defaults included.
            best_epoch: of the trial.
            more: whether it is worth training longer, an answer of `search.diagnosis.longer`.
        """
        moves = [*self._moves(MOVES.get(verdict, ()), values)]
        moves.sort(key=lambda move: not move[0])  # what is searched can be turned at once
        said = [sentence for _, sentence in moves[:MOST]] or GENERAL.get(verdict, [])
        return [*self._first(verdict, best_epoch, more), *said, *self._last(verdict, more)]

    def _first(self, verdict: str, best_epoch: int, more: str) -> list[str]:
        epochs, patience = self.file.training.epochs, self.file.training.patience
        if verdict == rules.TOO_LONG and patience == "none":
            least = f"its validation loss was least at epoch {best_epoch}"
            return [f"stop early: write [training] patience = 10; {least}"]
        if verdict == rules.CUT_SHORT:
            return [f"raise [training] epochs above {epochs}"]
        if verdict == rules.GOOD:
            return [_KEEP[more].format(epochs=epochs)]
        return []

    def _last(self, verdict: str, more: str) -> list[str]:
        if verdict in (rules.OVERFIT, rules.TOO_LONG):
            return ["collect more data"]
        if verdict == rules.UNDERFIT:
            features = "give the samples more features"
            return [features if more == longer.NO else f"{features}, or train longer"]
        if verdict in (rules.UNSTABLE, rules.DIVERGED) and "decay" not in self.file.space:
            return ['let the learning rate fall: decay = "exponential"']
        return []

    def _moves(
        self, moves: tuple[tuple[str, str], ...], values: Mapping[str, Any]
    ) -> Iterator[tuple[bool, str]]:
        """Whether each move's hyperparameter is searched, and the sentence."""
        entries = {entry.name: entry for entry in self._space()}
        for name, way in moves:
            number = _number(values.get(name), way)
            entry = entries.get(name)
            if number is None or (entry is None and (number == 0 or name in IMAGES_ONLY)):
                continue  # what is switched off and not searched would be another network
            if name == "batch_size" and self.samples is not None:
                if way == UP and number >= self.samples:
                    continue  # a batch holds all of them already
                number = min(number, self.samples)
            if not _can_move(name, way, number):
                continue
            if entry is not None and not entry.constant:
                yield True, _searched(entry, way, number)
            elif entry is None and name not in hyperparameters.known(self.file.model.family):
                yield (
                    True,
                    f"{way} {name} {_beyond(way)} {_short(number)}",
                )  # their code asks for it
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
    """The last number that the study may choose in this direction."""
    if entry.choices:
        numbers = [each for each in entry.choices if _is_number(each)]
        return (max if way == UP else min)(map(float, numbers)) if numbers else None
    return float(entry.high if way == UP else entry.low)


def _can_move(name: str, way: str, number: float) -> bool:
    """Whether any legal value lies in that direction."""
    if name not in hyperparameters.NAMES:
        return True
    legal = re.match(r"[\[(](\S+), (\S+)[\])]", hyperparameters.find(name).legal)
    if legal is None:
        return True
    low, high = float(legal[1]), float(legal[2])
    return number < high if way == UP else number > low


def _number(value: Any, way: str) -> float | None:
    """The number to move away from; of a value per layer, the one that is furthest behind."""
    if isinstance(value, list):
        numbers = [float(each) for each in value if _is_number(each)]
        return (min if way == UP else max)(numbers) if numbers else None
    return float(value) if _is_number(value) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _short(number: float) -> str:
    return f"{number:.2g}" if abs(number) < 100 else f"{number:.0f}"
