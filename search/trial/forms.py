"""In which form a model takes a study's data: as a study codes them, or as the user has them.

What a model of the user's was compiled for only its own code knows. So it gets what Keras' own fit
would get from the user's arrays, and where its loss can't take that, the coding that it can take:
class numbers, or rows of 0 and 1. That is found by trying the loss, whatever it is called.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import keras
import numpy as np
import optuna
from numpy.typing import NDArray
from scipy import sparse

from studyhall.search.data.loading import Data
from studyhall.search.data.parts import Fold, Part
from studyhall.search.study_file.losses import BINARY, MULTICLASS
from studyhall.search.training import model_losses
from studyhall.search.training.compiled import sharing
from studyhall.search.training.engine import Engine
from studyhall.search.trial import failures
from studyhall.spaces import private_names, regularization, user_model
from studyhall.spaces.entry import Value
from studyhall.spaces.failures import UserCodeError

Coding = Literal["coded", "one-hot", "given"]
Array = NDArray[Any]

OWN_STEPS = ("train_step", "test_step", "compute_loss")


@dataclass(frozen=True)
class Form:
    """What a model is fed with.

    Attributes:
        targets: "coded" as the study does it (class numbers, labels or values), "one-hot" (rows of
            0 and 1), or "given", as the user's own source has them.
        samples: the shape in which the user's own samples go in; they keep their type where
            nothing is normalised. None: float32, in the study's shape.
    """

    targets: Coding = "coded"
    samples: tuple[int, ...] | None = None


CODED = Form()


def of_compiled(model: keras.Model, data: Data) -> Form:
    """The form for a model that the user's code has compiled.

    Raises:
        UserCodeError: its loss takes the targets in no form.
    """
    own = data.split.pool.given is not None
    return Form(_coding(model, data), taken_shape(model, data) if own else None)


def taken_shape(model: keras.Model, data: Data) -> tuple[int, ...]:
    """The shape in which a model of the user's takes samples: their own, else the study's."""
    own = data.sample_shape
    if own is None or own == data.input_shape:
        return data.input_shape
    if inputs := getattr(model, "inputs", None):
        return own if len(inputs[0].shape) == len(own) + 1 else data.input_shape
    return own if user_model.takes(model, own) else data.input_shape


def engine(fold: Fold, form: Form = CODED, classes: int = 0) -> Engine:
    """What trains on a fold: its two parts, in the form that the model takes.

    Args:
        classes: how many there are, for one-hot targets.
    """
    return Engine(*(pair(fold, part, form, classes) for part in fold))


def pair(fold: Fold, part: Part, form: Form, classes: int) -> tuple[Any, Array]:
    """Samples and targets of a part of a fold."""
    return _samples(fold, part.x, form), targets(part, form, classes)


def targets(part: Part, form: Form, classes: int) -> Array:
    """The targets of a part."""
    if form.targets == "given":
        assert part.given is not None
        return _single(part.given)
    return one_hot(part.y, classes) if form.targets == "one-hot" else part.y


def one_hot(numbers: Array, classes: int) -> NDArray[np.float32]:
    """Class numbers (N,) as rows of 0 and 1, (N, classes)."""
    return np.eye(classes, dtype=np.float32)[numbers]


def class_weight(values: Mapping[str, Value], part: Part, form: Form) -> dict[int, float] | None:
    """The weight of each class in the training loss, by what a target of that class is fed as.

    Raises:
        ArchitectureError: there are no classes.
    """
    weights = regularization.class_weights(values, part.y)
    if weights is None or form.targets != "given" or part.given is None:
        return weights
    labels = part.given.reshape(len(part.y), -1)
    if labels.shape[1] > 1:  # one-hot: the place of the 1 is the class number
        return weights
    return {int(label): weights[number] for number, label in zip(part.y, labels[:, 0], strict=True)}


def _samples(fold: Fold, x: Any, form: Form) -> Any:
    if form.samples is None or sparse.issparse(x):
        return fold.preparation.apply(x)
    kept = x if fold.preparation.kind == "none" else fold.preparation.apply(x)
    return _single(kept).reshape(len(x), *form.samples)


def _single(array: Array) -> Array:
    """Floats as float32, anything else as it is: what Keras' own fit does."""
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def _coding(model: keras.Model, data: Data) -> Coding:
    """The first coding of the targets that the loss of a compiled model takes."""
    candidates, own_steps = _candidates(data), sharing.overrides(model, *OWN_STEPS)
    if model_losses.of(model) is None or (own_steps and candidates[0] == "given"):
        return candidates[0]
    predicted, few = _answers(model, data)
    found = {
        coding: _tried(model, targets(few, Form(coding), len(data.classes)), predicted)
        for coding in candidates
    }
    taken = [coding for coding, value in found.items() if isinstance(value, float)]
    finite = [coding for coding in taken if math.isfinite(found[coding])]  # type: ignore[arg-type]
    if taken or own_steps:  # on a GPU, a label out of range gives NaN
        return [*finite, *taken, candidates[0]][0]
    raise UserCodeError(_misfit(few, predicted, found[candidates[0]]))


def _candidates(data: Data) -> list[Coding]:
    """What the targets may be fed as, that which is nearest to the user's own first."""
    given: list[Coding] = [] if data.split.pool.given is None else ["given"]
    classes = data.task in (BINARY, MULTICLASS)
    return [*given, "coded", "one-hot"] if classes else given or ["coded"]


def _answers(model: keras.Model, data: Data) -> tuple[Array, Part]:
    """Made-up answers of a model, and samples whose targets they may be compared with.

    Their number is unlike the length of any axis, so that nothing fits by chance.
    """
    pool = data.split.pool
    shape = _output_shape(model, data)
    given = () if pool.given is None else pool.given.shape[1:]
    lengths = {1, len(data.classes), *shape, *given, *pool.y.shape[1:]}
    count = next(n for n in range(2, len(lengths) + 3) if n not in lengths)
    return np.full((count, *shape), 0.5, np.float32), pool.rows(_rows(pool, count))


def _rows(pool: Part, count: int) -> NDArray[np.int64]:
    """So many rows, the least and the greatest class among them; some twice if there are fewer."""
    first = np.resize(np.arange(len(pool)), count)
    if pool.y.ndim == 1:
        first[:2] = pool.y.argmin(), pool.y.argmax()
    return first


def _output_shape(model: keras.Model, data: Data) -> tuple[int, ...]:
    """Of one sample."""
    outputs = getattr(model, "outputs", None)
    shape = outputs[0].shape[1:] if outputs else (None,)
    if None in shape:
        shape = model(keras.Input(taken_shape(model, data))).shape[1:]
    return tuple(size or 1 for size in shape)


def _tried(model: keras.Model, y: Array, predicted: Array) -> float | Exception:
    """What the loss of a model comes to, or why it takes no such targets."""
    try:
        return _loss(model, y, predicted)
    except optuna.TrialPruned:
        raise
    except Exception as error:  # whatever Keras, TensorFlow or the user's code says of it
        # What comes of too little memory the training tells.
        return 0.0 if failures.is_out_of_memory(error) else error


def _loss(model: keras.Model, y: Array, predicted: Array) -> float:
    """By a copy of the model's, as Keras' notes how it was called first."""
    found = _copied_loss(model)(
        keras.ops.convert_to_tensor(y), keras.ops.convert_to_tensor(predicted)
    )
    return float(keras.ops.mean(found))


def _copied_loss(model: keras.Model) -> Any:
    kind = private_names.find(private_names.COMPILE_LOSS)
    own: Any = model_losses.of(model)
    if kind is None or not hasattr(own, "_user_loss"):
        return keras.losses.get(*keras.tree.flatten(model.loss))
    return kind(own._user_loss, own._user_loss_weights, output_names=own.output_names)


def _misfit(few: Part, predicted: Array, error: float | Exception) -> str:
    y = few.y if few.given is None else few.given
    shapes = f"targets of shape {_any(y)} and outputs of shape {_any(predicted)}"
    said = " ".join(str(error).strip().partition("\n\n")[0].split())
    return f"its loss doesn't take {shapes}: {type(error).__name__}: {said}"


def _any(array: Array) -> str:
    return str((None, *array.shape[1:]))
