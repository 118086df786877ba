"""The rules of early stopping and of the learning rate on a plateau, in NumPy or TensorFlow.

Their state is one float64 vector beside the weights, so that several epochs can run in one call
without returning to Python; training by `model.fit` follows the same rules in NumPy.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from studyhall.search.training.settings import Settings

RUNNING, PATIENCE, DIVERGED, CALLBACKS = 0.0, 1.0, 2.0, 3.0
STOPPED = {PATIENCE: "patience", DIVERGED: "diverged", CALLBACKS: "by its callbacks"}


class RulesState(NamedTuple):
    """The state of the rules between epochs (float64 scalars)."""

    epoch: Any = 0.0
    stopped: Any = RUNNING
    best: Any = math.inf  # the lowest value so far, of best_epoch
    best_epoch: Any = 0.0
    watched: Any = math.inf  # the last value that was an improvement by min_delta
    wait: Any = 0.0  # epochs since that improvement
    plateau_watched: Any = math.inf
    plateau_wait: Any = 0.0


class Rules(NamedTuple):
    """The parameters of patience and plateau; an infinite patience means none."""

    patience: Any
    min_delta: Any
    plateau_patience: Any
    plateau_min_delta: Any
    factor: Any
    min_learning_rate: Any


def start() -> np.ndarray:
    """Return the state before the first epoch."""
    return np.array(RulesState(), np.float64)


def rules(settings: Settings) -> np.ndarray:
    """Return the rules of a training, in the order of `Rules`."""
    patience = math.inf if settings.patience is None else settings.patience
    plateau = settings.plateau
    if plateau is None:
        return np.array(Rules(patience, settings.min_delta, math.inf, 0.0, 1.0, 0.0))
    lowered = (plateau.patience, plateau.min_delta, plateau.factor, plateau.min_learning_rate)
    return np.array(Rules(patience, settings.min_delta, *lowered))


class Arrays(NamedTuple):
    """The functions of a library of arrays that the rules need, as NumPy calls them."""

    where: Any
    isfinite: Any
    maximum: Any
    stack: Any
    unstack: Any
    float32: Any  # converts to this type
    float64: Any


NUMPY = Arrays(np.where, np.isfinite, np.maximum, np.stack, tuple, np.float32, np.float64)


@cache
def tensorflow() -> Arrays:
    """Return TensorFlow's functions, by which the rules become a part of compiled epochs."""
    import tensorflow as tf

    def to(kind: Any) -> Any:
        return lambda value: tf.cast(value, kind)

    finite, casts = tf.math.is_finite, (to(tf.float32), to(tf.float64))
    return Arrays(tf.where, finite, tf.maximum, tf.stack, tf.unstack, *casts)


def advance(
    state: Any, rules: Any, value: Any, learning_rate: Any, by: Arrays = NUMPY
) -> tuple[Any, Any, Any]:
    """Advance the state by one epoch, as Keras' EarlyStopping and ReduceLROnPlateau count.

    Args:
        state: `RulesState` as a float64 array or tensor of shape (8,).
        rules: `Rules` as float64 of shape (6,).
        value: Value of the epoch, a float64 scalar.
        learning_rate: Learning rate of the next epoch unless it is lowered, float32.
        by: Library that the arguments belong to; NumPy and TensorFlow come to the same bits.

    Returns:
        The next state, True if this epoch is the best so far, and the next learning rate.
    """
    was, rule, none = RulesState(*by.unstack(state)), Rules(*by.unstack(rules)), by.float64(0.0)
    epoch = was.epoch + 1.0
    best = value < was.best
    better = value < was.watched - rule.min_delta
    wait = by.where(better, none, was.wait + 1.0)
    patience_over = (wait >= rule.patience) & ~better & (epoch > 1.0)
    # EarlyStopping never stops after the first epoch, whatever the patience.
    stopped = by.where(patience_over, by.float64(PATIENCE), was.stopped)
    stopped = by.where(by.isfinite(value), stopped, by.float64(DIVERGED))
    fell = value < was.plateau_watched - rule.plateau_min_delta
    plateau_wait = by.where(fell, none, was.plateau_wait + 1.0)
    rate, lowered = _lowered(learning_rate, rule, plateau_wait >= rule.plateau_patience, by)
    following = RulesState(
        epoch=epoch,
        stopped=stopped,
        best=by.where(best, value, was.best),
        best_epoch=by.where(best, epoch, was.best_epoch),
        watched=by.where(better, value, was.watched),
        wait=wait,
        plateau_watched=by.where(fell, value, was.plateau_watched),
        plateau_wait=by.where(lowered, none, plateau_wait),
    )
    return by.stack(following), best, rate


def _lowered(learning_rate: Any, rule: Rules, due: Any, by: Arrays) -> tuple[Any, Any]:
    """Return the learning rate after a plateau, and True if it was lowered."""
    floor = by.float32(rule.min_learning_rate)
    lowered = due & (learning_rate > floor)
    rate = by.maximum(by.float64(learning_rate) * rule.factor, rule.min_learning_rate)
    return by.where(lowered, by.float32(rate), learning_rate), lowered
