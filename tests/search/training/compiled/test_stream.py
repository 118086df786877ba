"""Samples that pass by in blocks train as those that are held in memory."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import scipy.sparse

from studyhall.search.training import tensors
from studyhall.search.training.compiled import stream
from studyhall.search.training.engine import Engine, seed_everything
from studyhall.search.training.epoch import Epoch
from studyhall.search.training.feeding import Samples
from studyhall.search.training.settings import Settings

FEATURES = 12
Part = tuple[np.ndarray, np.ndarray]


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "BLOCK_BYTES", 2 * 16 * 4 * (FEATURES + 1))  # two batches


@pytest.fixture(scope="module")
def parts() -> tuple[Part, Part]:
    generator = np.random.default_rng(0)
    x = (generator.random((120, FEATURES)) < 0.3).astype(np.float32)
    y = (x[:, :3].sum(axis=1) > 1).astype(np.int32)
    return (x[:83], y[:83]), (x[83:], y[83:])


def trained(engine: Engine, how: str = "auto") -> list[Epoch]:
    seed_everything(5)
    layers = keras.layers
    hidden = [layers.Dense(6, activation="relu", kernel_regularizer="l2"), layers.Dropout(0.2)]
    model = keras.Sequential([keras.Input((FEATURES,)), *hidden])
    model.add(layers.Dense(2, activation="softmax"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    weights = {0: 1.0, 1: 2.0}
    settings = Settings(epochs=3, batch_size=16, engine=how, class_weight=weights, patience=2)
    return list(engine.training(model, settings).epochs())


@pytest.mark.parametrize("how", ["auto", "keras"])
def test_streamed_samples_train_as_held_ones(parts: tuple[Part, Part], how: str) -> None:
    held = trained(Engine(*parts), how)
    streamed = trained(Engine(*parts, resident_bytes=0), how)
    for mine, theirs in zip(streamed, held, strict=True):
        assert mine.metrics == pytest.approx(theirs.metrics, rel=1e-6)


def test_samples_may_lie_in_a_file(parts: tuple[Part, Part], tmp_path: Path) -> None:
    (x, y), validation = parts
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    streamed = trained(Engine((mapped, y), validation, resident_bytes=0))
    held = trained(Engine(*parts))
    assert [epoch.value for epoch in streamed] == pytest.approx([epoch.value for epoch in held])


def test_sparse_samples_stream_as_well(parts: tuple[Part, Part]) -> None:
    sparse = [(scipy.sparse.csr_matrix(x), y) for x, y in parts]
    streamed = trained(Engine(*sparse, resident_bytes=0))
    held = trained(Engine(*parts))
    assert [e.value for e in streamed] == pytest.approx([e.value for e in held], rel=1e-5)


def test_blocks_hold_whole_batches_in_order(parts: tuple[Part, Part]) -> None:
    samples = Samples(*parts[0])
    rows = stream.rows_per_block(samples, 16)
    order = np.random.default_rng(1).permutation(samples.number)
    blocks = list(tensors.blocks(samples, order, rows))
    assert [len(block["y"]) for block in blocks] == [32, 32, 19]
    np.testing.assert_array_equal(np.concatenate([b["x"] for b in blocks]), samples.x[order])
