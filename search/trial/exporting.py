"""The export of a trained model as one `.keras` file that takes raw inputs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from studyhall.search.data import trees
from studyhall.search.data.loading import Data
from studyhall.search.data.preparation import Preparation
from studyhall.search.data.trees import Tree
from studyhall.search.data.words import UNKNOWN
from studyhall.search.study_file.losses import BINARY, MULTICLASS
from studyhall.spaces import shapes
from studyhall.storage.artifacts import atomic_files

BATCH = 1024  # samples per prediction, so that memory does not grow with the data


def with_preparation(
    model: keras.Model, preparation: Preparation, input_shape: shapes.Shapes
) -> keras.Model:
    """Put the normalisation in front of a trained model, so that it takes raw inputs.

    Args:
        model: takes prepared samples of shape ``(N, *input_shape)``; it can't be trained
            afterwards: its optimizer and loss are removed, as loading them would need studyhall.
        preparation: normalisation fitted on the training set.
        input_shape: shape of one sample; several inputs, which are never normalised, leave the
            model as it is.

    Returns:
        A model without optimizer, for prediction only; it can be loaded without studyhall.
    """
    model.compiled, model.optimizer = False, None
    if not shapes.is_one(input_shape):
        return model
    inputs = keras.Input(input_shape, name="raw", dtype=preparation.dtype)
    prepared = inputs
    for layer in preparation.layers():
        prepared = layer(prepared)
    return keras.Model(inputs, model(prepared, training=False), name="studyhall_model")


def with_vectorization(model: keras.Model, words: Sequence[str]) -> keras.Model:
    """Put the splitting of texts into words in front of a trained model: it takes strings then.

    Args:
        model: takes word numbers (N, length), as `Vocabulary.encoded` returns them; it can't be
            trained afterwards, as by `with_preparation`.
        words: the words that it knows, in the order of their numbers.

    Returns:
        A model whose input is strings (N, 1) or (N,); it can be loaded without studyhall.
    """
    model.compiled, model.optimizer = False, None
    inputs, length = keras.Input((1,), name="raw", dtype="string"), model.inputs[0].shape[1]
    split = keras.layers.TextVectorization(
        vocabulary=[*words], output_sequence_length=length, name="words"
    )
    # A text without words begins with one that is not known.
    least = np.eye(1, length, dtype=np.int64)[0] * UNKNOWN
    numbers = keras.ops.cast(keras.ops.maximum(split(inputs), least), "int32")
    return keras.Model(inputs, model(numbers, training=False), name="studyhall_model")


def needs_doubles(data: Data) -> bool:
    """Return True if exported models of these data normalise their inputs in float64."""
    return any(fold.preparation.dtype == "float64" for fold in data.folds)


def save(model: keras.Model, path: Path) -> None:
    """Write a `.keras` file atomically: complete or not at all.

    Raises:
        ArtifactError: the disk is full, or the folder can't be written; nothing is left behind.
    """
    with atomic_files.replacing(path, follow=False) as unfinished:
        model.save(unfinished, include_optimizer=False)


def save_weights(model: keras.Model, path: Path) -> None:
    """Write a model's weights atomically, under any file name.

    Raises:
        ArtifactError: the disk is full, or the folder can't be written; nothing is left behind.
    """
    replaced = atomic_files.replacing(path, follow=False)
    with replaced as unfinished, tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "model.weights.h5"  # Keras requires this ending
        model.save_weights(written)
        shutil.copyfile(written, unfinished)


def predict(model: keras.Model, x: Any) -> NDArray[np.float32]:
    """Return predictions (N, outputs) for raw samples, which may be sparse rows or a tree."""
    count = len(x) if isinstance(x, Tree) else x.shape[0]
    blocks = [x[start : start + BATCH] for start in range(0, count, BATCH)]
    rows = [model.predict_on_batch(taken(model, block)) for block in blocks]
    return np.concatenate(rows).astype(np.float32)


def taken(model: keras.Model, x: Any) -> Any:
    """Return raw samples as a dense array of the shape and dtype that the model takes.

    Texts are returned as a tensor, as NumPy has no strings that Keras takes. Those of several
    inputs are returned as the dict, list or tuple of arrays that they are.
    """
    if isinstance(x, Tree):
        return trees.mapped(_single, x.nested)
    inputs = model.inputs
    if inputs and inputs[0].dtype == "string":
        return keras.ops.convert_to_tensor(np.asarray(x, object).reshape(-1, 1), "string")
    array = np.asarray(dense(x), inputs[0].dtype if inputs else np.float32)
    # Only a difference in rank: an axis that studyhall added, which the user's model lacks.
    other = inputs and len(inputs[0].shape) != array.ndim
    return array.reshape(len(array), *inputs[0].shape[1:]) if other else array


def _single(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(np.float32) if array.dtype == np.float64 else array


def dense(x: Any) -> Any:
    """Return rows as a dense array."""
    return x.toarray() if sparse.issparse(x) else x


def probabilities(task: str, loss: Any, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Convert a model's outputs into the probabilities that scores need.

    A user-defined model may return logits, or two columns for two classes.

    Args:
        task: kind of prediction.
        loss: loss that the model was trained with, as `compile` takes it.
        outputs: outputs of the model, (N, k).

    Returns:
        Probabilities (N, 1) for two classes, otherwise (N, k); outputs of a regression unchanged.
    """
    return as_probabilities(task, outputs, logits=gives_logits(loss))


def as_probabilities(
    task: str, outputs: NDArray[np.float32], *, logits: bool
) -> NDArray[np.float32]:
    """Convert outputs into probabilities, as `probabilities` does.

    Args:
        task: kind of prediction.
        outputs: outputs of the model, (N, k).
        logits: the model returns logits.
    """
    two_columns = task == BINARY and outputs.shape[-1] == 2
    if logits:
        exclusive = two_columns or task == MULTICLASS
        squashed = keras.ops.softmax(outputs) if exclusive else keras.ops.sigmoid(outputs)
        outputs = keras.ops.convert_to_numpy(squashed)
    return outputs[:, 1:] if two_columns else outputs


def gives_logits(loss: Any) -> bool:
    """Return True if a model that was trained with this loss returns logits."""
    return any(map(_from_logits, keras.tree.flatten(loss)))


def _from_logits(loss: Any) -> bool:
    if not isinstance(loss, keras.losses.Loss):
        return False
    config: dict[str, Any] = {}
    with suppress(Exception):  # a user-defined loss may have no get_config
        config = loss.get_config()
    return bool(config.get("from_logits"))
