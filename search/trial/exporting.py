"""A trained model as one `.keras` file that takes raw inputs, and its scores when reloaded."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from studyhall.search.data.preparation import Preparation
from studyhall.search.study_file.losses import BINARY, MULTICLASS
from studyhall.storage.artifacts import artifact_store

BATCH = 1024  # samples per prediction: bounded memory, whatever the size of the data


def with_preparation(
    model: keras.Model, preparation: Preparation, input_shape: tuple[int, ...]
) -> keras.Model:
    """Put the normalisation in front of a trained model, so that it takes raw inputs.

    Args:
        model: takes prepared samples of shape ``(N, *input_shape)``; it can't be trained any more,
            as its optimizer, schedule and loss, which only studyhall knows, must not go with it.
        preparation: fitted on the training part.
        input_shape: shape of one sample.

    Returns:
        A model without optimizer: it predicts, and needs nothing of studyhall to be loaded.
    """
    model.compiled, model.optimizer = False, None
    inputs = keras.Input(input_shape, name="raw", dtype=preparation.dtype)
    prepared = inputs
    for layer in preparation.layers():
        prepared = layer(prepared)
    return keras.Model(inputs, model(prepared, training=False), name="studyhall_model")


def save(model: keras.Model, path: Path) -> None:
    """Write a `.keras` file whole or not at all.

    Raises:
        ArtifactError: the disk is full, or the folder can't be written; nothing is left behind.
    """
    with artifact_store.replacing(path) as unfinished:
        model.save(unfinished, include_optimizer=False)


def save_weights(model: keras.Model, path: Path) -> None:
    """Write a model's weights whole or not at all, whatever the file is called.

    Raises:
        ArtifactError: the disk is full, or the folder can't be written; nothing is left behind.
    """
    with artifact_store.replacing(path) as unfinished, tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "model.weights.h5"  # Keras wants this ending
        model.save_weights(written)
        shutil.copyfile(written, unfinished)


def predict(model: keras.Model, x: Any) -> NDArray[np.float32]:
    """Predictions for raw samples, sparse rows included: (N, outputs)."""
    blocks = [x[start : start + BATCH] for start in range(0, x.shape[0], BATCH)]
    rows = [model.predict_on_batch(taken(model, block)) for block in blocks]
    return np.concatenate(rows).astype(np.float32)


def taken(model: keras.Model, x: Any) -> NDArray[Any]:
    """Raw samples, sparse rows included, in the shape and type in which a model takes them."""
    inputs = model.inputs
    array = np.asarray(dense(x), inputs[0].dtype if inputs else np.float32)
    other = inputs and len(inputs[0].shape) != array.ndim  # an axis that is ours, not the user's
    return array.reshape(len(array), *inputs[0].shape[1:]) if other else array


def dense(x: Any) -> Any:
    """Rows that may be sparse as an array."""
    return x.toarray() if sparse.issparse(x) else x


def probabilities(task: str, loss: Any, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a model says, as scores take it.

    A user's own may give logits, or two columns for two classes where one would do.

    Args:
        task: what the targets are.
        loss: that the model was trained with, as compile takes it.
        outputs: of the model, (N, k).

    Returns:
        Probabilities (N, 1) for two classes, (N, k) else; numbers for regression, as they are.
    """
    two_columns = task == BINARY and outputs.shape[-1] == 2
    if any(map(_from_logits, keras.tree.flatten(loss))):
        exclusive = two_columns or task == MULTICLASS
        squashed = keras.ops.softmax(outputs) if exclusive else keras.ops.sigmoid(outputs)
        outputs = keras.ops.convert_to_numpy(squashed)
    return outputs[:, 1:] if two_columns else outputs


def _from_logits(loss: Any) -> bool:
    if not isinstance(loss, keras.losses.Loss):
        return False
    config: dict[str, Any] = {}
    with suppress(Exception):  # a class of the user's may have none
        config = loss.get_config()
    return bool(config.get("from_logits"))
