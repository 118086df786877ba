"""The form in which a model takes a study's data: coded by studyhall, or as the user has them.

Only the user's own code knows what its model was compiled for. So the model gets what `model.fit`
would get from the user's arrays. If its loss can't take that, it gets a coding that the loss can
take: class numbers or one-hot rows. The coding is found by trying the loss, whatever its name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import keras
import numpy as np
import optuna
from numpy.typing import NDArray
from scipy import sparse

from studyhall.search.data import trees
from studyhall.search.data.loading import Data
from studyhall.search.data.parts import Fold, Part
from studyhall.search.data.stream_parts import StreamPart
from studyhall.search.data.trees import Tree
from studyhall.search.study_file.losses import AS_GIVEN, BINARY, MULTICLASS
from studyhall.search.training import model_losses
from studyhall.search.training.compiled import sharing
from studyhall.search.training.engine import Engine
from studyhall.search.trial import failures
from studyhall.spaces import private_names, regularization, shapes, user_model
from studyhall.spaces.entry import Value
from studyhall.spaces.failures import ArchitectureError, UserCodeError

Coding = Literal["coded", "one-hot", "given"]
Array = NDArray[Any]
Key = TypeVar("Key", bound=tuple[Any, ...])

OWN_STEPS = ("train_step", "test_step", "compute_loss")


@dataclass(frozen=True)
class Form:
    """The form of the samples and targets that a model is trained on.

    Attributes:
        targets: "coded" as studyhall does it (class numbers, labels or values), "one-hot" (rows of
            0 and 1), or "given", as in the user's data.
        samples: shape of one sample as in the user's data; samples keep their dtype unless they
            are normalised. None: float32, in the study's shape.
        vocabulary, length: of texts, the number of words that are known, and of those that are read
            of each text; 0 for other samples.
    """

    targets: Coding = "coded"
    samples: tuple[int, ...] | None = None
    vocabulary: int = 0
    length: int = 0


CODED = Form()


def of_values(values: Mapping[str, Value]) -> Form:
    """Return the form for a model of a built-in family, by the hyperparameters of a trial."""
    sizes = {name: values[name] for name in ("vocabulary", "length") if name in values}
    return Form(**sizes)  # type: ignore[arg-type]


def of_compiled(model: keras.Model, data: Data) -> Form:
    """Return the form for a model that the user's code has compiled.

    Raises:
        UserCodeError: its loss takes no form of the targets.
    """
    if data.task == AS_GIVEN:
        return Form("given")
    own = data.split.pool.given is not None and data.sample_shape is not None
    return Form(_coding(model, data), taken_shape(model, data) if own else None)


def taken_shape(model: keras.Model, data: Data) -> Any:
    """Return the sample shape that a user-defined model takes: the user's, or the study's.

    Of several inputs it is a dict, list or tuple of shapes.
    """
    own = data.sample_shape
    if own is None or own == data.input_shape:
        return data.input_shape
    if inputs := getattr(model, "inputs", None):
        return own if len(inputs[0].shape) == len(own) + 1 else data.input_shape
    return own if user_model.takes(model, own) else data.input_shape


def engine(fold: Any, form: Form = CODED, classes: int = 0) -> Engine:
    """Return the training engine of a fold, with its data in the form that the model takes.

    Args:
        fold: training and validation part: a Fold, or a StreamFold.
        form: the form.
        classes: number of classes, for one-hot targets.
    """
    return Engine(*(pair(fold, part, form, classes) for part in fold))


def without_texts(engines: dict[Key, Engine]) -> dict[Key, Engine]:
    """Return the engines that a later trial will use again; their keys end with a form.

    Each trial may have a vocabulary of its own, and word numbers are quickly made anew.
    """
    return {key: each for key, each in engines.items() if not key[-1].length}


def pair(fold: Any, part: Any, form: Form, classes: int) -> Any:
    """Return samples and targets of one part of a fold, and their weights if they have any.

    Of a stream, return the stream.
    """
    if isinstance(part, StreamPart):
        return part.stream
    x = (
        fold.encoded(part, form.vocabulary, form.length)
        if form.length
        else _samples(fold, part.x, form)
    )
    found = x, targets(part, form, classes)
    return found if part.weights is None else (*found, trees.plain(part.weights))


def targets(part: Part, form: Form, classes: int) -> Any:
    """Return the targets of one part: (N,) or (N, outputs), depending on the form.

    Several targets are a dict, list or tuple of arrays.
    """
    if form.targets == "given":
        assert part.given is not None
        return trees.mapped(_single, trees.plain(part.given))
    return one_hot(part.y, classes) if form.targets == "one-hot" else part.y


def one_hot(numbers: Array, classes: int) -> NDArray[np.float32]:
    """Convert class numbers (N,) to one-hot rows (N, classes)."""
    return np.eye(classes, dtype=np.float32)[numbers]


def class_weight(values: Mapping[str, Value], part: Any, form: Form) -> dict[int, float] | None:
    """Return the weight of each class in the training loss, keyed by the target fed for it.

    Args:
        values: hyperparameters of the trial.
        part: training set, whose class frequencies determine the weights.
        form: form of the targets.

    Raises:
        ArchitectureError: class weights were asked for, but there are no classes.
    """
    asked = values.get("class_weights", "none") != "none"
    if asked and isinstance(part, StreamPart):
        raise ArchitectureError("class_weights: the data are a stream, whose classes are unknown")
    if asked and (isinstance(part.y, Tree) or part.weights is not None):
        has = "several targets" if isinstance(part.y, Tree) else "weights of their own"
        raise ArchitectureError(f"class_weights: the samples have {has}")
    weights = regularization.class_weights(values, part.y) if asked else None
    if weights is None or form.targets != "given" or part.given is None:
        return weights
    labels = part.given.reshape(len(part.y), -1)
    if labels.shape[1] > 1:  # one-hot: the place of the 1 is the class number
        return weights
    return {int(label): weights[number] for number, label in zip(part.y, labels[:, 0], strict=True)}


def _samples(fold: Fold, x: Any, form: Form) -> Any:
    if isinstance(x, Tree):
        return x.nested
    if form.samples is None or sparse.issparse(x):
        return fold.preparation.apply(x)
    kept = x if fold.preparation.kind == "none" else fold.preparation.apply(x)
    return _single(kept).reshape(len(x), *form.samples)


def _single(array: Array) -> Array:
    """Return floats as float32 and anything else unchanged, as `model.fit` does."""
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def _coding(model: keras.Model, data: Data) -> Coding:
    """Return the first coding of the targets that the loss of a compiled model takes."""
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
    if taken or own_steps:  # on a GPU a label out of range gives NaN, so finite values come first
        return [*finite, *taken, candidates[0]][0]
    raise UserCodeError(_misfit(few, predicted, found[candidates[0]]))


def _candidates(data: Data) -> list[Coding]:
    """Return the possible codings of the targets, the one closest to the user's data first."""
    given: list[Coding] = [] if data.split.pool.given is None else ["given"]
    classes = data.task in (BINARY, MULTICLASS)
    return [*given, "coded", "one-hot"] if classes else given or ["coded"]


def _answers(model: keras.Model, data: Data) -> tuple[Array, Part]:
    """Return made-up predictions of a model, and as many samples with targets.

    Their number differs from the length of every axis, so that no shapes match by accident.
    """
    pool = data.split.pool
    shape = _output_shape(model, data)
    given = () if pool.given is None else pool.given.shape[1:]
    lengths = {1, len(data.classes), *shape, *given, *pool.y.shape[1:]}
    count = next(n for n in range(2, len(lengths) + 3) if n not in lengths)
    return np.full((count, *shape), 0.5, np.float32), pool.rows(_rows(pool, count))


def _rows(pool: Part, count: int) -> NDArray[np.int64]:
    """Return row numbers that include the lowest and the highest class; rows may repeat."""
    first = np.resize(np.arange(len(pool)), count)
    if pool.y.ndim == 1:
        first[:2] = pool.y.argmin(), pool.y.argmax()
    return first


def _output_shape(model: keras.Model, data: Data) -> tuple[int, ...]:
    """Return the shape of the model's output for one sample."""
    outputs = getattr(model, "outputs", None)
    shape = outputs[0].shape[1:] if outputs else (None,)
    if None in shape:
        shape = model(shapes.inputs(taken_shape(model, data))).shape[1:]
    return tuple(size or 1 for size in shape)


def _tried(model: keras.Model, y: Array, predicted: Array) -> float | Exception:
    """Return the value of a model's loss, or the error if it does not take such targets."""
    try:
        return _loss(model, y, predicted)
    except optuna.TrialPruned:
        raise
    except Exception as error:  # Keras, TensorFlow or the user's code may raise anything
        # A lack of memory says nothing about the coding; the training will report it.
        return 0.0 if failures.is_out_of_memory(error) else error


def _loss(model: keras.Model, y: Array, predicted: Array) -> float:
    """Return the loss, computed by a copy: Keras' loss object remembers its first call."""
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
