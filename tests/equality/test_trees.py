"""Models of several inputs and outputs, with weights of the samples, trained both ways."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studyhall.search.training.compiled.cache import CompiledModels
from studyhall.search.training.compiled.path import WholeEpochs
from studyhall.search.training.engine import Engine, seed_everything
from studyhall.search.training.settings import Settings

layers = keras.layers
SAMPLES = 32
KINDS = st.sampled_from(["list", "dict", "single"])
WEIGHTS = st.sampled_from([None, "single", "tree"])


def packed(form: str, **arrays: Any) -> Any:
    return {"list": [*arrays.values()], "dict": arrays, "single": next(iter(arrays.values()))}[form]


def data(inputs: str, outputs: str, weights: str | None, seed: int = 0) -> tuple[Any, ...]:
    random = np.random.default_rng(seed)
    x = packed(
        inputs,
        numbers=random.normal(size=(SAMPLES, 5)).astype("float32"),
        words=random.integers(0, 9, (SAMPLES, 3)),
    )
    y = packed(outputs, total=random.normal(size=(SAMPLES, 1)), kind=random.integers(0, 4, SAMPLES))
    drawn = random.uniform(0, 3, (2, SAMPLES)).astype("float32")
    w = {
        None: None,
        "single": drawn[0],
        "tree": packed(outputs, total=drawn[0], kind=drawn[1]),
    }[weights]
    return (x, y) if w is None else (x, y, w)


def build(inputs: str, outputs: str, *, losses: str, widths: bool) -> Any:
    """A builder of models that merge the inputs and give the outputs."""

    def built(trial: int) -> keras.Model:
        units = 4 + trial if widths else 4
        numbers, words = keras.Input((5,), name="numbers"), keras.Input((3,), name="words")
        merged = layers.Dense(units, "tanh")(numbers)
        if inputs != "single":
            looked = layers.Flatten()(layers.Embedding(9, 2)(words))
            merged = layers.Concatenate()([merged, layers.Dropout(0.1 * trial)(looked)])
        total = layers.Dense(1, name="total")(merged)
        kind = layers.Dense(4, "softmax", name="kind")(merged)
        x = packed(inputs, numbers=numbers, words=words)
        model = keras.Model(x, packed(outputs, total=total, kind=kind))
        named: Any = {"total": "mse", "kind": "sparse_categorical_crossentropy"}
        measured: Any = {"total": ["mae"], "kind": ["accuracy"]}
        weighed: Any = {"total": 0.5, "kind": 2.0}
        if outputs == "single":
            named, measured, weighed = "mse", ["mae"], None
        elif losses == "by place":
            named, measured, weighed = [*named.values()], [*measured.values()], [0.5, 2.0]
        model.compile(
            keras.optimizers.Adam(0.01 * (trial + 1)),
            named,
            loss_weights=weighed,
            weighted_metrics=measured,
        )
        return model

    return built


@given(
    inputs=KINDS,
    outputs=KINDS,
    weights=WEIGHTS,
    losses=st.sampled_from(["by name", "by place"]),
    widths=st.booleans(),
)
@settings(
    max_examples=1, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
def test_models_with_several_inputs_and_outputs_train_as_by_keras(
    comparison, inputs, outputs, weights, losses, widths
):
    if outputs == "dict" and losses == "by place":
        losses = "by name"  # as Keras takes no list for a dict
    found = data(inputs, outputs, weights)
    built = build(inputs, outputs, losses=losses, widths=widths)
    # Eagerly, Keras would weigh batches in the losses of outputs by their sizes.
    training = comparison(built, *found, eager=False).run(trials=2)
    assert isinstance(training._path, WholeEpochs) and training._path.hindrance is None


@pytest.mark.slow
def test_in_blocks_and_by_xla_they_train_the_same():
    part = data("dict", "dict", "tree")
    halves = [keras.tree.map_structure(lambda leaf, at=at: leaf[at::2], part) for at in (0, 1)]

    def trained(bytes_held=None, engine="auto", xla=False):
        seed_everything(0)
        model = build("dict", "dict", losses="by name", widths=False)(1)
        on = Engine(*halves, resident_bytes=bytes_held, models=CompiledModels())
        chosen = Settings(epochs=2, batch_size=6, engine=engine, xla=xla)
        return [epoch.metrics for epoch in on.training(model, chosen).epochs()]

    whole = trained()
    for other in (trained(0), trained(0, "keras"), trained(engine="keras"), trained(xla=True)):
        for one, epoch in zip(whole, other, strict=True):
            assert epoch == pytest.approx(one, rel=1e-5)
