"""Trained models as files that take raw inputs and need nothing of studyhall."""

import json
import zipfile

import keras
import numpy as np
import pytest
from scipy import sparse

from studyhall.search.data import preparation
from studyhall.search.trial import exporting
from studyhall.spaces import architecture, optimization, regularization
from studyhall.storage.artifacts.atomic_files import ArtifactError

pytestmark = pytest.mark.part(5)

X = np.random.default_rng(0).normal(5.0, 3.0, (40, 3)).astype(np.float32)


def trained(values=None):
    values = {"width": 4, "depth": 1, "decay": "inverse_time", **(values or {})}
    model = architecture.build("mlp", values, (3,), 2, "multiclass")
    optimizer = optimization.optimizer(values, steps_per_epoch=2, epochs=3)
    model.compile(optimizer, regularization.loss("multiclass", 0.1), metrics=["accuracy"])
    model.fit(X, np.arange(40) % 2, epochs=1, verbose=0)
    return model


@pytest.mark.parametrize("kind", ["standard", "scale", "none"])
def test_the_exported_model_takes_raw_inputs(tmp_path, kind):
    model = trained()
    prepared = preparation.fit(X, kind)
    expected = model.predict(prepared.apply(X), verbose=0)
    exporting.save(exporting.with_preparation(model, prepared, (3,)), tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.predict(X, verbose=0) == pytest.approx(expected, abs=1e-6)


def test_the_file_needs_nothing_of_studyhall(tmp_path):
    """Neither loss nor schedule, and no optimizer's variables make it larger."""
    model = exporting.with_preparation(trained(), preparation.fit(X, "standard"), (3,))
    exporting.save(model, tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        config = archive.read("config.json").decode()
        weights = archive.getinfo("model.weights.h5").file_size
    assert "studyhall>" not in config and '"studyhall.spaces.' not in config
    assert "adam" not in config.lower()
    assert json.loads(config).get("compile_config") in ({}, None)
    again = keras.models.load_model(tmp_path / "model.keras")
    assert not again.compiled and weights < 60_000


def test_a_file_is_there_whole_or_not_at_all(tmp_path):
    model = exporting.with_preparation(trained(), preparation.fit(X, "none"), (3,))
    (tmp_path / "file").touch()
    with pytest.raises(ArtifactError, match="Not a directory"):
        exporting.save(model, tmp_path / "file" / "model.keras")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_predictions_of_many_and_of_sparse_samples():
    model = exporting.with_preparation(trained(), preparation.fit(X, "none"), (3,))
    many = np.tile(X, (60, 1))  # more than one batch
    expected = model.predict(many, verbose=0)
    assert exporting.predict(model, many) == pytest.approx(expected, abs=1e-6)
    assert exporting.predict(model, sparse.csr_matrix(many)) == pytest.approx(expected, abs=1e-6)


LOGITS = keras.losses.BinaryCrossentropy(from_logits=True)


@pytest.mark.parametrize(
    ("task", "loss", "outputs", "expected"),
    [
        ("binary", "binary_crossentropy", [[0.2]], [[0.2]]),
        ("binary", LOGITS, [[0.0]], [[0.5]]),
        ("multilabel", LOGITS, [[0.0, np.log(3)]], [[0.5, 0.75]]),
        ("binary", "sparse_categorical_crossentropy", [[0.8, 0.2]], [[0.2]]),
        (
            "binary",
            keras.losses.CategoricalCrossentropy(from_logits=True),
            [[0.0, np.log(3)]],
            [[0.75]],
        ),
        (
            "multiclass",
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            [[0.0, 0.0, np.log(2)]],
            [[0.25, 0.25, 0.5]],
        ),
        ("regression", keras.losses.Huber(), [[-3.0, 5.0]], [[-3.0, 5.0]]),
    ],
)
def test_outputs_become_probabilities(task, loss, outputs, expected):
    found = exporting.probabilities(task, keras.losses.get(loss), np.array(outputs, np.float32))
    assert found == pytest.approx(np.array(expected), abs=1e-6)
