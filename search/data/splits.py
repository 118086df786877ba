"""Which samples are trained on, validated on and tested on: computed once, by the study's seed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn import model_selection

from studyhall.search.data.arrays import Targets
from studyhall.search.data.errors import DataError, problem, refusal, shortened

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Labels:
    """What a split must respect, for each sample.

    Attributes:
        count: number of samples.
        y: (N,) class numbers whose proportions every part keeps; None where there are none.
        classes: names of the classes.
        groups: (N,) samples of one group never part; None where each stands for itself.
    """

    count: int
    y: Targets | None = None
    classes: tuple[str, ...] = ()
    groups: Targets | None = None

    def of(self, rows: Rows) -> "Labels":
        """The labels of some of the samples."""
        y = None if self.y is None else self.y[rows]
        groups = None if self.groups is None else self.groups[rows]
        return Labels(len(rows), y, self.classes, groups)


def sample(labels: Labels, count: int, *, seed: int) -> Rows:
    """At most `count` samples, every class in its proportion; whole groups where there are some.

    Raises:
        DataError: too few for all classes.
    """
    if count >= labels.count:
        return np.arange(labels.count)
    return _cut(labels, count, "samples", seed=seed)[1]


def divide(labels: Labels, fractions: dict[str, float], *, seed: int) -> dict[str, Rows]:
    """Rows of every part.

    Args:
        labels: what the split must respect.
        fractions: size of each part by its name, relative to each other.
        seed: the study's.

    Raises:
        DataError: a part would be empty, or without one of the classes.
    """
    sizes = _sizes(labels.count, fractions)
    _enough(labels, sizes, fractions)
    left, parts = np.arange(labels.count), dict[str, Rows]()
    for name in reversed(sizes):  # the test set first: it does not depend on the other fractions
        if len(parts) == len(sizes) - 1:
            parts[name] = left
        else:
            kept, cut = _cut(labels.of(left), sizes[name], "split", seed=seed)
            parts[name], left = left[cut], left[kept]
    _complete(labels, parts, "split")
    return {name: parts[name] for name in sizes}


def folds(labels: Labels, count: int, *, seed: int) -> Iterator[tuple[Rows, Rows]]:
    """Training and validation rows of k-fold cross-validation, by class or by group.

    Source: the blog "tuning methods" (10-fold cross-validation for small data).

    Raises:
        DataError: fewer samples, samples of a class, or groups than folds.
    """
    if labels.count < count:
        raise refusal("folds", f"{count} for {labels.count} samples", "a sample for each")
    _refuse(_scarce(labels, "folds", count, "folds"))
    if labels.groups is not None:
        by_class = labels.y is not None
        kind = model_selection.StratifiedGroupKFold if by_class else model_selection.GroupKFold
    elif labels.y is not None:
        kind = model_selection.StratifiedKFold
    else:
        kind = model_selection.KFold
    splitter = kind(count, shuffle=True, random_state=seed)
    for train, validation in splitter.split(np.zeros(labels.count), labels.y, labels.groups):
        if not len(validation):  # groups of too unequal sizes
            raise refusal("folds", f"{count}, one of them without samples", "fewer folds")
        _complete(labels, {"training": train}, "folds")
        yield train, validation


def _cut(labels: Labels, size: int, key: str, *, seed: int) -> tuple[Rows, Rows]:
    """All rows but `size` of them, and those."""
    cut = _cut_rows if labels.groups is None else _cut_groups
    try:
        return cut(labels, size, seed)
    except ValueError as error:  # too small for the classes or groups that are left
        reason = str(error).splitlines()[0]
        received = f"{size} of {labels.count} samples for one part"
        raise refusal(key, received, f"larger parts: {reason}") from error


def _cut_rows(labels: Labels, size: int, seed: int) -> tuple[Rows, Rows]:
    kept, cut = model_selection.train_test_split(
        np.arange(labels.count), test_size=size, stratify=labels.y, random_state=seed
    )
    return kept, cut


def _cut_groups(labels: Labels, size: int, seed: int) -> tuple[Rows, Rows]:
    share = size / labels.count
    splitter = model_selection.GroupShuffleSplit(1, test_size=share, random_state=seed)
    kept, cut = next(splitter.split(np.zeros(labels.count), groups=labels.groups))
    return kept, cut


def _sizes(count: int, fractions: dict[str, float]) -> dict[str, int]:
    """Whole samples of each part; what rounding leaves goes to the first."""
    total = sum(fractions.values())
    sizes = {name: round(count * part / total) for name, part in fractions.items()}
    first = next(iter(sizes))
    return {**sizes, first: sizes[first] + count - sum(sizes.values())}


def _enough(labels: Labels, sizes: dict[str, int], fractions: dict[str, float]) -> None:
    """scikit-learn's conditions, said in the words of the study file."""
    needed = 1 if labels.y is None else len(labels.classes)
    wanted = "at least one" if needed == 1 else f"at least one of each of {needed} classes"
    _refuse(
        problem("split", f"{_shown(fractions)}, which leaves {size} samples for {name}", wanted)
        for name, size in sizes.items()
        if size < needed
    )
    _refuse(_scarce(labels, "split", len(sizes), "parts"))


def _scarce(labels: Labels, key: str, needed: int, pieces: str) -> Iterator[str]:
    """A problem for each class that cannot be in every piece, and for too few groups."""
    if labels.groups is not None:
        groups = len(np.unique(labels.groups))
        if groups < needed:
            yield problem(key, f"{groups} groups for {needed} {pieces}", "a group for each")
    elif labels.y is not None:
        counts = np.bincount(labels.y, minlength=len(labels.classes))
        for name, count in zip(labels.classes, counts, strict=True):
            if count < needed:
                received = f"{count} samples of class {name} for {needed} {pieces}"
                yield problem(key, received, "one for each")


def _complete(labels: Labels, parts: dict[str, Rows], key: str) -> None:
    """Refuses parts that lack a class."""
    for name, rows in parts.items():
        if labels.y is None:
            continue
        present = np.bincount(labels.y[rows], minlength=len(labels.classes)) > 0
        absent = [c for c, there in zip(labels.classes, present, strict=True) if not there]
        if absent:
            received = f"no samples of class {shortened(absent, 3)} for {name}"
            raise refusal(key, received, "every class in every part")


def _refuse(problems: Iterable[str]) -> None:
    if found := list(problems):
        raise DataError(found)


def _shown(fractions: dict[str, float]) -> str:
    return "[" + ", ".join(f"{part:g}" for part in fractions.values()) + "]"
