"""The learning rates of all steps, computed in advance, so that schedules need no tracing."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from studyhall.search.training.compiled import updates
from studyhall.spaces import schedules

UNCHANGED = -1.0  # marks a step that keeps the current rate: constant, or lowered by a plateau


def initial(optimizer: Any) -> float:
    """Return the learning rate of the first step."""
    return float(keras.ops.convert_to_numpy(optimizer.learning_rate))


def is_scheduled(optimizer: Any) -> bool:
    """Return whether the learning rate follows a schedule."""
    rate = updates.inner(optimizer)._learning_rate
    return isinstance(rate, keras.optimizers.schedules.LearningRateSchedule)


def of_epoch(optimizer: Any, epoch: int, steps: int) -> np.ndarray:
    """Return the learning rates of an epoch's steps.

    They are always computed for a whole epoch: vectorised arithmetic rounds the ends of a vector
    differently, and a resumed training must repeat every bit.

    Args:
        optimizer: A Keras optimizer; its learning rate may be a schedule.
        epoch: Number of the epoch, from 1.
        steps: Optimizer steps per epoch.

    Returns:
        (steps,) float32; `UNCHANGED` everywhere without a schedule.
    """
    if not is_scheduled(optimizer):
        return np.full(steps, UNCHANGED, np.float32)
    schedule = updates.inner(optimizer)._learning_rate
    first = (epoch - 1) * steps
    numbers = tf.range(first, first + steps, dtype=tf.int64)
    if type(schedule).__module__ == schedules.__name__:  # ours accept vectors
        return np.broadcast_to(_numpy(schedule(numbers)), steps)
    return np.array([_numpy(schedule(number)) for number in numbers], np.float32)


def _numpy(rate: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(rate), np.float32)
