"""The recipes are the documents' systems, and the benchmark that runs them tells what it did."""

import runpy
import shutil
import sys
from pathlib import Path

import pytest

from studyhall.search.study_file import config
from studyhall.spaces import fixed
from studyhall.spaces.space import read_space

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))
from benchmarks import guide_table  # noqa: E402
from benchmarks.guide_recipes import SYSTEMS  # noqa: E402

SIZES = {  # parameters of each fixed trial, as Keras counts them
    "blobs-mlp": {"chapter": 153},
    "imdb-mlp": {
        "original": 160_305,
        "smaller": 40_029,
        "bigger": 5_383_681,
        "l2": 160_305,
        "dropout": 160_305,
    },
    "cifar10-cnn": {"sgd": 2_122_186, "adam": 2_122_186, "rmsprop": 2_122_186},  # as printed
    "cifar10-vgg": {"six convolutions": 308_842},
}
SHAPES = {
    "blobs-mlp": ((2,), 3, "multiclass"),
    "imdb-mlp": ((10_000,), 1, "binary"),
    "cifar10-cnn": ((32, 32, 3), 10, "multiclass"),
    "cifar10-vgg": ((32, 32, 3), 10, "multiclass"),
}


@pytest.mark.parametrize("recipe", SIZES)
def test_a_fixed_trial_is_the_documents_network(recipe):
    from studyhall.spaces import architecture

    file = config.load(ROOT / "recipes" / f"{recipe}.toml")
    space = read_space(dict(file.space), family=file.model.family)
    sizes = {}
    for trial in fixed.read(file.trials, space):
        values = space.values(trial.params)  # which leaves nothing to the sampler
        shape, outputs, task = SHAPES[recipe]
        model = architecture.build(file.model.family, values, shape, outputs, task)
        sizes[trial.name] = model.count_params()
    assert sizes == SIZES[recipe]


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
def test_the_benchmark_knows_the_recipes_fixed_trials(system):
    file = config.load(ROOT / "recipes" / f"{system.recipe}.toml")
    assert [trial["name"] for trial in file.trials] == list(system.printed)
    for changes in (system.local, system.shorter):
        file = config.overridden(file, changes)


def test_the_table_tells_what_was_measured_and_what_was_not():
    trial = {
        "trial": 2, "parameters": 160_305, "epochs": 20, "best_epoch": 3, "value": 0.28,
        "last_accuracy": 0.99, "last_val_loss": 0.61, "last_val_accuracy": 0.86,
        "test_loss": 0.3, "test_accuracy": 0.885,
    }  # fmt: skip
    winner = {**trial, "trial": 9, "test_loss": 0.27, "test_accuracy": 0.8925}
    result = {
        "fixed": {"l2": trial, "original": {**trial, "last_val_loss": 0.4}}, "winner": winner,
        "trials": 12, "here": "as it stands", "machine": "2 cores", "ran_at": 0,
    }  # fmt: skip
    page = guide_table.page(SYSTEMS, {"imdb-mlp": result})
    assert "| `imdb-mlp` | l2 | 0.4292, 0.8688 | 0.9900 | 0.8850 | 0.3000 | 3 of 20 |" in page
    assert "| `imdb-mlp` | smaller | 0.7008, 0.8476 | not run here |" in page
    assert page.index("| original | 0.4000 |") < page.index("| l2 | 0.6100 |")
    assert "| `imdb-mlp` | **the best of 10 searched**, trial 9 | 0.8925 | 0.2700 |  |" in page
    assert "| l2 | 0.8850 | 0.3000 | +0.75 points, loss -0.0300 |" in page
    assert "2 cores | 1970-01-01 |" in page


def test_the_churn_table_is_read_as_its_recipe_needs(tmp_path):
    from recipes.churn import customers
    from studyhall.search.data import loading

    table, reachable = customers()
    assert 0.7 < reachable < 0.8
    table.to_csv(tmp_path / "churn.csv", index=False, sep=";")
    file = config.load(ROOT / "recipes" / "churn.toml")
    found = loading.of_file(file, tmp_path, seed=0)
    assert {column.name: column.kind for column in found.table} == {
        "city": "category", "contract": "category", "joined": "date", "price": "number",
        "calls": "number", "paperless": "boolean", "remark": "category",
    }  # fmt: skip
    assert (found.classes, len(found.train)) == (("left", "stayed"), 1800)
    assert any("customer: left out" in note for note in found.notes)


def test_reviews_are_read_as_their_recipe_needs(tmp_path):
    from recipes.reviews import accuracy, reviews
    from studyhall.search.data import loading

    table = reviews()
    assert accuracy(table, 1) + 0.1 < accuracy(table, 2) < 0.96  # the order of words matters
    table.to_csv(tmp_path / "reviews.csv", index=False)
    file = config.load(ROOT / "recipes" / "reviews.toml")
    found = loading.of_file(file, tmp_path, seed=0)
    assert (found.classes, len(found.train)) == (("bad", "good"), 3000)
    assert len(found.split.vocabulary.words) < file.space["vocabulary"]
    assert found.split.pool.tokens.lengths.max() <= file.space["length"]


def test_bicycles_are_read_as_their_recipe_needs(tmp_path):
    import numpy as np

    from recipes.bicycles import DAYS, bicycles
    from studyhall.search.data import loading

    table, mean = bicycles()
    assert len(table) > 24 * DAYS and np.std(table["hires"] - mean) < 0.2 * np.std(mean)
    table[: 24 * DAYS].to_csv(tmp_path / "bicycles.csv", index=False)
    file = config.load(ROOT / "recipes" / "bicycles.toml")
    found = loading.of_file(file, tmp_path, seed=0)
    assert found.input_shape == (24, 5) and found.task == "regression"
    assert {column.name: column.kind for column in found.table} == {
        "hour": "number", "free day": "boolean", "degrees": "number", "rain": "number",
        "hires": "number",
    }  # fmt: skip


@pytest.mark.parametrize(
    "name", ["churn", pytest.param("reviews", marks=pytest.mark.slow), "bicycles"]
)
def test_tables_are_those_that_the_generator_writes(name, tmp_path):
    """The tables that stand beside the recipes, to the byte."""
    shutil.copy(ROOT / "recipes" / f"{name}.py", tmp_path)
    runpy.run_path(str(tmp_path / f"{name}.py"), run_name="__main__")
    for path in tmp_path.glob("*.csv"):
        assert path.read_bytes() == (ROOT / "recipes" / path.name).read_bytes(), path.name
