"""The data sets of keras.datasets through the same command line, offline, with a small budget."""

import os
import shutil
from pathlib import Path

import pytest

pytestmark = [pytest.mark.data, pytest.mark.slow]


@pytest.fixture(scope="module")
def keras_home(tmp_path_factory) -> Path:
    """A writable copy of the data: Keras leaves a folder that it can't write to for another."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    data = Path(os.environ.get("STUDYHALL_DATA") or beside) / "keras"
    if not (data / "datasets").is_dir():
        pytest.skip(f"no real data at {data}; their folder is named by $STUDYHALL_DATA")
    home = tmp_path_factory.mktemp("keras")
    shutil.copytree(data, home, dirs_exist_ok=True)
    return home


@pytest.mark.parametrize(
    ("source", "tested", "family", "accuracy"),
    [
        ("keras:fashion_mnist", 10_000, "cnn", 0.6),
        ("keras:imdb(num_words=500)", 25_000, "mlp", 0.65),
    ],
)
def test_a_small_study(folder, keras_home, source, tested, family, accuracy):
    folder.environment["KERAS_HOME"] = str(keras_home)
    folder.study(
        study={"name": "real"},
        data={"source": source, "samples": 2000},
        model={"family": family},
        training={"epochs": 4},
        space={"width": 16, "learning_rate": {"low": 1e-3, "high": 3e-3, "log": True}},
    )
    folder.run("launch", "study.toml")
    found = folder.json("status", "real")
    assert (found["complete"], found["left"]) == (2, 0)
    best = folder.json("best", "real")
    scores = best["test"]["scores"]
    assert best["missing"] == [] and best["proof"]["difference"] < 1e-5
    assert scores["samples"] == tested  # the source's own test set, all of it
    assert scores["accuracy"] >= accuracy
