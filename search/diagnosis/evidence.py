"""What one training's curves come to in numbers, noise smoothed away.

Losses are measured in units of the loss of guessing: that of a model which knows only how often
each class occurs, or the mean of the targets. 1 is nothing learned, 0 is a perfect fit, whatever
the loss and the number of classes; for squared errors it is 1 − R². Where the loss is the user's
own, nobody knows what guessing gets: the unit is what the curves span then, and no rule that speaks
of guessing applies.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studyhall.search.display import curves
from studyhall.search.display.curves import History

WIDEST = 9  # epochs that a smoothed value is made of, at most
SHORTEST = 8  # epochs of a curve that is smoothed
EXPLOSION = 1e6  # a loss beyond so many times that of guessing is no number any more

Curve = NDArray[np.float64]


@dataclass(frozen=True)
class Evidence:
    """One training in numbers. ``train_…`` and ``validation_…`` are losses as recorded.

    Attributes:
        epochs: how many were trained.
        best_epoch: of the least validation loss.
        guess_loss: the loss of guessing; None where it is not known.
        unit: that loss, or what the curves span; of all that follow but the errors and the AUC.
        level: where it got: the lower of the two losses at the best epoch; of the validation loss
            alone where the training loss is measured differently.
        gap: least validation loss minus the last training loss: what is learned by heart; NaN where
            the two are measured differently.
        rise: last minus least validation loss.
        fall: of the validation loss over the last quarter of the epochs.
        fall_share: that fall as a share of the whole one; 0.25 is a straight line.
        noise: how far an epoch's validation loss strays from its neighbours' (standard deviation).
        train_noise: likewise for the training loss.
        train_fall: of the training loss after the first quarter of the epochs.
        start: the highest training loss; infinite where it was no number.
        late: the highest loss, of either set, in the last quarter of the epochs.
        diverged_at: the last epoch, where its loss was no number; else None.
        train_error, validation_error: shares of wrong answers at the best epoch, or None.
        auc: the highest area under the ROC curve on the validation set, where it is measured.
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
    noise: float
    train_noise: float
    train_fall: float
    start: float
    late: float
    diverged_at: int | None
    train_error: float | None
    validation_error: float | None
    auc: float | None

    def to_json(self) -> dict[str, Any]:
        """By name, rounded to what means anything; null for what is infinite."""
        return {key: _rounded(number) for key, number in asdict(self).items()}


def measure(history: History, guess_loss: float | None, *, alike: bool = True) -> Evidence | None:
    """The evidence of one training, or of one of its folds.

    Args:
        history: its epochs, flat (``curves.flat``), of one fold.
        guess_loss: loss of guessing on the training set, or None.
        alike: whether training and validation loss are measured in the same way.

    Returns:
        None where no epoch has a finite loss.
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
    """What the rules look at, from both curves in units of the loss of guessing."""
    smooth_train, smooth = smoothed(train), smoothed(validation)
    at, quarter = int(np.argmin(smooth)), _quarter(smooth)
    whole, late = smooth[0] - smooth[-1], smooth[-1 - quarter :][0] - smooth[-1]
    return {
        "level": float(min(smooth_train[at], smooth[at]) if alike else smooth[at]),
        "gap": float(smooth[at] - smooth_train[-1]) if alike else np.nan,
        "rise": float(smooth[-1] - smooth[at]),
        "fall": float(late),
        "fall_share": float(np.clip(late / whole, -1, 1)) if whole > 0 else 0.0,
        "noise": noise(validation),
        "train_noise": noise(train),
        "train_fall": float(smooth_train[: quarter + 1][-1] - smooth_train[-1]),
    }


def smoothed(curve: Curve) -> Curve:
    """Each value as the median of its neighbourhood, then the mean: spikes and jitter are gone.

    The neighbourhood is an eighth of the curve, 3 to 9 values, fewer at its ends; curves of less
    than 8 stay as they are.
    """
    if len(curve) < SHORTEST:
        return curve
    half = max(1, min(WIDEST, len(curve) // SHORTEST) // 2)
    for of in (np.nanmedian, np.nanmean):
        padded = np.pad(curve, half, constant_values=np.nan)
        curve = of(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1), axis=1)
    return curve


def noise(curve: Curve) -> float:
    """Standard deviation of a value around the mean of its two neighbours; robust."""
    if len(curve) < 3:
        return 0.0
    strayed = np.abs(curve[1:-1] - (curve[:-2] + curve[2:]) / 2)
    return float(1.4826 * np.median(strayed) / np.sqrt(1.5))


def _quarter(curve: Curve) -> int:
    return max(1, len(curve) // 4)


def _curve(history: History, name: str) -> Curve:
    return np.array([curves.number(row, name) for row in history])


def _span(history: History) -> float:
    """How far the losses fell from the first epoch on, or its own size where that is more."""
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
