"""The family `text`, compiled, against Keras' own `fit`, at other values in each trial."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from studyhall.search.training.compiled import sharing
from studyhall.spaces import architecture

RANDOM = np.random.default_rng(0)
LENGTHS = RANDOM.integers(1, 6, (32, 1))
X = np.where(np.arange(5) < LENGTHS, RANDOM.integers(1, 11, (32, 5)), 0).astype(np.int32)
CLASS = RANDOM.integers(0, 3, 32).astype(np.int32)
TRIALS: tuple[dict[str, Any], ...] = (
    {"dropout": 0.3, "l2": 0.01, "width": 4},
    {"dropout": 0.1, "l2": 0.1, "width": 4},  # uses again what the first has compiled
    {"dropout": 0.2, "l1": 0.01, "width": 5, "embedding": 3},
)
ENCODERS: dict[str, dict[str, Any]] = {
    "mean": {"encoder": "mean", "batch_norm": True, "depth": 2},
    "transformer": {"encoder": "transformer"},
}


@pytest.mark.sampled(1)
@pytest.mark.parametrize("encoder", ENCODERS.values(), ids=ENCODERS)
def test_a_text_trains_as_by_fit(comparison: Any, encoder: dict[str, Any]) -> None:
    def build(trial: int) -> keras.Model:
        values = {"vocabulary": 9, "length": 5, "embedding": 4, **encoder, **TRIALS[trial]}
        model = architecture.build("text", values, (), 3, "multiclass")
        model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
        return model

    assert sharing.hindrance(build(0)) is None
    training = comparison(build, X, CLASS).run()
    assert training.history[0].metrics["loss"] > 0
