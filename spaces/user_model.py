"""The model that the user's own function builds for a trial, checked before anything trains it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from studyhall.spaces import hyperparameters, randomness
from studyhall.spaces.entry import Value
from studyhall.spaces.failures import UnusableCodeError, UserCodeError
from studyhall.spaces.space import Space
from studyhall.spaces.spelling import as_toml
from studyhall.spaces.user_code import call, told, where_it_belongs

if TYPE_CHECKING:
    import keras
    from optuna.trial import BaseTrial


def build(
    builder: Callable[..., Any],
    trial: BaseTrial,
    space: Space,
    values: dict[str, Value],
    input_shape: tuple[int, ...],
    outputs: int,
    sample_shape: tuple[int, ...] | None = None,
) -> keras.Model:
    """Let the user's ``build(trial, input_shape, outputs)`` make the model of a trial.

    Args:
        builder: From `load`.
        trial: Optuna's; the function sees it as a `spaces.user_trial.UserTrial`.
        space: The study's ``[space]``.
        values: What was chosen so far; gains what the function asks for beyond ``[space]``.
        input_shape: Of one prepared sample.
        outputs: Numbers that the model must give per sample.
        sample_shape: Of one sample as the user's own source has it: what a compiled model gets
            that takes it, as Keras' own fit would give it.

    Raises:
        UserCodeError: If it fails or returns anything else than a fitting model.
    """
    from studyhall.spaces.user_trial import (
        UserTrial,  # with Optuna, which questions need not wait for
    )

    name = getattr(builder, "__name__", "the function")

    def built() -> keras.Model:
        made = call(builder, UserTrial(trial, space, values), input_shape, outputs)
        _check_model(made, name)
        return made

    shape, others = input_shape, sample_shape not in (None, input_shape)
    state = randomness.state() if others else ()
    model = built()
    with where_it_belongs(builder):
        if others and model.compiled and not model.built:
            if takes(model, sample_shape):
                shape = sample_shape or ()
            else:  # what was half built for that shape is of no use
                randomness.restore(state)
                model = built()
        _check_shapes(model, name, shape, outputs)
    _check_training(model, name, values)
    return model


def _check_model(model: object, name: str) -> None:
    import keras

    if not isinstance(model, keras.Model):
        found = "a class, not an instance" if isinstance(model, type) else type(model).__name__
        found = "nothing (is its return missing?)" if model is None else found
        raise UnusableCodeError(f"{name} returned {found}, expected a keras.Model")


def takes(model: keras.Model, shape: tuple[int, ...] | None) -> bool:
    """Whether a model takes samples of a shape."""
    import keras

    with warnings.catch_warnings(action="ignore"):  # of what is half built then
        try:
            model(keras.Input(shape, name="sample"))
        except Exception:  # whatever its layers, or the user's code, say of it
            return False
    return True


def _check_shapes(
    model: keras.Model, name: str, input_shape: tuple[int, ...], outputs: int
) -> None:
    """The model takes one batch of samples and gives `outputs` numbers for each."""
    import keras

    inputs = getattr(model, "inputs", None)
    if inputs and inputs[0].shape[0] is not None:  # the last batch of an epoch has fewer samples
        received = f"takes batches of {inputs[0].shape[0]} samples alone"
        raise UnusableCodeError(f"the model of {name} {received}, expected batches of any size")
    try:
        given = model(keras.Input(input_shape, name="sample"))
    except Exception as error:
        raise UserCodeError(
            f"the model of {name} doesn't take samples of shape {input_shape}: {told(error)}"
        ) from error
    shape = getattr(given, "shape", None)
    if shape is None:
        raise UnusableCodeError(f"the model of {name} has several outputs, expected one")
    # A loss of the user's own choice may want another number of them.
    if shape != (None, outputs) and not model.compiled:
        raise UserCodeError(
            f"the model of {name} gives outputs of shape {shape}, expected (None, {outputs})"
        )


def _check_training(model: keras.Model, name: str, values: Mapping[str, Value]) -> None:
    """Names that steer training mean in the code what they mean in the study file."""
    for each in hyperparameters.known("user").values():
        steers = not model.compiled or each.name in ("batch_size", "class_weights")
        if steers and each.name in values and not each.allows(values[each.name]):
            raise UserCodeError(
                f"{name} asks for {each.name} = {as_toml(values[each.name])}, but studyhall "
                f"trains by it and expects {each.expected()}: give it another name"
            )
