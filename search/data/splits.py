"""The split into training, validation and test samples, computed once from the study's seed."""

from collections.abc import Iterator
from contextlib import suppress

import numpy as np
from sklearn import model_selection

from studyhall.search.data import ordering, rare_classes, split_mistakes
from studyhall.search.data.errors import DataError, problem, refusal
from studyhall.search.data.labels import Labels, Rows
from studyhall.spaces import spelling


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
    split_mistakes.enough(labels, sizes, fractions)
    if labels.order is not None:
        parts = ordering.divide(labels.order, sizes)
        split_mistakes.complete(labels, parts, "split_by")
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
    split_mistakes.complete(labels, parts, "split")
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
    split_mistakes.refuse(
        problem(
            "split", f"{split_mistakes.shown(fractions)}, which leaves no samples for {name}", _MORE
        )
        for name, rows in parts.items()
        if not len(rows)
    )
    split_mistakes.complete(labels, parts, "split")
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
    split_mistakes.refuse(split_mistakes.scarce(labels, "folds", count, "folds"))
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
        split_mistakes.complete(labels, {"training": train}, "folds")
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
