"""The division of a source's samples into parts and folds."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from studyhall.search.data import arrays as samples
from studyhall.search.data import splits, targets
from studyhall.search.data.arrays import Arrays
from studyhall.search.data.errors import refusal
from studyhall.search.data.labels import Labels, Rows
from studyhall.search.data.parts import Fold, Part, joined
from studyhall.search.data.trees import Tree
from studyhall.search.study_file.input_sections import DataSection
from studyhall.spaces import spelling

PARTS = ("training", "validation", "test")


def labelled(arrays: Arrays, coding: targets.Coding) -> Labels:
    """Return what a split of the source must respect."""
    labels = stratified(coding.apply(arrays.y), coding, arrays.groups, arrays.order)
    return replace(labels, place=arrays.place)


def stratified(y: Any, coding: targets.Coding, groups: Any, order: Any) -> Labels:
    """Return the same for coded targets (N, …), and groups and order (N,), where there are any."""
    known = coding.labels is not None
    by_class, classes = (y, coding.classes) if known else (None, ())
    return Labels(len(y), by_class, classes, groups, order)


def rows(labels: Labels, arrays: Arrays, section: DataSection, seed: int) -> dict[str, Rows]:
    """Return the rows of `arrays` for each part that the source does not have itself."""
    own = {"validation": arrays.validation, "test": arrays.test}
    fractions = {
        name: fraction
        for name, fraction in zip(PARTS, section.split, strict=True)
        if own.get(name) is None
    }
    count, least = section.samples or labels.count, len(fractions)
    chosen = splits.sample(labels, count, seed=seed, least=least)
    parts = splits.divide(labels.of(chosen), fractions, seed=seed)
    return {name: chosen[rows] for name, rows in parts.items()}


def part(arrays: Arrays, coding: targets.Coding, rows: Rows | None, name: str) -> Part:
    """Return a part: some rows of the source, or a part that the source has itself."""
    own = {"validation": arrays.validation, "test": arrays.test}.get(name)
    weights = arrays.weights.get("training" if own is None else name)
    if own is None:
        x, y = samples.some(arrays.x, rows), arrays.y[rows]
        weights = None if weights is None else weights[rows]
    else:
        x, y = own
    return Part(x, coding.apply(y), _given(arrays, y), weights)


def _given(arrays: Arrays, y: Any) -> Any:
    """Return targets in the user's form, for a model of one's own; None for any other."""
    if isinstance(y, Tree):
        return y
    as_it_is = arrays.own and y.dtype.kind != "U"  # no model takes strings as targets
    return y.reshape(len(y), *arrays.y.shape[1:]) if as_it_is else None


def first_fold(
    train: Part,
    validation: Part,
    labels: Labels,
    section: DataSection,
    arrays: Arrays,
) -> Fold:
    """Return training and validation part as a fold of all their samples together."""
    pool = joined(train, validation).split()
    rows = np.arange(len(pool))
    parts = rows[: len(train)], rows[len(train) :]
    return Fold(pool, *parts, labels, section.normalize, arrays.one_hot, arrays.may_have_gaps)


def folds(
    split: Fold, coding: targets.Coding, groups: Any, section: DataSection, seed: int
) -> tuple[Fold, ...]:
    """Return the folds over which a trial's value is the mean.

    Raises:
        DataError: the data can't be divided so often.
    """
    if section.folds == 1:
        return (split,)
    if section.split_by is not None:
        raise refusal("folds", f'{section.folds} with split_by = "{section.split_by}"', "folds = 1")
    if section.group and groups is None:
        raise refusal("group", f'"{section.group}"', "a source without a validation set of its own")
    labels = stratified(split.pool.y, coding, groups, None)
    return tuple(
        replace(split, train_rows=rows[0], validation_rows=rows[1], train_labels=labels.of(rows[0]))
        for rows in splits.folds(labels, section.folds, seed=seed)
    )


def groups(arrays: Arrays, rows: dict[str, Rows]) -> Any:
    """Return the groups of the pool's samples, if all of them have one; else None."""
    found = pooled(rows)
    return None if arrays.groups is None or found is None else arrays.groups[found]


def pooled(rows: dict[str, Rows]) -> Rows | None:
    """Return the source's rows outside of the test set; None if it has its own validation set."""
    if "validation" not in rows:
        return None
    return np.concatenate((rows["training"], rows["validation"]))


def over_borders(arrays: Arrays, section: DataSection, rows: Mapping[str, Rows]) -> list[str]:
    """Return a note on the windows that belong to no part."""
    if arrays.order is None or arrays.order.ndim == 1:
        return []
    count = min(section.samples or len(arrays.y), len(arrays.y))
    lost = count - sum(map(len, rows.values()))
    whole = f"{lost} of {spelling.counted(count, 'window')} left out"
    return [f"{whole}: they reach over a border between the parts"] if lost else []
