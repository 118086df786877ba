"""The signature of a Keras model: models with equal ones can share a compiled function."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import keras

from studyhall.search.training.compiled import (
    adjustable,
    learning_rates,
    optimizers,
    sharing,
    updates,
)
from studyhall.search.training.compiled.refusals import NotCompilableError
from studyhall.search.training.compiled.structure import Structure
from studyhall.spaces import own_classes, private_names

_AUTOMATIC = re.compile(r"_\d+$")  # dense_3, auc_1


def of(model: Any, *others: Any) -> str:
    """Return the signature (hex SHA-256) of a compiled Keras model that can be shared.

    It does not depend on learning rate, decay, momentum, betas, dropout rates, L1 and L2 factors,
    batch size and initial weights, nor, in most models, on the widths of hidden layers.

    Args:
        model: Built and compiled; `sharing.hindrance` must be None.
        others: Anything else that the compiled function depends on.

    """
    structure = Structure(model)
    parts = [
        [structure.config, structure.open],
        [_layer(layer) for layer in model._flatten_layers()],
        [_variable(variable, structure.open) for variable in model.variables],
        [tuple(tensor.shape) for tensor in (*model.inputs, *model.outputs)],
        _names(model),
        _optimizer(model.optimizer),
        _compiled(model),
        [_identity(other) for other in others],
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def unless_equal(loss: Any, model_loss: Any) -> Any:
    """Return the loss, or None if the model's own loss is known to compute the same."""
    same = type(loss) is type(model_loss) and _identity(loss) == _identity(model_loss)
    return None if same else loss


def refuse_class(model: Any) -> None:
    """Refuse a model whose class may override training; the model need not be built.

    Raises:
        NotCompilableError: The message names the class.
    """
    kind = type(model).__name__
    if type(model) is not keras.Sequential and kind != "Functional":
        raise NotCompilableError(f"{kind} is a subclassed model")
    if not own_classes.is_known(type(model)):
        raise NotCompilableError(f"{kind} is not Keras' own class")


def refuse(model: Any) -> None:
    """Refuse a model whose training is not described by its layers, loss and optimizer.

    Args:
        model: Built.

    Raises:
        NotCompilableError: The message is the reason.
    """
    if name := private_names.lacking(model):
        raise NotCompilableError(f"Keras {keras.__version__} has no {name}")
    if reason := next(_reasons(model), None):
        raise NotCompilableError(reason)


def _reasons(model: Any) -> Iterator[str]:
    """Yield the reasons why only `model.fit` can train a model."""
    optimizer = model.optimizer
    fixed = {tensor.shape[0] for tensor in model.inputs} - {None}
    if fixed:
        yield f"its batches have a fixed size of {fixed.pop()} samples"
    if model.run_eagerly:
        yield "it was compiled with run_eagerly"
    losses = keras.tree.flatten(model._compile_config.config["loss"])
    if None in losses:
        yield "it was compiled without a loss"
    if any(getattr(loss, "reduction", "mean") in (None, "none") for loss in losses):
        yield "its loss has no reduction: it is a number per sample"
    if not model.trainable_variables:
        yield "it has no trainable weights"
    if not own_classes.is_known(type(updates.inner(optimizer))):
        yield f"the optimizer {type(updates.inner(optimizer)).__name__} is not Keras' own"
    elif hasattr(optimizer, "optimizers"):
        yield "it has several optimizers"
    elif updates.inner(optimizer) is not optimizer and learning_rates.is_scheduled(optimizer):
        yield "its learning rate schedule pauses when loss scaling skips a step"
    elif hidden := optimizers.hidden_state(optimizer):
        yield hidden


def _names(model: Any) -> Any:
    """Return the names by which several inputs are fed and several outputs are measured."""
    several = (each for each in (model.inputs, model.outputs) if len(each) > 1)
    return [[tensor.name for tensor in each] for each in several], (
        model.output_names if len(model.outputs) > 1 else []
    )


def _layer(layer: Any) -> Any:
    return type(layer).__qualname__, sorted(sharing.further_numbers(layer).items())


def _variable(variable: Any, any_shape: bool) -> tuple[Any, ...]:
    regularizer = type(variable.regularizer).__name__ if variable.regularizer else None
    known = type(variable.regularizer) in adjustable.PENALTIES
    numbers = None if known or regularizer is None else _identity(variable.regularizer)
    shape = len(variable.shape) if any_shape else tuple(variable.shape)
    kind = (shape, str(variable.dtype), variable.trainable)
    return (*kind, regularizer, numbers, _identity(variable.constraint))


def _optimizer(optimizer: Any) -> Any:
    config = {key: value for key, value in optimizer.get_config().items() if key != "name"}
    if "inner_optimizer" in config:  # a LossScaleOptimizer
        return {**config, "inner_optimizer": _optimizer(optimizer.inner_optimizer)}
    config.pop("learning_rate")
    for name in adjustable.OPTIMIZER_NUMBERS:
        if type(optimizer) in adjustable.OPTIMIZERS and isinstance(config.get(name), float):
            config[name] = config[name] > 0
    return type(optimizer).__name__, config


def _compiled(model: Any) -> Any:
    config = {**model._compile_config.config}
    config.pop("optimizer")
    loss = config["loss"]
    if adjustable.is_smoothed(loss):
        config["loss"] = [id(type(loss)), {**loss.get_config(), "label_smoothing": "any"}]
    return {key: _identity(value) for key, value in config.items()}


def _identity(thing: Any) -> Any:
    """Return a value that is equal for things that compute the same; else, the object's id."""
    if thing is None or isinstance(thing, str | int | float | bool):
        return thing
    if isinstance(thing, list | tuple):
        return [_identity(part) for part in thing]
    if isinstance(thing, dict):
        return {str(key): _identity(part) for key, part in thing.items()}
    described = hasattr(thing, "get_config") and not sharing.hides_numbers(thing)
    if own_classes.is_known(thing) and described:
        config = {**thing.get_config(), **sharing.further_numbers(thing)}
        config["name"] = _AUTOMATIC.sub("", str(config.get("name")))
        return f"{type(thing).__qualname__} {getattr(thing, 'dtype', '')} {config}"
    return f"object {id(thing)}"
