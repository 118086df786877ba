"""The exported model of a table: it takes raw rows, as a dictionary of columns by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from numpy.typing import NDArray

from studyhall.search.data.columns import features
from studyhall.search.data.columns.features import Column
from studyhall.search.data.parts import Fold
from studyhall.search.data.sources import reading
from studyhall.search.evaluation.reloading import NotProvenError, Reloaded, Saved, own_objects
from studyhall.search.training import backend
from studyhall.search.trial import exporting
from studyhall.search.trial.blueprints import Blueprint
from studyhall.storage.artifacts import atomic_files

if TYPE_CHECKING:
    import pandas as pd

TOLERANCE = 1e-5  # of a prediction, which the same operations make of the same numbers

Rows = dict[str, NDArray[Any]]


def write(
    path: Path, plan: Blueprint, folder: Path, trial: Saved, reloaded: Reloaded
) -> dict[str, Any]:
    """Write the model that takes raw rows, if it predicts for them what the given one does.

    Args:
        path: the `.keras` file.
        plan: blueprint of the study, whose data are a table.
        folder: the study file's folder, to which the table's path is relative.
        trial: the trial whose model it is.
        reloaded: the model, which takes the features of a sample.

    Returns:
        On how many validation rows it was compared, and the largest difference of a prediction.

    Raises:
        NotProvenError: Keras has no such model, or it predicts something else.
    """
    fold = plan.data.folds[trial.attributes["model_fold"]]
    expected = exporting.predict(reloaded.model, fold.validation.x)
    rows = _validation_rows(plan, folder, fold)
    if backend.name() != backend.TENSORFLOW:
        raise NotProvenError(f"Keras reads text with TensorFlow only, not with {backend.name()}")
    with atomic_files.replacing(path, follow=False) as unfinished:
        try:
            of_columns(reloaded.model, plan.data.table).save(unfinished, include_optimizer=False)
        except (ValueError, TypeError, NotImplementedError) as error:
            raise NotProvenError(f"Keras can't write it: {error}") from error
        objects = own_objects(reloaded.named) if reloaded.named is not None else {}
        difference = check(unfinished, objects, rows, expected)
    return {"samples": len(expected), "difference": difference}


def _validation_rows(plan: Blueprint, folder: Path, fold: Fold) -> Rows:
    """Return the raw rows of a fold's validation samples, read again."""
    assert plan.data.pool_samples is not None  # a table has no validation set of its own
    frame, _ = reading.raw_table(plan.file.data, folder)
    return rows_of(frame.iloc[plan.data.pool_samples[fold.validation_rows]], plan.data.table)


def of_columns(model: keras.Model, table: Sequence[Column]) -> keras.Model:
    """Put the coding of a table's columns in front of a model.

    Args:
        model: takes the features of `features.encoded`, (N, features), before normalisation.
        table: the columns.

    Returns:
        A model of Keras' own layers alone, whose input is a dictionary: for each of `inputs` an
        array (N, 1), as `features.raw` describes them.
    """
    names = inputs(table)
    taken = {
        names[column.name]: keras.Input((1,), name=names[column.name], dtype=_dtype(column))
        for column in table
    }
    parts = [
        keras.ops.cast(feature, "float64")
        for column in table
        for feature in _encoded(column, taken[names[column.name]])
    ]
    matrix = keras.ops.concatenate(parts, axis=1)
    matrix = keras.ops.cast(matrix, model.inputs[0].dtype)
    return keras.Model(taken, model(matrix, training=False), name="studyhall_model")


def inputs(table: Sequence[Column]) -> dict[str, str]:
    """Return the name of the model's input for each column: Keras allows no slash in it."""
    found: dict[str, str] = {}
    for column in table:
        name = column.name.replace("/", "_")
        while name in found.values():
            name += "_"
        found[column.name] = name
    return found


def rows_of(frame: pd.DataFrame, table: Sequence[Column]) -> Rows:
    """Return rows of a table as the model takes them."""
    names = inputs(table)
    return {
        names[column.name]: features.raw(column, frame[column.name]).reshape(-1, 1)
        for column in table
    }


def predicted(model: keras.Model, rows: Rows) -> NDArray[np.float32]:
    """Return a model's predictions (N, outputs) for rows of `rows_of`."""
    number = len(next(iter(rows.values())))
    blocks = [
        model.predict_on_batch(_block(rows, start)) for start in range(0, number, exporting.BATCH)
    ]
    return np.concatenate(blocks).astype(np.float32)


def check(path: Path, objects: Mapping[str, Any], rows: Rows, expected: NDArray[Any]) -> float:
    """Load a saved model, and compare its predictions with those of the model inside it.

    Args:
        path: the saved model.
        objects: the user's classes that Keras needs to load it.
        rows: raw rows.
        expected: predictions for the features of these rows.

    Returns:
        The largest difference.

    Raises:
        NotProvenError: it can't be loaded, or predicts something else.
    """
    try:
        model = keras.models.load_model(
            path, custom_objects=dict(objects), compile=False, safe_mode=not objects
        )
        found = predicted(model, rows)
    except Exception as error:  # Keras raises anything
        raise NotProvenError(f"it can't be loaded: {error}") from error
    difference = float(np.abs(found - expected).max(initial=0.0))
    if not difference <= TOLERANCE * max(1.0, float(np.abs(expected).max(initial=0.0))):
        raise NotProvenError(f"it predicts something else: a difference of {difference:.3g}")
    return difference


def described(table: Sequence[Column]) -> list[dict[str, Any]]:
    """Return what the card says about each column: its input, kind, values and form."""
    names = inputs(table)
    return [
        {**column.to_dict(), "input": names[column.name], "takes": _TAKES[column.kind]}
        for column in table
    ]


_TAKES = {
    "number": "a number; NaN where it is missing, which counts as the mean",
    "boolean": "1 for true, 0 for false; NaN where it is missing",
    "date": "seconds since 1970-01-01 00:00 UTC; NaN where it is missing",
    "category": 'text in Unicode NFC; "" where it is missing',
    "text": 'text in Unicode NFC; "" where it is missing',
}


def _dtype(column: Column) -> str:
    return "string" if column.kind in ("category", "text") else "float64"


def _block(rows: Rows, start: int) -> dict[str, Any]:
    return {
        name: keras.ops.convert_to_tensor(
            values[start : start + exporting.BATCH],
            "string" if values.dtype == object else "float64",
        )
        for name, values in rows.items()
    }


def _encoded(column: Column, values: Any) -> list[Any]:
    if column.embedded:
        return [keras.layers.StringLookup(vocabulary=[*column.values])(values)]
    if column.kind in ("category", "text"):
        return [_words(column, values)]
    return features.encoded_numbers(column, values, keras.ops)


def _words(column: Column, values: Any) -> Any:
    """Return 0/1 features: first whether anything is not known, if the column has that."""
    kind = (
        keras.layers.StringLookup if column.kind == "category" else keras.layers.TextVectorization
    )
    layer = kind(vocabulary=[*column.values], output_mode="multi_hot")
    # Its shape is right, but Keras takes that of texts to have another axis.
    found = keras.ops.reshape(layer(values), (-1, len(column.values) + 1))
    if column.other:
        return found
    return keras.ops.take(found, list(range(1, len(column.values) + 1)), axis=1)
