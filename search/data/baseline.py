"""The baseline loss: that of a model which predicts the class frequencies for every sample.

Learning curves are measured in units of this loss: 1 means nothing learned, 0 a perfect fit. The
loss is computed like a trial's recorded losses, without class weights and label smoothing. Its
constant prediction is the one that the trial's training would converge to, which does depend on
class weights and label smoothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from studyhall.search.study_file.losses import AS_GIVEN, BINARY, LOSSES, MULTICLASS, REGRESSION
from studyhall.search.study_file.own_code import is_own

if TYPE_CHECKING:
    from studyhall.search.data.loading import Data

FOCUS = 2.0  # gamma of Keras' focal loss
TINY = 1e-12
UNKNOWN: dict[str, Any] = {"guess_loss": None, "guess_losses": {}, "class_shares": None}

Shares = NDArray[np.float64]


def about(data: Data, loss: Any) -> dict[str, Any]:
    """Summarise a study's data for the verdicts and the report.

    Args:
        data: the study's data.
        loss: ``[training] loss``.

    Returns:
        ``task``, ``samples`` (number in the training, validation and test part), ``guess_loss``
        (the baseline loss; None for a loss of the user's own), ``guess_losses`` (the same for
        every loss that fits the task, by name), ``class_shares`` (frequency of each class or
        label; None for regression) and ``guess_error`` (error rate of always predicting the most
        frequent class; None for multilabel and regression). The losses are not known where samples
        have weights, nor for several targets. Of streams there is
        ``streams`` (what tells them from others), in place of the number of samples.
    """
    y, task = data.train.y, data.task
    fitting = [name for name, tasks in LOSSES.items() if task in tasks]
    sizes = {name: len(part) for name, part in data.parts.items() if name not in data.streams}
    if task == AS_GIVEN or data.train.weights is not None:
        error = _error(y) if task in (BINARY, MULTICLASS) else None
        streams = {"streams": dict(data.streams)} if data.streams else {}
        return {"task": task, "samples": sizes, **UNKNOWN, "guess_error": error, **streams}
    return {
        "task": task,
        "samples": sizes,
        "guess_loss": None if is_own(loss) else guess_loss(task, y, loss),
        "guess_losses": {name: guess_loss(task, y, name) for name in fitting},
        "class_shares": None if task == REGRESSION else _shares(task, y).tolist(),
        "guess_error": _error(y) if task in (BINARY, MULTICLASS) else None,
    }


def of_trial(
    known: Mapping[str, Any], loss: Any, values: Mapping[str, Any], own: str | None = None
) -> float | None:
    """Return the baseline loss of one trial; None if it is not known.

    Args:
        known: the summary that `about` returned.
        loss: ``[training] loss``.
        values: the trial's hyperparameters.
        own: Keras name of the loss that the user's own code compiled the model with, if it did.
    """
    balanced = values.get("class_weights", "none") != "none"
    if own is not None:
        return _of_own(known, own, balanced)
    if is_own(loss):
        return None
    # The focal loss is built without label smoothing.
    smoothing = 0.0 if "focal" in loss else float(values.get("label_smoothing") or 0.0)
    if not (balanced or smoothing):
        return known.get("guess_loss")
    return _of_known_shares(known, loss, balanced, smoothing)


def _of_own(known: Mapping[str, Any], loss: str, balanced: bool) -> float | None:
    """Return the baseline of the loss in the user's own code; None if that loss is not known.

    Two classes may be coded as one output or two; their crossentropies are the same.
    """
    single = known.get("task") in (BINARY, MULTICLASS)
    if single and loss in ("categorical_crossentropy", "sparse_categorical_crossentropy"):
        return _of_known_shares(known, "auto", balanced)
    found: float | None = known.get("guess_losses", {}).get(loss)
    return _of_known_shares(known, loss, balanced) if found and balanced else found


def _of_known_shares(
    known: Mapping[str, Any], loss: str, balanced: bool, smoothing: float = 0.0
) -> float | None:
    shares = known.get("class_shares")  # studies of older versions did not record them
    if shares is None:
        return None
    return of_shares(known["task"], np.array(shares), loss, balanced=balanced, smoothing=smoothing)


def guess_loss(task: str, y: NDArray[Any], loss: str = "auto") -> float:
    """Return the smallest mean loss of a constant prediction.

    Args:
        task: binary, multiclass, multilabel or regression.
        y: class numbers (N,), labels (N, k), or numbers (N,) or (N, k).
        loss: by its Keras name; auto is crossentropy, or the squared error in regression.
    """
    if task == REGRESSION:
        return _of_numbers(np.asarray(y, np.float64), loss)
    return of_shares(task, _shares(task, y), loss)


def of_shares(
    task: str, shares: Shares, loss: str = "auto", *, balanced: bool = False, smoothing: float = 0.0
) -> float:
    """Return the mean loss of the constant prediction that training would converge to.

    Args:
        task: binary, multiclass or multilabel.
        shares: frequency of each class, or of each label, from 0 to 1.
        loss: by its Keras name; a focal loss weights the crossentropy, all others don't.
        balanced: True if training gives every class the same total weight.
        smoothing: label smoothing of the training, as a share of the target.
    """
    if task not in (BINARY, MULTICLASS):
        shares = np.stack([shares, 1 - shares])  # each label is a binary problem: yes and no
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
        # log(cosh(x)) in a form that does not overflow for large x
        "log_cosh": lambda: float((off + np.log1p(np.exp(-2 * off)) - np.log(2)).mean()),
    }.get(loss, lambda: float((off**2).mean()))()


def _error(y: NDArray[Any]) -> float:
    return float(1 - np.bincount(y).max() / len(y))
