"""Pictures larger than memory: the same training from disk."""

import keras
import numpy as np
import pytest
from PIL import Image

from studyhall.search.data import loading, rows_on_disk
from studyhall.search.study_file.input_sections import DataSection
from studyhall.search.training.engine import seed_everything
from studyhall.search.training.settings import Settings
from studyhall.search.trial import forms


@pytest.mark.slow
def test_data_on_disk_train_as_those_in_memory(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    for number in range(40):
        path = tmp_path / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        pixels = rng.integers(0, 200, (6, 8, 3), np.uint8) + np.uint8(50 * (number % 2))
        Image.fromarray(pixels).save(path)

    def trained(way):
        data = loading.load(DataSection(source=str(tmp_path)), seed=0, folder=tmp_path)
        seed_everything(0)
        layers = [keras.Input((6, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(1, "sigmoid")]
        model = keras.Sequential(layers)
        model.compile("adam", "binary_crossentropy")
        settings = Settings(epochs=3, batch_size=4, engine=way)
        return [e.value for e in forms.engine(data.split).training(model, settings).epochs()]

    for way in ("auto", "keras"):
        held = trained(way)
        with monkeypatch.context() as small:
            small.setattr(rows_on_disk, "memory_limit", lambda: 1000)
            assert np.allclose(trained(way), held, rtol=1e-5)
