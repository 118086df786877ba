"""Coding of a source's targets for a Keras loss: the task, the classes and the coded arrays."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from studyhall.search.data import target_kinds, trees
from studyhall.search.data.arrays import Targets, flat
from studyhall.search.data.errors import refusal, shortened
from studyhall.search.data.trees import Tree

Task = Literal["binary", "multiclass", "multilabel", "regression", "as given"]

OWN_MODEL = '[model] family = "my_model.py:build"'
LOST = 0.01  # largest acceptable rounding error of float32, as a share of the targets' deviation
LARGEST = 1e15  # deviation of targets, whose squares float32 must hold; and its inverse


@dataclass(frozen=True, eq=False)
class Coding:
    """The coding of one source's targets for Keras.

    Attributes:
        task: binary, multiclass, multilabel, regression; or as given, for several targets.
        classes: names of the classes or labels; empty for regression.
        outputs: units of the output layer; 1 for two classes (sigmoid). For several targets a tree
            with those of each.
        labels: the source's class labels in the order of `classes`; None for multilabel and
            regression.
    """

    task: Task
    classes: tuple[str, ...]
    outputs: Any
    labels: NDArray[Any] | None = None

    def apply(self, y: Any) -> Any:
        """Code targets: int32 (N,) class numbers; float32 (N, k) labels, or (N,) or (N, …) values.

        Args:
            y: targets in the source's form.

        Raises:
            DataError: a class label that does not occur in the training data.
        """
        if isinstance(y, Tree):
            return y
        y = flat(y)
        if self.labels is None:
            return y.astype(np.float32)
        if y.ndim == 2:
            return np.asarray(np.argmax(y, axis=1), np.int32)
        numbers = np.searchsorted(self.labels, y).clip(max=len(self.labels) - 1)
        strange = y[self.labels[numbers] != y]
        if len(strange):
            received = f"class {strange[0]} in the source's own test or validation set"
            raise refusal("source", received, f"the classes of its training set: {self._known}")
        return numbers.astype(np.int32)

    @property
    def _known(self) -> str:
        return shortened(self.classes)


@dataclass(frozen=True, eq=False)
class Given:
    """The form of the targets in the user's own arrays, which losses of the user's own get.

    Attributes:
        shape: shape of the targets of one sample; None where it is that of coded ones.
        dtype: their type.
        table: (classes, *shape) the targets of each class; None for other tasks.
    """

    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    table: NDArray[Any] | None = None


AS_CODED = Given()


def given(y: Targets, coded: Coding) -> Given:
    """Return the form of targets as they are, for code that gets them back from coded ones."""
    if isinstance(y, Tree) or y.dtype.kind not in "biuf":  # no loss takes text
        return AS_CODED
    shape, kind = y.shape[1:], np.dtype(np.float32) if y.dtype.kind == "f" else y.dtype
    if coded.labels is None:
        return Given(shape, kind.name)
    one_hot = y.ndim == 2 and y.shape[1] > 1
    rows = np.eye(len(coded.labels)) if one_hot else coded.labels.reshape(-1, *shape)
    return Given(shape, kind.name, rows.astype(kind))


def coding(
    y: Targets,
    task: str = "auto",
    names: tuple[str, ...] = (),
    key: str = "source",
    *,
    own_model: bool = False,
) -> Coding:
    """Choose the coding for the training data's targets.

    Args:
        y: (N, …) targets.
        task: "classification", "multilabel", "regression", or "auto" to infer it: text, booleans,
            0/1 and a few whole numbers, as integers or as floats that occur several times, are
            classes; rows of 0/1 with one 1 each are one-hot
            classes, other rows of 0/1 are multilabel; everything else is regression.
        names: names of the class numbers 0, 1, …, if the source has names.
        key: key of `[data]` that names the targets, for messages.
        own_model: True if the user's own function builds the model; then targets may have more
            than two axes.

    Raises:
        DataError: targets that don't fit the task, a single class, or a single value.
    """
    if isinstance(y, Tree):
        return _several(y, task, key, own_model=own_model)
    y = flat(y)
    if y.ndim > 2:
        _many_axes(y, task, key, own_model=own_model)
        task = "regression"
    if task == "auto" and key == "source":  # a table's column has been read by its kind
        target_kinds.refuse_numbers_as_text(y, key)
    kind = target_kinds.inferred(y) if task == "auto" else task
    if kind == "regression":
        return _regression(y, key)
    if kind == "multilabel":
        return _multilabel(y, names, key)
    return _classification(y, names, key)


def _several(y: Tree, task: str, key: str, *, own_model: bool) -> Coding:
    """Leave several targets as they are; only the user's model knows what they are."""
    received = f"several targets, {y.described()}"
    if not own_model:
        raise refusal(key, received, f"one, or a model of your own ({OWN_MODEL})")
    if task != "auto":
        raise refusal("task", f'"{task}" for {received}', '"auto"')
    return Coding("as given", (), trees.mapped(_outputs, y.nested))


def _outputs(leaf: Targets) -> int:
    """Return how many outputs a target needs: one for each class, or each value."""
    leaf = flat(leaf)
    if leaf.ndim > 1:
        return int(leaf.shape[-1])
    if target_kinds.inferred(leaf) == "regression":
        return 1
    classes = len(np.unique(leaf))
    return 1 if classes <= 2 else classes


def _many_axes(y: Targets, task: str, key: str, *, own_model: bool) -> None:
    """Check targets of more than two axes (sequences, masks): only the user's model knows them."""
    received = f"targets of shape {y.shape}"
    if not own_model:
        wanted = "one or several values per sample, or a model of your own"
        raise refusal(key, received, f"{wanted} ({OWN_MODEL})")
    if task not in ("auto", "regression"):
        raise refusal("task", f'"{task}" for {received}', '"auto" or "regression"')


def _classification(y: Targets, names: tuple[str, ...], key: str) -> Coding:
    if y.ndim == 2:
        if not target_kinds.is_zeros_and_ones(y) or not (y.sum(axis=1) == 1).all():
            received = f"targets of shape {y.shape} that are not one-hot"
            raise refusal(key, received, 'one class per sample; or task = "multilabel"')
        labels = np.arange(y.shape[1])
        present = np.unique(y.argmax(axis=1))
    else:
        labels = np.unique(y)
        present = np.arange(len(labels))
    if labels.dtype.kind == "f" and (labels % 1).any():
        received = f"{labels[labels % 1 > 0][0]:g} as a class"
        raise refusal(key, received, 'whole numbers or text; or task = "regression"')
    classes = tuple(_name(label, names) for label in labels)
    if len(present) < 2:
        received = f"one class only ({classes[present[0]]}) in {len(y)} samples"
        raise refusal(key, received, "two classes or more")
    two = len(classes) == 2
    return Coding("binary" if two else "multiclass", classes, 1 if two else len(classes), labels)


def _name(label: Any, names: tuple[str, ...]) -> str:
    if isinstance(label, (np.str_, np.bool_)):
        return str(label)
    number = int(label)
    return names[number] if 0 <= number < len(names) else str(number)


def _multilabel(y: Targets, names: tuple[str, ...], key: str) -> Coding:
    if y.ndim != 2 or not target_kinds.is_zeros_and_ones(y):
        received = f"targets of type {y.dtype} and shape {y.shape}"
        raise refusal(key, received, "0 or 1 for every label: (samples, labels)")
    return Coding(
        "multilabel", tuple(_name(label, names) for label in range(y.shape[1])), y.shape[1]
    )


def _check_precision(y: Targets, key: str) -> None:
    """Refuse targets that float32, in which networks compute, can't tell apart or square."""
    values = y.reshape(-1, y.shape[-1]) if y.ndim > 1 else y[:, np.newaxis]
    centred = values.astype(np.float64) - values[0]
    size = np.abs(centred).max(axis=0)
    deviation = size * (centred / np.where(size > 0, size, 1)).std(axis=0)
    known = deviation[deviation > 0]
    if len(known) and (known.max() > LARGEST or known.min() < 1 / LARGEST):
        received = f"targets that differ by about {known.max():.1e} or {known.min():.1e}"
        raise refusal(
            key, received, f"a unit in which they differ by 1 / {LARGEST:g} to {LARGEST:g}"
        )
    lost = np.abs(values - values.astype(np.float32)).max(axis=0) > LOST * deviation
    if (lost & (deviation > 0)).any():
        example = values[0, np.flatnonzero(lost & (deviation > 0))[0]]
        received = f"targets such as {example:.17g}, whose differences float32 loses"
        raise refusal(key, received, "targets from which a constant is subtracted")


def _regression(y: Targets, key: str) -> Coding:
    if y.dtype.kind not in "biuf":
        raise refusal(key, target_kinds.text_in(y), 'numbers, or task = "classification"')
    if (y == y[0]).all():
        raise refusal(key, f"{y.flat[0]:g} for each of {len(y)} samples", "different values")
    _check_precision(y, key)
    return Coding("regression", (), 1 if y.ndim == 1 else y.shape[-1])
