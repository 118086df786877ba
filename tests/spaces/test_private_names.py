"""The private names of Keras, TensorFlow and Optuna, and how the code does without them."""

from __future__ import annotations

import ast
import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import optuna
import pytest

from studyhall.search.training import model_losses, validation_batch
from studyhall.search.training.checkpoint import CheckpointError
from studyhall.search.training.compiled import cache, sharing, signature
from studyhall.search.training.engine import Engine, seed_everything
from studyhall.search.training.settings import Settings
from studyhall.spaces import private_names, randomness
from studyhall.storage.database import optuna_names
from studyhall.storage.sampling import samplers

ROOT = Path(__file__).parents[2]
LISTED = {
    *(*private_names.OF_MODELS, *private_names.OF_OPTIMIZERS, *private_names.OF_VARIABLES),
    *(*private_names.LOOKED_FOR, *optuna_names.LOOKED_FOR, *optuna_names.IDENTIFIERS),
    *(*private_names.OF_RAY, *optuna_names.OF_SCRIPTS),
    *(name for _, names in optuna_names.OF_SAMPLERS.values() for name in names),
}
PYTHONS = {"_asdict", "_exit", "_fields"}
LIBRARIES = {"keras", "optuna", "optuna_dashboard", "sklearn", "sqlalchemy", "tensorflow", "typer"}
READERS = ("delattr", "getattr", "hasattr", "setattr")
X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
Y = X.sum(axis=1)


def trees() -> Iterator[ast.AST]:
    for folder in ("search", "spaces", "storage", "studyhall"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def own() -> set[str]:
    """Names that our code gives: to its functions, its classes' parts, what it assigns."""
    found = set()
    for node in trees():
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr if ast.unparse(node.value) == "self" else "")
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


def used() -> set[str]:
    """Private attributes of anything but `self` and `cls`, also those asked for by their name."""
    found = set()
    for node in trees():
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) not in ("self", "cls"):
            found.add(node.attr)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in READERS:
            named = node.args[1]
            found.add(named.value if isinstance(named, ast.Constant) else "")
    return {name for name in found if is_private(name)}


def test_every_private_name_is_listed() -> None:
    assert used() - own() - PYTHONS - LISTED == set()


def test_nothing_is_listed_that_is_not_used() -> None:
    called = {node.attr for node in trees() if isinstance(node, ast.Attribute)}
    replaced = {node.name for node in trees() if isinstance(node, ast.FunctionDef)}
    assert LISTED - used() - called - replaced == set()


def test_nothing_private_is_imported() -> None:
    imported = set()
    for node in trees():
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported |= {f"{node.module}.{alias.name}" for alias in node.names}
    theirs = {name for name in imported if name.split(".")[0] in LIBRARIES}
    hidden = [name for name in theirs if any(map(is_private, name.split(".")))]
    inner = [name for name in theirs if name.startswith(("keras.src", "tensorflow.python"))]
    assert hidden + inner == []


def test_the_versions_that_are_installed_have_them_all() -> None:
    assert private_names.lacking(built()) is None
    places = (*private_names.NEEDED, *private_names.OPTIONAL)
    assert [place for place in places if private_names.find(place) is None] == []
    assert [name for name in samplers.NAMES if optuna_names.lacking(name)] == []
    assert optuna_names.FrozenStudy is not None
    assert hasattr(optuna.create_study().ask(), *optuna_names.LOOKED_FOR)


def built(penalty: float = 0.01) -> Any:
    """Draws by its dropout layer, by Python's random and by the generator of Keras."""
    seed_everything(3)
    wide = keras.layers.Dense(
        4, activation="tanh", kernel_regularizer=keras.regularizers.L2(penalty)
    )
    layers = [keras.Input((3,)), wide, keras.layers.Dropout(0.2), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    return model


def trained(engine: str = "auto") -> tuple[list[dict[str, float]], list[np.ndarray]]:
    run = Engine((X[:30], Y[:30]), (X[30:], Y[30:]), models=cache.CompiledModels())
    training = run.training(built(), Settings(epochs=3, batch_size=8, seed=5, engine=engine))
    metrics = [epoch.metrics for epoch in training.epochs()]
    return metrics, training.best_model().get_weights()


def without(monkeypatch: pytest.MonkeyPatch, *gone: str) -> None:
    """As if this version of Keras had none of these."""
    real = private_names.find
    monkeypatch.setattr(private_names, "find", lambda place: None if place in gone else real(place))


def assert_equal(one: Any, other: Any) -> None:
    assert one[0] == other[0]
    for mine, theirs in zip(one[1], other[1], strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.fixture(scope="module")
def by_fit() -> tuple[list[dict[str, float]], list[np.ndarray]]:
    return trained("keras")


@pytest.mark.parametrize(
    "gone",
    [*(pytest.param(name, marks=pytest.mark.slow) for name in private_names.NEEDED), "all of them"],
)
def test_without_a_name_a_model_trains_by_fit_to_the_same_numbers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, by_fit: Any, gone: str
) -> None:
    names = private_names.NEEDED if gone == "all of them" else (gone,)
    without(monkeypatch, *names, *private_names.OPTIONAL)
    with caplog.at_level(logging.INFO, "studyhall"):
        assert_equal(trained(), by_fit)
    said = f"training by Keras' own fit: Keras {keras.__version__} has no {names[0]}"
    assert [it.message for it in caplog.records if it.name == "studyhall"] == [said]


@pytest.mark.parametrize("owner", ["OF_MODELS", "OF_OPTIMIZERS", "OF_VARIABLES"])
def test_without_an_attribute_a_model_trains_by_fit(
    monkeypatch: pytest.MonkeyPatch, owner: str
) -> None:
    monkeypatch.setattr(private_names, owner, ("_gone",))
    with pytest.raises(signature.NotCompilableError, match=r"^Keras [\d.]+ has no \w+\._gone$"):
        signature.refuse(built())


def test_without_a_view_of_the_seeds_a_training_begins_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = Engine((X[:30], Y[:30]), (X[30:], Y[30:]), models=cache.CompiledModels())
    settings = Settings(epochs=2, batch_size=8, seed=5, engine="keras")
    saved = run.training(built(), settings)
    next(saved.epochs())
    without(monkeypatch, private_names.GLOBAL_SEEDS)
    with pytest.raises(CheckpointError, match="hides a part of its random state"):
        run.training(built(), settings).restore(saved.save())


def test_without_a_view_of_the_generator_the_others_are_put_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without(monkeypatch, *private_names.NEEDED)
    before = randomness.state()
    drawn = np.random.random()
    randomness.restore(before)
    assert np.random.random() == drawn


def test_the_loss_of_a_model_by_public_names() -> None:
    model = built(penalty=0.5)
    predicted = model(X)
    public = SimpleNamespace(loss=model.loss, losses=model.losses, compute_loss=model.compute_loss)
    known, found = model_losses.of(model), model_losses.of(public)
    assert known is not None and found is not None
    assert float(found(Y[:, None], predicted)) == pytest.approx(float(known(Y[:, None], predicted)))
    assert model_losses.of(SimpleNamespace(loss=None)) is None
    assert model_losses.metrics_of(public) is None
    assert validation_batch.of(SimpleNamespace()) == validation_batch.BATCH  # type: ignore[arg-type]


def test_what_hides_its_numbers_is_like_no_other() -> None:
    loss = keras.losses.Huber(delta=2.0)
    assert sharing._is_described(loss)
    del loss._fn_kwargs
    assert not sharing._is_described(loss)
    assert signature.unless_equal(loss, keras.losses.Huber(delta=2.0)) is loss


@pytest.mark.parametrize("sampler", ["cmaes", "qmc"])
def test_without_a_name_a_sampler_is_refused(monkeypatch: pytest.MonkeyPatch, sampler: str) -> None:
    kind = optuna_names.OF_SAMPLERS[sampler][0]
    monkeypatch.setitem(optuna_names.OF_SAMPLERS, sampler, (kind, ("_gone",)))
    with pytest.raises(ValueError, match=rf"received '{sampler}', which needs \w+\._gone"):
        samplers.named(sampler, study_seed=1)
