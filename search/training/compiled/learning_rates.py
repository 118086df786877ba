"""The learning rate of every step, computed before the steps, so that no decay needs tracing."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from studyhall.search.training.compiled import updates

UNCHANGED = -1.0  # the rate stays what it is: constant, or lowered by a plateau


def initial(optimizer: Any) -> float:
    """The learning rate of the first step."""
    return float(keras.ops.convert_to_numpy(optimizer.learning_rate))


def is_scheduled(optimizer: Any) -> bool:
    """Whether a schedule gives the learning rate of each step."""
    rate = updates.inner(optimizer)._learning_rate
    return isinstance(rate, keras.optimizers.schedules.LearningRateSchedule)


def of_epoch(optimizer: Any, epoch: int, steps: int) -> np.ndarray:
    """The learning rates of an epoch's steps.

    An epoch's rates are computed at once, never in part: vectors are rounded differently at their
    ends, and a continued training must repeat every bit.

    Args:
        optimizer: Of Keras; its learning rate may be a schedule.
        epoch: Counted from 1.
        steps: Optimizer steps per epoch.

    Returns:
        (steps,) float32; `UNCHANGED` everywhere without a schedule.
    """
    if not is_scheduled(optimizer):
        return np.full(steps, UNCHANGED, np.float32)
    schedule = updates.inner(optimizer)._learning_rate
    first = (epoch - 1) * steps
    numbers = tf.range(first, first + steps, dtype=tf.int64)
    if type(schedule).__module__.startswith("spaces."):  # ours take a vector of steps
        return np.broadcast_to(_numpy(schedule(numbers)), steps)
    return np.array([_numpy(schedule(number)) for number in numbers], np.float32)


def _numpy(rate: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(rate), np.float32)
