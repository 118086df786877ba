"""Measures of one training's learning curves, smoothed against noise.

Losses are given in units of the loss of guessing (the baseline loss): that of a model which always
predicts the class frequencies, or the mean of the targets. 1 means nothing learned and 0 a perfect
fit, whatever the loss and the number of classes; for squared errors it is 1 − R². For a loss of the
user's own, the loss of guessing is unknown: then the unit is the range of the curves, and rules
that involve guessing don't apply.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studyhall.search.display import curves
from studyhall.search.display.curves import History

WIDEST = 9  # largest width of the smoothing window, in epochs
SHORTEST = 8  # shorter curves are not smoothed
EXPLOSION = 1e6  # a loss beyond this many times the loss of guessing counts as not finite

Curve = NDArray[np.float64]


@dataclass(frozen=True)
class Evidence:
    """The measures of one training.

    Attributes:
        epochs: number of trained epochs.
        best_epoch: epoch of the lowest validation loss.
        train_best, validation_best: recorded losses at the best epoch.
        train_last, validation_last: recorded losses at the last epoch with finite losses.
        guess_loss: the loss of guessing; None if it is not known.
        unit: unit of the following losses: the loss of guessing, or the range of the curves.
        level: lower one of the two losses at the best epoch; the validation loss if the training
            loss is measured differently.
        gap: lowest validation loss minus last training loss, a measure of memorisation; NaN if the
            two are measured differently.
        rise: last minus lowest validation loss.
        fall: decrease of the validation loss over the last quarter of the epochs.
        fall_share: that decrease as a share of the total one; 0.25 for a straight line.
        to_come: further decrease that as many epochs again would bring if the validation loss went
            on as in the last two quarters of the epochs.
        noise: deviation of an epoch's validation loss from the curve's trend (standard deviation).
        rises: share of the epochs after the first whose validation loss is above the one before.
        train_noise: the same for the training loss.
        train_fall: decrease of the training loss after the first quarter of the epochs.
        start: highest training loss; infinite if any epoch's loss was not finite.
        late: highest loss of either set in the last quarter of the epochs.
        diverged_at: the last epoch, if its loss was not finite; else None.
        train_error, validation_error: error rates at the best epoch, from 0 to 1, or None.
        auc: highest area under the ROC curve on the validation set, or None.
    """

    epochs: int
    best_epoch: int
    train_best: float
    validation_best: float
    train_last: float
    validation_last: float
    guess_loss: float | None
    unit: float
    level: float
    gap: float
    rise: float
    fall: float
    fall_share: float
    to_come: float
    noise: float
    rises: float
    train_noise: float
    train_fall: float
    start: float
    late: float
    diverged_at: int | None
    train_error: float | None
    validation_error: float | None
    auc: float | None

    def to_json(self) -> dict[str, Any]:
        """Return all measures by name, rounded to four digits; None for infinite ones and NaN."""
        return {key: _rounded(number) for key, number in asdict(self).items()}


def measure(history: History, guess_loss: float | None, *, alike: bool = True) -> Evidence | None:
    """Measure the curves of one training, or of one fold.

    Args:
        history: its epochs, flat (``curves.flat``), of one fold.
        guess_loss: loss of guessing on the training set, or None if not known.
        alike: True if training and validation loss are measured in the same way.

    Returns:
        The measures; None if no epoch has a finite loss.
    """
    unit = guess_loss or _span(history)
    finite = [row for row in history if _is_sane(row, unit)]
    lost = bool(history) and not _is_sane(history[-1], unit)
    best = curves.best_epoch(finite)
    if best is None or not unit:
        return None
    train, validation = (_curve(finite, name) / unit for name in ("loss", "val_loss"))
    return Evidence(
        epochs=len(history),
        best_epoch=int(best["epoch"]),
        train_best=curves.number(best, "loss"),
        validation_best=curves.number(best, "val_loss"),
        train_last=curves.number(finite[-1], "loss"),
        validation_last=curves.number(finite[-1], "val_loss"),
        guess_loss=guess_loss or None,
        unit=float(unit),
        **_shape(train, validation, alike=alike),
        start=float(train.max()) if len(finite) == len(history) else np.inf,
        late=float(max(each[-_quarter(each) :].max() for each in (train, validation))),
        diverged_at=int(history[-1]["epoch"]) if lost else None,
        train_error=_error(best, "accuracy"),
        validation_error=_error(best, "val_accuracy"),
        auc=max((auc for row in finite for auc in _aucs(row)), default=None),
    )


def _shape(train: Curve, validation: Curve, *, alike: bool) -> dict[str, float]:
    """Compute the measures that the rules use, from both curves in units of `Evidence.unit`."""
    smooth_train, smooth = smoothed(train), smoothed(validation)
    at, quarter = int(np.argmin(smooth)), _quarter(smooth)
    whole, late = smooth[0] - smooth[-1], smooth[-1 - quarter :][0] - smooth[-1]
    return {
        "level": float(min(smooth_train[at], smooth[at]) if alike else smooth[at]),
        "gap": float(smooth[at] - smooth_train[-1]) if alike else np.nan,
        "rise": float(smooth[-1] - smooth[at]),
        "fall": float(late),
        "fall_share": float(np.clip(late / whole, -1, 1)) if whole > 0 else 0.0,
        "to_come": _to_come(smooth, quarter),
        "noise": noise(validation),
        "rises": float(np.mean(np.diff(validation) > 0)) if len(validation) > 1 else 0.0,
        "train_noise": noise(train),
        "train_fall": float(smooth_train[: quarter + 1][-1] - smooth_train[-1]),
    }


def _to_come(smooth: Curve, quarter: int) -> float:
    """Return the fall of four more quarters, each in the ratio of the last one to that before."""
    if len(smooth) <= 2 * quarter:
        return 0.0
    before, after = -np.diff(smooth[[-1 - 2 * quarter, -1 - quarter, -1]])
    if after <= 0:
        return 0.0
    ratio = min(1.0, after / before) if before > 0 else 1.0
    return float(after * (ratio + ratio**2 + ratio**3 + ratio**4))


def smoothed(curve: Curve) -> Curve:
    """Smooth a curve by a running median, which removes spikes, and then a running mean.

    The window is an eighth of the curve, 3 to 9 values wide, and narrower at the ends; curves of
    fewer than 8 values are returned unchanged.
    """
    if len(curve) < SHORTEST:
        return curve
    half = max(1, min(WIDEST, len(curve) // SHORTEST) // 2)
    for of in (np.nanmedian, np.nanmean):
        padded = np.pad(curve, half, constant_values=np.nan)
        curve = of(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1), axis=1)
    return curve


def noise(curve: Curve) -> float:
    """Estimate the standard deviation of a curve's noise around its own trend.

    Differences of second, third and fourth order cancel a trend that is straight, parabolic or
    cubic, and each estimates the same deviation where there is noise alone. So the smallest of the
    three is the one that the curve's bend spoils least: learning curves are steep at first. Each is
    a median absolute difference, times 1.4826 for a normal distribution, without the factor by
    which differences of independent values are larger.
    """
    found = [
        1.4826 * np.median(np.abs(np.diff(curve, order))) / np.sqrt(comb(2 * order, order))
        for order in (2, 3, 4)
        if len(curve) > order
    ]
    return float(min(found, default=0.0))


def _quarter(curve: Curve) -> int:
    return max(1, len(curve) // 4)


def _curve(history: History, name: str) -> Curve:
    return np.array([curves.number(row, name) for row in history])


def _span(history: History) -> float:
    """Return the range of the losses from the first epoch on, or the first loss if it is larger."""
    losses = np.array([[curves.number(row, name) for name in ("loss", "val_loss")]
                       for row in history])  # fmt: skip
    finite = losses[np.isfinite(losses).all(axis=1)] if len(losses) else losses
    if not len(finite):
        return 0.0
    return float(max(np.abs(finite[0]).max(), finite[0].max() - finite.min()))


def _is_sane(row: Any, unit: float) -> bool:
    losses = np.array([curves.number(row, "loss"), curves.number(row, "val_loss")])
    return bool(np.all(np.isfinite(losses)) and np.all(np.abs(losses) <= EXPLOSION * unit))


def _error(epoch: Any, name: str) -> float | None:
    accuracy = curves.number(epoch, name)
    return float(1 - accuracy) if np.isfinite(accuracy) else None


def _aucs(epoch: Any) -> list[float]:
    found = [curves.number(epoch, name) for name in ("val_roc_auc", "val_auc")]
    return [auc for auc in found if np.isfinite(auc)]


def _rounded(number: Any) -> Any:
    if not isinstance(number, float):
        return number
    return float(f"{number:.4g}") if np.isfinite(number) else None
