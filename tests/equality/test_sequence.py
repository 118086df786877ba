"""The family `sequence`, compiled, against Keras' own `fit`, at other values in each trial."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from studyhall.spaces import architecture

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(32, 6, 3)).astype(np.float32)
CLASS = RANDOM.integers(0, 3, 32).astype(np.int32)
TRIALS: tuple[dict[str, Any], ...] = (
    {"dropout": 0.3, "l2": 0.01, "width": 4},
    {"dropout": 0.1, "l2": 0.1, "width": 4},  # uses again what the first has compiled
    {"dropout": [0.0, 0.2], "l1": 0.01, "width": [5, 3]},
)
CELLS: dict[str, dict[str, Any]] = {
    "gru": {"cell": "gru"},
    "lstm in both directions": {"cell": "lstm", "bidirectional": True},
    "temporal convolutions": {"cell": "conv", "kernel_size": 2, "batch_norm": True},
}


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param(
            cell, id=name, marks=[] if name == "temporal convolutions" else pytest.mark.slow
        )
        for name, cell in CELLS.items()
    ],
)
def test_a_sequence_trains_as_by_fit(comparison: Any, cell: dict[str, Any]) -> None:
    def build(trial: int) -> keras.Model:
        values = {**cell, **TRIALS[trial]}
        model = architecture.build("sequence", values, X.shape[1:], 3, "multiclass")
        model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
        return model

    training = comparison(build, X, CLASS).run()
    assert training.history[0].metrics["loss"] > 0
