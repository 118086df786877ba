"""The kind of a source's targets, inferred where it is not said: classes, labels or values."""

import numpy as np

from studyhall.search.data.arrays import Targets, flat
from studyhall.search.data.errors import refusal, shortened
from studyhall.search.data.trees import Tree

FEW = 20  # up to this many different whole numbers are classes, whatever their values
MOSTLY = 0.5  # share of numbers from which the rest are mistakes, as in tables
PER_CLASS = 10  # more are classes only if they are 0, 1, 2 … with this many samples each


def inferred(y: Targets) -> str:
    """Return classification, multilabel or regression; `targets.coding` says by which rules."""
    if y.ndim == 2:
        if not is_zeros_and_ones(y):
            return "regression"
        return "classification" if (y.sum(axis=1) == 1).all() else "multilabel"
    if y.dtype.kind in "Ub" or is_zeros_and_ones(y):
        return "classification"
    return "classification" if _few(y) else "regression"


def refuse_numbers_as_text(y: Targets, key: str) -> None:
    """Refuse text that is measured numbers, or numbers but for some words: classes by mistake."""
    if y.dtype.kind != "U":
        return
    numbers = np.array([_number(text) for text in y.flat])
    known = np.isfinite(numbers)
    if known.all() and inferred(numbers.reshape(y.shape)) == "regression":
        received = f'numbers as text, such as "{y.flat[0]}"'
        raise refusal(key, received, 'numbers, or task = "classification"')
    if MOSTLY < known.mean() < 1:
        raise refusal(key, f"{text_in(y)} among numbers", 'numbers, or task = "classification"')


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def notes(y: Targets, task: str) -> list[str]:
    """Return a sentence if floats are taken for classes because all are whole numbers."""
    if isinstance(y, Tree):
        return ["several targets: the model gets them as they are; there are no scores by class"]
    y = flat(y)
    if task != "auto" or y.ndim > 1 or y.dtype.kind != "f" or is_zeros_and_ones(y) or not _few(y):
        return []
    values = shortened((f"{value:g}" for value in np.unique(y)), 5)
    return [
        f'the targets {values} are taken for classes; [data] task = "regression" if they are not'
    ]


def _few(y: Targets) -> bool:
    """Return True for whole numbers of few different values, however they are stored."""
    if y.dtype.kind == "f" and (y % 1).any():
        return False
    values = np.unique(y)
    if y.dtype.kind == "f" and 2 * len(values) > len(y):  # most of them once: measured, not named
        return False
    in_order = values[0] in (0, 1) and values[-1] - values[0] == len(values) - 1
    return len(values) <= FEW or (in_order and len(values) * PER_CLASS <= len(y))


def is_zeros_and_ones(y: Targets) -> bool:
    """Return True for numbers of which each is 0 or 1."""
    return y.dtype.kind in "biuf" and bool(np.isin(y, (0, 1)).all())


def text_in(y: Targets) -> str:
    """Return the first target that is no number, with its sample; or that numbers are text."""
    for number, text in enumerate(map(str, y.flat)):
        if not np.isfinite(_number(text)):
            return f'"{text}" in sample {number * len(y) // y.size + 1}'
    return f'numbers as text, such as "{y.flat[0]}"'
