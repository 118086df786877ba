"""What a model gets that has learned nothing but how often each target occurs.

That loss is the unit in which curves are judged: 1 is nothing learned, 0 a perfect fit. It is
measured as a trial's recorded losses are, which count every sample alike and smooth no label; the
answer is the one that the trial's own training leads to, which class weights and smoothing move.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from studyhall.search.study_file.losses import BINARY, LOSSES, MULTICLASS, REGRESSION

if TYPE_CHECKING:
    from studyhall.search.data.loading import Data

FOCUS = 2.0  # gamma of Keras' focal loss
TINY = 1e-12

Shares = NDArray[np.float64]


def about(data: Data, loss: str) -> dict[str, Any]:
    """What the verdicts and the report need to know of a study's data.

    Args:
        data: of the study.
        loss: ``[training] loss``.

    Returns:
        ``task``, ``samples`` (of training, validation and test part), ``guess_loss``,
        ``guess_losses`` (of every loss that the targets allow, by name), ``class_shares`` (how
        often each class or label occurs; None for numbers) and, for single classes,
        ``guess_error``, the share of wrong answers of the most frequent class.
    """
    parts = {"training": data.train, "validation": data.validation, "test": data.test}
    y, task = data.train.y, data.task
    fitting = [name for name, tasks in LOSSES.items() if task in tasks]
    return {
        "task": task,
        "samples": {name: len(part) for name, part in parts.items()},
        "guess_loss": guess_loss(task, y, loss),
        "guess_losses": {name: guess_loss(task, y, name) for name in fitting},
        "class_shares": None if task == REGRESSION else _shares(task, y).tolist(),
        "guess_error": _error(y) if task in (BINARY, MULTICLASS) else None,
    }


def of_trial(
    known: Mapping[str, Any], loss: str, values: Mapping[str, Any], own: str | None = None
) -> float | None:
    """The loss of guessing for one trial; None where it is not known.

    Args:
        known: what `about` has found.
        loss: ``[training] loss``.
        values: the trial's hyperparameters.
        own: the loss that the user's own code compiled the model with, by its Keras name.
    """
    balanced = values.get("class_weights", "none") != "none"
    if own is not None:
        return _of_own(known, own, balanced)
    smoothing = 0.0 if "focal" in loss else float(values.get("label_smoothing") or 0.0)
    if not (balanced or smoothing):
        return known.get("guess_loss")
    return _of_known_shares(known, loss, balanced, smoothing)


def _of_own(known: Mapping[str, Any], loss: str, balanced: bool) -> float | None:
    """Two classes may be coded as one number or as two, which have the same crossentropy."""
    single = known.get("task") in (BINARY, MULTICLASS)
    if single and loss in ("categorical_crossentropy", "sparse_categorical_crossentropy"):
        return _of_known_shares(known, "auto", balanced)
    found: float | None = known.get("guess_losses", {}).get(loss)
    return _of_known_shares(known, loss, balanced) if found and balanced else found


def _of_known_shares(
    known: Mapping[str, Any], loss: str, balanced: bool, smoothing: float = 0.0
) -> float | None:
    shares = known.get("class_shares")  # studies of before do not know them
    if shares is None:
        return None
    return of_shares(known["task"], np.array(shares), loss, balanced=balanced, smoothing=smoothing)


def guess_loss(task: str, y: NDArray[Any], loss: str = "auto") -> float:
    """The least mean loss that one and the same answer for all samples has.

    Args:
        task: binary, multiclass, multilabel or regression.
        y: class numbers (N,), labels (N, k), or numbers (N,) or (N, k).
        loss: by its Keras name; auto is crossentropy, or the squared error of numbers.
    """
    if task == REGRESSION:
        return _of_numbers(np.asarray(y, np.float64), loss)
    return of_shares(task, _shares(task, y), loss)


def of_shares(
    task: str, shares: Shares, loss: str = "auto", *, balanced: bool = False, smoothing: float = 0.0
) -> float:
    """The mean loss of the one answer that training comes to where it learns nothing else.

    Args:
        task: binary, multiclass or multilabel.
        shares: how often each class occurs, or each label.
        balanced: whether training counts every class alike, however rare.
        smoothing: share of the target that training spreads over all classes.
    """
    if task not in (BINARY, MULTICLASS):
        shares = np.stack([shares, 1 - shares])  # of each label, yes and no
    answer = (shares > 0) / np.count_nonzero(shares, axis=0) if balanced else shares
    answer = (1 - smoothing) * answer + smoothing / len(shares)
    focus = (1 - answer) ** FOCUS if "focal" in loss else 1.0
    losses = -shares * np.log(np.maximum(answer, TINY))
    return float((focus * losses).sum(axis=0).mean())


def _shares(task: str, y: NDArray[Any]) -> Shares:
    if task in (BINARY, MULTICLASS):
        return np.bincount(y, minlength=2) / len(y)
    return np.atleast_1d(np.mean(y, axis=0, dtype=np.float64))


def _of_numbers(y: NDArray[np.float64], loss: str) -> float:
    centre = np.median(y, axis=0) if loss == "mean_absolute_error" else y.mean(axis=0)
    off = np.abs(y - centre)
    return {
        "mean_absolute_error": lambda: float(off.mean()),
        "huber": lambda: float(np.where(off <= 1, off**2 / 2, off - 0.5).mean()),
        "log_cosh": lambda: float((off + np.log1p(np.exp(-2 * off)) - np.log(2)).mean()),
    }.get(loss, lambda: float((off**2).mean()))()


def _error(y: NDArray[Any]) -> float:
    return float(1 - np.bincount(y).max() / len(y))
