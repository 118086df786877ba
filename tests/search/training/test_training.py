"""One training: its end, its best model and its seconds, however many epochs run per call."""

from __future__ import annotations

import dataclasses
import math
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from studyhall.search.training.engine import Engine
from tests.search.training.test_engine import DATA, EPOCHS, built, of, trained


@pytest.fixture(scope="module")
def mlp() -> Engine:
    return Engine(*DATA["mlp"])


@pytest.mark.parametrize("engine", ["auto", "keras"])
def test_a_diverging_training_stops_at_once(mlp: Engine, engine: str) -> None:
    values = {"optimizer": "sgd", "learning_rate": 1e30, "clip_norm": 0.0}
    training = trained(mlp, built("mlp", values), of(values, "mlp", engine=engine))
    assert training.stopped == "diverged"
    assert math.isnan(training.history[-1].value)
    assert len(training.history) < EPOCHS
    assert training.best is None or training.best.number < len(training.history)


def test_epochs_do_not_depend_on_how_many_run_per_call(
    mlp: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"learning_rate": 0.05, "decay": "plateau", "decay_epochs": 1}
    settings = dataclasses.replace(of(values, "mlp"), epochs=12, patience=4)
    together = trained(mlp, built("mlp", values), settings)
    monkeypatch.setattr("studyhall.search.training.training.MOST_EPOCHS", 1)
    single = trained(mlp, built("mlp", values), settings)
    assert [epoch.metrics for epoch in together.history] == [e.metrics for e in single.history]
    for mine, theirs in zip(
        together.best_model().get_weights(), single.best_model().get_weights(), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)


def test_the_best_model_is_plain_keras(mlp: Engine, tmp_path: Path) -> None:
    values = {"dropout": 0.2, "l2": 1e-3, "learning_rate": 0.05}
    training = trained(mlp, built("mlp", values), of(values, "mlp"))
    training.best_model().save(tmp_path / "best.keras")
    with zipfile.ZipFile(tmp_path / "best.keras") as archive:
        assert b"studyhall" not in archive.read("config.json")
    loaded = keras.models.load_model(tmp_path / "best.keras")
    loss = loaded.evaluate(*DATA["mlp"][1], verbose=0)[0]
    assert training.best
    assert loss == pytest.approx(training.best.metrics["keras_val_loss"], rel=1e-5)


def test_seconds_tell_what_the_time_went_into(mlp: Engine) -> None:
    for engine in ("auto", "keras"):
        training = trained(mlp, built("mlp", {}), of({}, "mlp", engine=engine))
        training.save()
        assert set(training.seconds) == {"build", "trace", "train", "validate", "checkpoint"}
        assert training.seconds["train"] > 0 < training.seconds["checkpoint"]
        assert training.stopped == "epochs"
