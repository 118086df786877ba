"""Splits that cannot be: parts without samples or without a class, and how they are told."""

from collections.abc import Iterable, Iterator

import numpy as np

from studyhall.search.data.errors import DataError, problem, refusal, shortened
from studyhall.search.data.labels import Labels, Rows
from studyhall.spaces import spelling

NO_CLASSES = '; or task = "regression", if these are no classes'


def enough(labels: Labels, sizes: dict[str, int], fractions: dict[str, float]) -> None:
    """Check scikit-learn's conditions, to report them in terms of the study file."""
    needed = 1 if labels.y is None else len(labels.classes)
    wanted = "at least one" if needed == 1 else f"at least one of each of {needed} classes"
    if needed > 2 and all(map(_is_number, labels.classes)):
        wanted += NO_CLASSES
    left = {name: spelling.counted(size, "sample") for name, size in sizes.items() if size < needed}
    refuse(
        problem("split", f"{shown(fractions)}, which leaves {count} for {name}", wanted)
        for name, count in left.items()
    )
    refuse(scarce(labels, "split", len(sizes), "parts"))


def scarce(labels: Labels, key: str, needed: int, pieces: str) -> Iterator[str]:
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


def complete(labels: Labels, parts: dict[str, Rows], key: str) -> None:
    """Refuse parts that lack a class."""
    for name, rows in parts.items():
        if labels.y is None:
            continue
        present = np.bincount(labels.y[rows], minlength=len(labels.classes)) > 0
        absent = [c for c, there in zip(labels.classes, present, strict=True) if not there]
        if absent:
            received = f"no samples of class {shortened(absent, 3)} for {name}"
            raise refusal(key, received, "every class in every part")


def refuse(problems: Iterable[str]) -> None:
    """Refuse the data if there is any problem."""
    if found := list(problems):
        raise DataError(found)


def shown(fractions: dict[str, float]) -> str:
    """Return fractions as the study file has them."""
    return "[" + ", ".join(f"{part:g}" for part in fractions.values()) + "]"
