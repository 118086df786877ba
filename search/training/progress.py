"""The rules of early stopping and of the learning rate on a plateau, as TensorFlow operations.

Their state is one float64 vector beside the weights, so that several epochs can run in one call
without returning to Python; training by `model.fit` runs the same operations.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from studyhall.search.training.settings import Settings

RUNNING, PATIENCE, DIVERGED = 0.0, 1.0, 2.0
STOPPED = {PATIENCE: "patience", DIVERGED: "diverged"}


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


def advance(state: Any, rules: Any, value: Any, learning_rate: Any) -> tuple[Any, Any, Any]:
    """Advance the state by one epoch, as Keras' EarlyStopping and ReduceLROnPlateau count.

    Args:
        state: `RulesState` as a float64 tensor of shape (8,).
        rules: `Rules` as a float64 tensor of shape (6,).
        value: Value of the epoch, a float64 scalar.
        learning_rate: Learning rate of the next epoch unless it is lowered, float32.

    Returns:
        The next state, True if this epoch is the best so far, and the next learning rate.
    """
    import tensorflow as tf

    was, rule = RulesState(*tf.unstack(state)), Rules(*tf.unstack(rules))
    epoch = was.epoch + 1.0
    best = value < was.best
    better = value < was.watched - rule.min_delta
    wait = tf.where(better, tf.zeros_like(value), was.wait + 1.0)
    patience_over = (wait >= rule.patience) & ~better & (epoch > 1.0)
    # EarlyStopping never stops after the first epoch, whatever the patience.
    stopped = tf.where(patience_over, tf.constant(PATIENCE, tf.float64), was.stopped)
    stopped = tf.where(tf.math.is_finite(value), stopped, tf.constant(DIVERGED, tf.float64))
    fell = value < was.plateau_watched - rule.plateau_min_delta
    plateau_wait = tf.where(fell, tf.zeros_like(value), was.plateau_wait + 1.0)
    rate, lowered = _lowered(learning_rate, rule, plateau_wait >= rule.plateau_patience)
    following = RulesState(
        epoch=epoch,
        stopped=stopped,
        best=tf.where(best, value, was.best),
        best_epoch=tf.where(best, epoch, was.best_epoch),
        watched=tf.where(better, value, was.watched),
        wait=wait,
        plateau_watched=tf.where(fell, value, was.plateau_watched),
        plateau_wait=tf.where(lowered, tf.zeros_like(value), plateau_wait),
    )
    return tf.stack(following), best, rate


def _lowered(learning_rate: Any, rule: Rules, due: Any) -> tuple[Any, Any]:
    """Return the learning rate after a plateau, and True if it was lowered."""
    import tensorflow as tf

    floor = tf.cast(rule.min_learning_rate, tf.float32)
    lowered = due & (learning_rate > floor)
    rate = tf.maximum(tf.cast(learning_rate, tf.float64) * rule.factor, rule.min_learning_rate)
    return tf.where(lowered, tf.cast(rate, tf.float32), learning_rate), lowered
