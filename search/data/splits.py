"""The split into training, validation and test samples, computed once from the study's seed."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn import model_selection

from studyhall.search.data import ordering, rare_classes
from studyhall.search.data.arrays import Targets
from studyhall.search.data.errors import DataError, problem, refusal, shortened
from studyhall.search.data.row_places import Place
from studyhall.spaces import spelling

NO_CLASSES = '; or task = "regression", if these are no classes'
NAMED = 3  # samples of a class that is too small, in messages

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Labels:
    """The classes and groups of the samples, which a split must respect.

    Attributes:
        count: number of samples.
        y: (N,) class numbers, for stratification; None without classes.
        classes: names of the classes.
        groups: (N,) group of each sample; a group is never split; None without groups.
        order: (N,) numbers such as dates, by which the parts follow each other; or (N, 2) times at
            which each sample begins and ends. None: the parts are drawn at random.
        place: where each sample stands in a table, for messages.
    """

    count: int
    y: Targets | None = None
    classes: tuple[str, ...] = ()
    groups: Targets | None = None
    order: Targets | None = None
    place: Place | None = None

    def of(self, rows: Rows) -> "Labels":
        """Return the labels of some of the samples."""
        y = None if self.y is None else self.y[rows]
        groups = None if self.groups is None else self.groups[rows]
        order = None if self.order is None else self.order[rows]
        place = None if self.place is None else self.place.taken(rows)
        return Labels(len(rows), y, self.classes, groups, order, place)

    def where(self, number: int) -> str:
        """Return ``(row 61 of table.csv)`` for the first samples of a class; "" if unknown."""
        if self.place is None or self.y is None:
            return ""
        found = map(self.place.of, np.flatnonzero(self.y == number)[:NAMED])
        return f" ({', '.join(f'row {row} of {file}' for file, row in found)})"


def sample(labels: Labels, count: int, *, seed: int, least: int = 1) -> Rows:
    """Draw at most `count` samples, stratified by class, or whole groups if there are groups.

    Args:
        labels: what the draw must respect.
        count: number of samples.
        seed: the study's seed.
        least: samples (or groups) of each class that are drawn, where there are so many.

    Raises:
        DataError: `count` is too small for all classes.
    """
    if count >= labels.count:
        return np.arange(labels.count)
    if count < least * len(labels.classes):  # too few to give every class so many
        return _cut(labels, count, "samples", seed=seed)[1]
    needed, sizes = {"left": 0, "drawn": least}, {"left": labels.count - count, "drawn": count}
    with suppress(DataError):  # of scikit-learn, for a class with a single sample
        drawn = _cut(labels, count, "samples", seed=seed)[1]
        if not _lacking(labels, {"drawn": drawn}, needed):
            return drawn
    found = _rarest_first(labels, sizes, needed, seed=seed)
    return _cut(labels, count, "samples", seed=seed)[1] if found is None else found["drawn"]


def divide(labels: Labels, fractions: dict[str, float], *, seed: int) -> dict[str, Rows]:
    """Split the samples into parts and return the rows of each.

    Args:
        labels: what the split must respect.
        fractions: size of each part by its name, relative to each other.
        seed: the study's seed.

    Raises:
        DataError: a part would be empty, or would lack a class.
    """
    if labels.order is not None and labels.order.ndim == 2:
        return in_order(labels, fractions)
    sizes = _sizes(labels.count, fractions)
    _enough(labels, sizes, fractions)
    if labels.order is not None:
        parts = ordering.divide(labels.order, sizes)
        _complete(labels, parts, "split_by")
        return parts
    try:
        parts = _at_random(labels, sizes, seed=seed)
    except DataError as error:
        found = _rarest_first(labels, sizes, dict.fromkeys(sizes, 1), seed=seed)
        if found is None:
            raise error from error.__cause__
        return found
    if _lacking(labels, parts, needed := dict.fromkeys(sizes, 1)):
        parts = _rarest_first(labels, sizes, needed, seed=seed) or parts
    _complete(labels, parts, "split")
    return parts


def _at_random(labels: Labels, sizes: dict[str, int], *, seed: int) -> dict[str, Rows]:
    left, parts = np.arange(labels.count), dict[str, Rows]()
    for name in reversed(sizes):  # the test set first: it does not depend on the other fractions
        if len(parts) == len(sizes) - 1:
            parts[name] = left
        else:
            kept, cut = _cut(labels.of(left), sizes[name], "split", seed=seed)
            parts[name], left = left[cut], left[kept]
    return {name: parts[name] for name in sizes}


def in_order(labels: Labels, fractions: dict[str, float]) -> dict[str, Rows]:
    """Split the samples by time, in the order of the parts.

    A sample that begins before a border and ends after it is in no part. What happens at the same
    time stays together.

    Raises:
        DataError: a part would be empty, or would lack a class.
    """
    assert labels.order is not None
    ends, share = np.sort(labels.order[:, 1]), np.cumsum([*fractions.values()])
    places = np.round(labels.count * share[:-1] / share[-1]).astype(int)
    borders = ends[places.clip(max=labels.count - 1)]
    begins, parts_of = (np.searchsorted(borders, times, "right") for times in labels.order.T)
    parts = {
        name: np.flatnonzero((begins == number) & (parts_of == number))
        for number, name in enumerate(fractions)
    }
    _refuse(
        problem("split", f"{_shown(fractions)}, which leaves no samples for {name}", _MORE)
        for name, rows in parts.items()
        if not len(rows)
    )
    _complete(labels, parts, "split")
    return parts


_MORE = "more rows at different times, shorter windows, or a larger share"


def folds(labels: Labels, count: int, *, seed: int) -> Iterator[tuple[Rows, Rows]]:
    """Yield training and validation rows of k-fold cross-validation, stratified or by groups.

    Source: the blog "tuning methods" (10-fold cross-validation for small data).

    Raises:
        DataError: there are fewer samples, samples of a class, or groups than folds.
    """
    if labels.count < count:
        raise refusal(
            "folds",
            f"{count} for {spelling.counted(labels.count, 'sample')}",
            "at least one sample for each",
        )
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
        if not len(validation):  # happens if the sizes of the groups are too unequal
            raise refusal("folds", f"{count}, which leaves one fold empty", "fewer folds")
        _complete(labels, {"training": train}, "folds")
        yield train, validation


def _rarest_first(
    labels: Labels, sizes: dict[str, int], least: dict[str, int], *, seed: int
) -> dict[str, Rows] | None:
    """Return a division that gives each part enough of each class; None if there is none."""
    y = np.zeros(labels.count, np.int64) if labels.y is None else labels.y.astype(np.int64)
    groups = np.arange(labels.count) if labels.groups is None else labels.groups
    units = np.unique(groups, return_inverse=True)[1].reshape(-1)
    return rare_classes.divide(y, units, sizes, least, seed=seed)


def _lacking(labels: Labels, parts: dict[str, Rows], least: dict[str, int]) -> bool:
    """Return True if some part has fewer samples of a class than it needs and all have together."""
    if labels.y is None:
        return False
    there = np.bincount(labels.y, minlength=len(labels.classes))
    counts = {n: np.bincount(labels.y[rows], minlength=len(there)) for n, rows in parts.items()}
    return any((count < np.minimum(least[name], there)).any() for name, count in counts.items())


def _cut(labels: Labels, size: int, key: str, *, seed: int) -> tuple[Rows, Rows]:
    """Split off `size` rows; return the remaining rows and those split off."""
    cut = _cut_rows if labels.groups is None else _cut_groups
    try:
        return cut(labels, size, seed)
    except ValueError as error:  # from scikit-learn: too small for the remaining classes or groups
        reason = str(error).splitlines()[0]
        received = f"{size} of {spelling.counted(labels.count, 'sample')} for one part"
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
    """Return the number of samples of each part; the first part absorbs rounding."""
    total = sum(fractions.values())
    sizes = {name: round(count * part / total) for name, part in fractions.items()}
    first = next(iter(sizes))
    return {**sizes, first: sizes[first] + count - sum(sizes.values())}


def _enough(labels: Labels, sizes: dict[str, int], fractions: dict[str, float]) -> None:
    """Check scikit-learn's conditions, to report them in terms of the study file."""
    needed = 1 if labels.y is None else len(labels.classes)
    wanted = "at least one" if needed == 1 else f"at least one of each of {needed} classes"
    if needed > 2 and all(map(_is_number, labels.classes)):
        wanted += NO_CLASSES
    left = {name: spelling.counted(size, "sample") for name, size in sizes.items() if size < needed}
    _refuse(
        problem("split", f"{_shown(fractions)}, which leaves {count} for {name}", wanted)
        for name, count in left.items()
    )
    _refuse(_scarce(labels, "split", len(sizes), "parts"))


def _scarce(labels: Labels, key: str, needed: int, pieces: str) -> Iterator[str]:
    """Yield a problem for each class too small to be in every piece, or for too few groups."""
    if labels.groups is not None:
        groups = len(np.unique(labels.groups))
        if groups < needed:
            received = f"{spelling.counted(groups, 'group')} for {needed} {pieces}"
            yield problem(key, received, "at least one for each")
        elif labels.y is not None and key == "split":
            yield from _scarce_in_groups(labels, needed)
    elif labels.y is not None:
        yield from _scarce_classes(labels, key, needed, pieces)


def _scarce_classes(labels: Labels, key: str, needed: int, pieces: str) -> Iterator[str]:
    """Yield a problem for each class of fewer samples than pieces."""
    counts = np.bincount(labels.y, minlength=len(labels.classes))  # type: ignore[arg-type]
    fewer = "" if key == "split" else f", or fewer {pieces}"
    for number, (name, count) in enumerate(zip(labels.classes, counts, strict=True)):
        if count < needed:
            samples = spelling.counted(int(count), "sample")
            received = f"{samples} of class {name}{labels.where(number)} for {needed} {pieces}"
            wanted = f"at least one for each: more of this class, or none{fewer}"
            many = _is_number(name) and len(labels.classes) > 2
            yield problem(key, received, wanted + (NO_CLASSES if many else ""))


def _is_number(name: str) -> bool:
    return name.lstrip("-").isdigit()


def _scarce_in_groups(labels: Labels, needed: int) -> Iterator[str]:
    """Yield a problem for each class that stands in fewer groups than there are parts."""
    assert labels.groups is not None and labels.y is not None
    for number, name in enumerate(labels.classes):
        count = len(np.unique(labels.groups[labels.y == number]))
        if count < needed:
            received = f"class {name} in {spelling.counted(count, 'group')} for {needed} parts"
            yield problem("split", received, "at least one for each")


def _complete(labels: Labels, parts: dict[str, Rows], key: str) -> None:
    """Refuse parts that lack a class."""
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
