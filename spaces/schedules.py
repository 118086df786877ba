"""Learning rate schedules, each with an optional warm-up before the decay.

Keras 3 optimizers have no ``decay=`` argument. ``get_config`` has every number of a schedule, and
``__call__`` reads the attributes at each call, so they may also be variables.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="studyhall")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
    """A learning rate that rises linearly over the first steps and is constant afterwards.

    The schedules below inherit the warm-up; their decay counts the steps after it.

    Args:
        initial_learning_rate: The full learning rate.
        warmup_steps: Steps until it is reached; 0 for no warm-up.
    """

    def __init__(self, initial_learning_rate: float, warmup_steps: float = 0) -> None:
        self.initial_learning_rate = initial_learning_rate
        self.warmup_steps = warmup_steps

    def __call__(self, step: Any) -> Any:
        """Return the learning rate of a step, counted from 0."""
        updates, warm_up, full = _floats(step, self.warmup_steps, self.initial_learning_rate)
        rising = full * (updates + 1) / ops.maximum(warm_up, 1.0)
        return ops.where(updates < warm_up, rising, self.after(full, updates - warm_up))

    def after(self, full: Any, updates: Any) -> Any:
        """Return the learning rate after this many updates since the end of the warm-up."""
        return full

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the schedule."""
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "warmup_steps": self.warmup_steps,
        }


@keras.saving.register_keras_serializable(package="studyhall")
class InverseTime(WarmUp):
    """The decay lr = lr0 / (1 + decay_rate·updates); ``updates`` are optimizer steps, not epochs.

    Source: university slides on model tuning; book chapter 'structuring DL projects and
    hyperparameter tuning'.
    """

    def __init__(
        self, initial_learning_rate: float, decay_rate: float, warmup_steps: float = 0
    ) -> None:
        super().__init__(initial_learning_rate, warmup_steps)
        self.decay_rate = decay_rate

    def after(self, full: Any, updates: Any) -> Any:
        (rate,) = _floats(self.decay_rate)
        return full / (1.0 + rate * ops.maximum(updates, 0.0))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"decay_rate": self.decay_rate}


@keras.saving.register_keras_serializable(package="studyhall")
class Exponential(WarmUp):
    """The decay lr = lr0 · decay_rate^(updates / decay_steps), a little at every step.

    Source: book chapter 'structuring DL projects and hyperparameter tuning' (×0.1 every 8 epochs).
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_rate: float,
        decay_steps: float,
        warmup_steps: float = 0,
    ) -> None:
        super().__init__(initial_learning_rate, warmup_steps)
        self.decay_rate = decay_rate
        self.decay_steps = decay_steps

    def after(self, full: Any, updates: Any) -> Any:
        rate, steps = _floats(self.decay_rate, self.decay_steps)
        return full * ops.power(rate, ops.maximum(updates, 0.0) / steps)

    def get_config(self) -> dict[str, Any]:
        numbers = {"decay_rate": self.decay_rate, "decay_steps": self.decay_steps}
        return super().get_config() | numbers


@keras.saving.register_keras_serializable(package="studyhall")
class Step(Exponential):
    """The decay lr = lr0 · decay_rate^⌊updates / decay_steps⌋: constant between the drops.

    Source: book chapter 'structuring DL projects and hyperparameter tuning' (×0.5 every 5 epochs).
    """

    def after(self, full: Any, updates: Any) -> Any:
        rate, steps = _floats(self.decay_rate, self.decay_steps)
        return full * ops.power(rate, ops.floor(ops.maximum(updates, 0.0) / steps))


@keras.saving.register_keras_serializable(package="studyhall")
class Cosine(Exponential):
    """A half cosine from lr0 down to decay_rate·lr0 over decay_steps, then constant.

    Source: Keras documentation (CosineDecay).
    """

    def after(self, full: Any, updates: Any) -> Any:
        rate, steps = _floats(self.decay_rate, self.decay_steps)
        done = ops.clip(updates / steps, 0.0, 1.0)
        return full * (rate + (1.0 - rate) * 0.5 * (1.0 + ops.cos(math.pi * done)))


def _floats(*numbers: Any) -> list[Any]:
    return [ops.cast(ops.convert_to_tensor(number), "float32") for number in numbers]
