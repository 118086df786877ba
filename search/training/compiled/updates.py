"""The update rules of Keras' optimizers with a third of the operations, in the same order.

Keras reads every number again for every variable, which takes longer than the arithmetic in small
models. Special cases (averaged or accumulated gradients, sparse ones) are left to Keras.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

Tensor = Any


def apply(optimizer: Any, gradients: list[Tensor], variables: list[Any]) -> None:
    """Run one step of an optimizer, as its own `apply` does."""
    rule, *slots = _RULES.get(type(optimizer), (None,))
    plain = _plain(optimizer) and all(hasattr(optimizer, slot) for slot in slots)
    if rule is None or not (plain and all(map(_dense, gradients))):
        optimizer.apply(gradients, variables)
        return
    gradients = optimizer._clip_gradients(gradients)
    optimizer._apply_weight_decay(variables)
    rate = optimizer._learning_rate.value.value()
    rule(optimizer, rate, gradients, variables)
    for variable in variables:
        if variable.constraint is not None:
            variable.assign(variable.constraint(variable))
    optimizer._iterations.value.assign_add(1)


def inner(optimizer: Any) -> Any:
    """Return the optimizer that makes the updates: the inner one of a LossScaleOptimizer."""
    scales = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    return inner(optimizer.inner_optimizer) if scales else optimizer


def _plain(optimizer: Any) -> bool:
    special = optimizer.use_ema or optimizer.gradient_accumulation_steps
    return not (special or optimizer.loss_scale_factor or _rarely_used(optimizer))


def _rarely_used(optimizer: Any) -> bool:
    return any(getattr(optimizer, name, False) for name in ("amsgrad", "centered"))


def _dense(gradient: Any) -> bool:
    return isinstance(gradient, tf.Tensor) and gradient.dtype == tf.float32


def _sgd(optimizer: Any, rate: Tensor, gradients: list[Tensor], variables: list[Any]) -> None:
    if optimizer.momentum == 0:
        for gradient, variable in zip(gradients, variables, strict=True):
            handle = variable.value.handle
            tf.raw_ops.ResourceApplyGradientDescent(var=handle, alpha=rate, delta=gradient)
        return
    others = {"lr": rate, "momentum": tf.convert_to_tensor(optimizer.momentum, tf.float32)}
    for gradient, variable, slot in zip(gradients, variables, optimizer.momentums, strict=True):
        handles = {"var": variable.value.handle, "accum": slot.value.handle}
        nesterov = bool(optimizer.nesterov)
        tf.raw_ops.ResourceApplyKerasMomentum(
            **handles, **others, grad=gradient, use_nesterov=nesterov
        )


def _adam(optimizer: Any, rate: Tensor, gradients: list[Tensor], variables: list[Any]) -> None:
    step = tf.cast(optimizer._iterations.value + 1, tf.float32)
    first, second = (tf.convert_to_tensor(b, tf.float32) for b in _betas(optimizer))
    alpha = rate * tf.sqrt(1 - tf.pow(second, step)) / (1 - tf.pow(first, step))
    kept, kept_squares = (tf.convert_to_tensor(1 - b, tf.float32) for b in _betas(optimizer))
    epsilon = tf.constant(optimizer.epsilon, tf.float32)
    slots = optimizer._momentums, optimizer._velocities
    for gradient, variable, mean, square in zip(gradients, variables, *slots, strict=True):
        before = mean.value.value()
        m = before + (gradient - before) * kept
        mean.value.assign(m)
        before = square.value.value()
        v = before + (tf.square(gradient) - before) * kept_squares
        square.value.assign(v)
        variable.value.assign_sub(m * alpha / (tf.sqrt(v) + epsilon))


def _betas(optimizer: Any) -> tuple[Any, Any]:
    return optimizer.beta_1, optimizer.beta_2


def _rmsprop(optimizer: Any, rate: Tensor, gradients: list[Tensor], variables: list[Any]) -> None:
    kept = tf.convert_to_tensor(optimizer.rho, tf.float32)
    rest = tf.convert_to_tensor(1 - optimizer.rho, tf.float32)
    epsilon, momentum = tf.constant(optimizer.epsilon, tf.float32), optimizer.momentum
    moving = optimizer._momentums if momentum > 0 else [None] * len(variables)
    slots = optimizer._velocities, moving
    for gradient, variable, square, slot in zip(gradients, variables, *slots, strict=True):
        v = kept * square.value.value() + rest * tf.square(gradient)
        square.value.assign(v)
        change = rate * gradient / tf.sqrt(v + epsilon)
        if slot is not None:
            change = momentum * slot.value.value() + change
            slot.value.assign(change)
        variable.value.assign_sub(change)


def _adagrad(optimizer: Any, rate: Tensor, gradients: list[Tensor], variables: list[Any]) -> None:
    slots, epsilon = optimizer._accumulators, tf.constant(optimizer.epsilon, tf.float32)
    for gradient, variable, square in zip(gradients, variables, slots, strict=True):
        v = square.value.value() + tf.square(gradient)
        square.value.assign(v)
        variable.value.assign_sub(rate * gradient / tf.sqrt(v + epsilon))


# Each rule, with the attributes of the optimizer that it reads.
_RULES: dict[type, tuple[Any, ...]] = {
    keras.optimizers.SGD: (_sgd, "momentums"),
    keras.optimizers.Adam: (_adam, "_momentums", "_velocities"),
    keras.optimizers.AdamW: (_adam, "_momentums", "_velocities"),
    keras.optimizers.RMSprop: (_rmsprop, "_velocities", "_momentums"),
    keras.optimizers.Adagrad: (_adagrad, "_accumulators"),
}
