"""Building and checking of the model that the user's own function returns for a trial."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from studyhall.spaces import hyperparameters, randomness, shapes
from studyhall.spaces.entry import Value
from studyhall.spaces.failures import UnusableCodeError, UserCodeError
from studyhall.spaces.space import Space
from studyhall.spaces.spelling import as_toml
from studyhall.spaces.user_code import call, where_it_belongs
from studyhall.spaces.user_errors import told

if TYPE_CHECKING:
    import keras
    from optuna.trial import BaseTrial


def build(
    builder: Callable[..., Any],
    trial: BaseTrial,
    space: Space,
    values: dict[str, Value],
    input_shape: shapes.Shapes,
    outputs: Any,
    sample_shape: tuple[int, ...] | None = None,
) -> keras.Model:
    """Build the model of a trial by the user's ``build(trial, input_shape, outputs)``.

    Args:
        builder: The user's function, from `user_code.load`.
        trial: Optuna's trial; the function gets it as a `spaces.user_trial.UserTrial`.
        space: The study's ``[space]``.
        values: The values chosen so far; what the function asks for beyond ``[space]`` is added.
        input_shape: Shape of one prepared sample; several inputs have a dict, list or tuple of
            shapes.
        outputs: Number of outputs that the model must have; for several targets a dict, list or
            tuple of numbers; None if it is not known.
        sample_shape: Shape of one sample as the user's own source has it, without studyhall's
            additional axis. A compiled model that accepts it is built for it, as by Keras' fit.

    Raises:
        UserCodeError: If the function fails or returns anything else than a suitable model.
    """
    from studyhall.spaces.user_trial import (
        UserTrial,  # imported late: it needs Optuna, which takes a while to import
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
            else:  # the attempt left it half built: build again, from the same random state
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


def takes(model: keras.Model, shape: shapes.Shapes | None) -> bool:
    """Check that a model accepts samples of a shape."""
    import keras

    with warnings.catch_warnings(action="ignore"):  # Keras warns of layers left half built
        try:
            model(keras.Input(shape, name="sample"))
        except Exception:  # layers and the user's code may raise anything
            return False
    return True


def _check_shapes(model: keras.Model, name: str, input_shape: shapes.Shapes, outputs: Any) -> None:
    """Check that the model takes batches of any size and has `outputs` outputs per sample.

    Several outputs are compared with the targets when the model's loss is.
    """
    inputs = getattr(model, "inputs", None)
    if inputs and inputs[0].shape[0] is not None:  # the last batch of an epoch has fewer samples
        received = f"takes only batches of {inputs[0].shape[0]} samples"
        raise UnusableCodeError(f"the model of {name} {received}, expected batches of any size")
    try:
        given = model(_sample(input_shape))
    except Exception as error:
        raise UserCodeError(
            f"the model of {name} doesn't take samples of shape {input_shape}: {told(error)}"
        ) from error
    shape = getattr(given, "shape", None)
    if not isinstance(outputs, int):
        return
    if shape is None:
        raise UnusableCodeError(f"the model of {name} has several outputs, expected one")
    # A compiled model brings its own loss, which may need another number of outputs.
    if shape != (None, outputs) and not model.compiled:
        raise UserCodeError(
            f"the model of {name} gives outputs of shape {shape}, expected (None, {outputs})"
        )


def _sample(input_shape: shapes.Shapes) -> Any:
    import keras

    if shapes.is_one(input_shape):
        return keras.Input(input_shape, name="sample")
    return shapes.inputs(input_shape)


def _check_training(model: keras.Model, name: str, values: Mapping[str, Value]) -> None:
    """Check that names with which studyhall controls training have legal values in the code."""
    for each in hyperparameters.known("user").values():
        steers = not model.compiled or each.name in ("batch_size", "class_weights")
        if steers and each.name in values and not each.allows(values[each.name]):
            raise UserCodeError(
                f"{name} asks for {each.name} = {as_toml(values[each.name])}, but studyhall uses "
                f"this name in training and expects {each.expected()}: rename yours"
            )
