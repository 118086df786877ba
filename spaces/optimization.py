"""Optimization hyperparameters: optimizer, learning rate, decay and batch size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras

from studyhall.spaces import schedules
from studyhall.spaces.entry import Value
from studyhall.spaces.failures import ArchitectureError
from studyhall.spaces.hyperparameters import find

# Defaults of decay_rate and decay_epochs by decay; a cosine decays over all epochs.
DECAY_RATES = {
    "inverse_time": 1e-3,
    "step": 0.5,
    "exponential": 0.1,
    "cosine": 0.0,
    "plateau": 0.1,
}
DECAY_EPOCHS = {"step": 5, "exponential": 8, "plateau": 5}
MOMENTUM = {"momentum": 0.9, "nesterov": 0.9}  # default; 0 for any other optimizer
EPSILON = 1e-7  # as in Keras
WEIGHT_DECAY = 0.004  # default of AdamW in Keras


@dataclass(frozen=True)
class Plateau:
    """The rule that lowers the learning rate when the validation loss stops improving.

    It works between epochs, like `keras.callbacks.ReduceLROnPlateau`.

    Attributes:
        factor: The factor that the learning rate is multiplied by.
        patience: Epochs without improvement before the learning rate is lowered.
        min_delta: Smallest decrease of the validation loss that counts as an improvement.
        min_learning_rate: Lower bound of the learning rate.
    """

    factor: float
    patience: int
    min_delta: float = 1e-4
    min_learning_rate: float = 0.0


def plateau(values: Mapping[str, Value]) -> Plateau | None:
    """Return the plateau rule of ``decay = "plateau"``; None with any other decay.

    Raises:
        ArchitectureError: If the values combine it with a warm-up.
    """
    if values.get("decay") != "plateau":
        return None
    if values.get("warmup_epochs"):
        raise ArchitectureError(
            'decay = "plateau" has no warm-up: give warmup_epochs a when = { decay = [ … ] }'
        )
    factor, patience = _decay_rate(values, "plateau"), _decay_epochs(values, "plateau", 0)
    return Plateau(factor=factor, patience=patience)


def batch_size(values: Mapping[str, Value], samples: int) -> int:
    """Return the samples per step, at most all; ``"all"`` means full-batch gradient descent.

    Args:
        values: The trial's values.
        samples: Size of the training set.
    """
    size = values.get("batch_size", find("batch_size").mlp)
    return samples if size == "all" else min(_integer(size), samples)


def optimizer(
    values: Mapping[str, Value], *, steps_per_epoch: int, epochs: int
) -> keras.optimizers.Optimizer:
    """Return the optimizer of a trial, with gradient clipping, decay and warm-up.

    Args:
        values: The trial's values; missing ones keep their default.
        steps_per_epoch: Optimizer steps per epoch, which convert decays from epochs to steps.
        epochs: Epochs of a whole training, the default length of a cosine decay.
    """
    kind = str(values.get("optimizer", find("optimizer").mlp))
    clip_norm = _float(values.get("clip_norm", 0.0))
    common = {
        "learning_rate": _learning_rate(values, steps_per_epoch, epochs),
        "global_clipnorm": clip_norm or None,
        "name": kind,
    }
    return _KINDS[kind](**common, **_numbers_of(kind, values))


_KINDS = {
    "sgd": keras.optimizers.SGD,
    "momentum": keras.optimizers.SGD,
    "nesterov": keras.optimizers.SGD,
    "adagrad": keras.optimizers.Adagrad,
    "adadelta": keras.optimizers.Adadelta,
    "rmsprop": keras.optimizers.RMSprop,
    "adam": keras.optimizers.Adam,
    "adamw": keras.optimizers.AdamW,
}


def _numbers_of(kind: str, values: Mapping[str, Value]) -> dict[str, Any]:
    """Return the arguments that only this kind of optimizer takes."""
    momentum = _float(values.get("momentum", MOMENTUM.get(kind, 0.0)))
    if kind in MOMENTUM or kind == "sgd":
        return {"momentum": momentum, "nesterov": kind == "nesterov"}
    adaptive = {"epsilon": _float(values.get("epsilon", EPSILON))}
    match kind:
        case "rmsprop":
            adaptive["momentum"] = momentum
        case "adam" | "adamw":
            adaptive |= _betas(values)
    if kind == "adamw":
        adaptive["weight_decay"] = _float(values.get("weight_decay", WEIGHT_DECAY))
    return adaptive


def _betas(values: Mapping[str, Value]) -> dict[str, float]:
    return {name: _float(values.get(name, find(name).mlp)) for name in ("beta_1", "beta_2")}


def _learning_rate(
    values: Mapping[str, Value], steps_per_epoch: int, epochs: int
) -> float | schedules.WarmUp:
    rate = _float(values.get("learning_rate", find("learning_rate").mlp))
    decay = str(values.get("decay", "none"))
    warmup_epochs = _integer(values.get("warmup_epochs", 0))
    warmup_steps = warmup_epochs * steps_per_epoch
    if decay in ("none", "plateau"):
        return schedules.WarmUp(rate, warmup_steps) if warmup_steps else rate
    decay_rate = _decay_rate(values, decay)
    if decay == "inverse_time":
        return schedules.InverseTime(rate, decay_rate, warmup_steps)
    decay_steps = _decay_epochs(values, decay, epochs - warmup_epochs) * steps_per_epoch
    return _BY_EPOCHS[decay](rate, decay_rate, decay_steps, warmup_steps)


_BY_EPOCHS = {
    "step": schedules.Step,
    "exponential": schedules.Exponential,
    "cosine": schedules.Cosine,
}


def _decay_rate(values: Mapping[str, Value], decay: str) -> float:
    return _float(values.get("decay_rate", DECAY_RATES[decay]))


def _decay_epochs(values: Mapping[str, Value], decay: str, remaining: int) -> int:
    return _integer(values.get("decay_epochs", DECAY_EPOCHS.get(decay, max(remaining, 1))))


def _float(value: Value | None) -> float:
    assert isinstance(value, int | float), value
    return float(value)


def _integer(value: Value | None) -> int:
    assert isinstance(value, int), value
    return value
