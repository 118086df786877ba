"""A backbone, compiled, against Keras' own `fit`, at other values in each trial."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from studyhall.spaces import applications, architecture, backbone

RANDOM = np.random.default_rng(0)
X = RANDOM.random((20, 32, 32, 1)).astype(np.float32)
CLASS = RANDOM.integers(0, 3, 20).astype(np.int32)
FAMILY = "keras:MobileNet(alpha=0.25)"
TRIALS: tuple[dict[str, Any], ...] = (
    {"frozen": 0.9, "fine_tuning_rate": 0.5, "l2": 0.01},
    {"frozen": 1.0, "head_width": 4},
)


@pytest.mark.slow
@pytest.mark.parametrize("pretrained", [True, False], ids=["pretrained", "random"])
def test_a_backbone_trains_as_by_fit(comparison: Any, pretrained: bool) -> None:
    weights = backbone._values(backbone._made(applications.read(FAMILY))) if pretrained else None

    def build(trial: int) -> keras.Model:
        values = {"dropout": 0.2, **TRIALS[trial]}
        model = architecture.build(FAMILY, values, X.shape[1:], 3, "multiclass", None, weights)
        optimizer = backbone.fine_tuning(keras.optimizers.Adam(0.01), model, values, weights)
        model.compile(optimizer, "sparse_categorical_crossentropy")
        return model

    training = comparison(build, X, CLASS, eager=False).run(len(TRIALS))
    assert training.history[0].metrics["loss"] > 0
