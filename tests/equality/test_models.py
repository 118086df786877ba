"""Entire models, drawn at random, trained both ways."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

layers = keras.layers
SAMPLES = 32
SHAPES = {"vector": (6,), "sequence": (5, 4), "image": (6, 6, 2)}
ACTIVATIONS = st.sampled_from(["relu", "tanh", "gelu", "selu", None])
REGULARIZERS = st.sampled_from([None, "l1", "l2", "orthogonal_regularizer"])
CONSTRAINTS = st.sampled_from([None, "max_norm", "non_neg", "unit_norm"])
RATES = st.sampled_from([0.0, 0.1, 0.5])
WIDTHS = st.integers(1, 6)

# What samples may pass through and stay of their kind: strategies of (class name, arguments).
ANYWHERE = [
    st.tuples(st.just("Dropout"), st.fixed_dictionaries({"rate": RATES})),
    st.tuples(st.just("GaussianNoise"), st.fixed_dictionaries({"stddev": RATES})),
    st.tuples(st.just("BatchNormalization"), st.just({})),
    st.tuples(st.just("LayerNormalization"), st.just({})),
    st.tuples(st.just("ActivityRegularization"), st.fixed_dictionaries({"l2": RATES})),
    st.tuples(
        st.just("Dense"),
        st.fixed_dictionaries(
            {"units": WIDTHS, "activation": ACTIVATIONS, "kernel_regularizer": REGULARIZERS},
            optional={"kernel_constraint": CONSTRAINTS},
        ),
    ),
    st.tuples(st.just("PReLU"), st.just({})),
    st.tuples(st.just("Adapted"), st.integers(0, 9)),  # Normalization, on samples of that seed
    st.tuples(st.just("Closure"), st.integers(0, 9)),  # Lambda
    st.tuples(st.just("Twice"), st.just({})),  # one Dense layer, used twice
    st.tuples(st.just("Residual"), st.just({})),
]
OF_KIND = {
    "vector": [st.tuples(st.just("Dropout"), st.fixed_dictionaries({"rate": RATES}))],
    "sequence": [
        st.tuples(
            st.just("Conv1D"), st.fixed_dictionaries({"filters": WIDTHS, "kernel_size": st.just(1)})
        ),
        st.tuples(
            st.just("GRU"),
            st.fixed_dictionaries(
                {"units": WIDTHS, "return_sequences": st.just(True), "dropout": RATES}
            ),
        ),
        st.tuples(st.just("SpatialDropout1D"), st.fixed_dictionaries({"rate": RATES})),
    ],
    "image": [
        st.tuples(
            st.just("Conv2D"), st.fixed_dictionaries({"filters": WIDTHS, "kernel_size": st.just(1)})
        ),
        st.tuples(st.just("RandomFlip"), st.just({})),
        st.tuples(st.just("SpatialDropout2D"), st.fixed_dictionaries({"rate": RATES})),
    ],
}
OPTIMIZERS = st.sampled_from(
    [
        lambda rate: keras.optimizers.SGD(rate),
        lambda rate: keras.optimizers.SGD(rate, momentum=0.9, nesterov=True),
        lambda rate: keras.optimizers.Adam(rate / 10, epsilon=1e-3),
        lambda rate: keras.optimizers.RMSprop(rate / 10, epsilon=1e-3),
        lambda rate: keras.optimizers.AdamW(rate / 10, epsilon=1e-3, weight_decay=0.1),
        lambda rate: keras.optimizers.Adagrad(rate),
        lambda rate: keras.optimizers.SGD(rate, use_ema=True),
        lambda rate: keras.optimizers.SGD(rate, clipnorm=0.5),
        lambda rate: keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(rate, 6)),
    ]
)


def parts(kind: str) -> st.SearchStrategy[Any]:
    """Some layers in a row, each perhaps frozen."""
    layer = st.one_of(*ANYWHERE, *OF_KIND[kind])
    return st.lists(st.tuples(layer, st.booleans()), min_size=1, max_size=5)


# The structure of all trials is one in half of the cases, so that compiled functions serve again.
TRIALS = st.sampled_from(sorted(SHAPES)).flatmap(
    lambda kind: st.tuples(
        st.just(kind),
        st.one_of(
            parts(kind).map(lambda one: [one] * 3),
            st.lists(parts(kind), min_size=3, max_size=3),
        ),
        OPTIMIZERS,
        st.lists(st.sampled_from([0.001, 0.003, 0.01]), min_size=3, max_size=3),
    )
)


def samples(kind: str, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((SAMPLES, *SHAPES[kind])).astype(np.float32)


def passed(x: Any, name: str, known: Any) -> Any:
    """Return the output of a part."""
    width = x.shape[-1]
    if name == "Adapted":
        layer = layers.Normalization()
        layer.adapt(np.random.default_rng(known).normal(known, 1 + known, (20, width)))
        return layer(x)
    if name == "Closure":
        return layers.Lambda(lambda values: values * (1 + known / 10))(x)
    if name == "Twice":
        layer = layers.Dense(width, activation="tanh")
        return layer(layer(x))
    if name == "Residual":
        return layers.Add()([x, layers.Dense(width)(x)])
    return getattr(layers, name)(**known)(x)


def model_of(kind: str, drawn: Any, optimizer: Any, rate: float) -> keras.Model:
    inputs = keras.Input(SHAPES[kind])
    x, frozen = inputs, []
    for (name, known), freeze in drawn:
        x = passed(x, name, known)
        if freeze:
            frozen.append(x._keras_history.operation)
    model = keras.Model(inputs, layers.Dense(1)(layers.Flatten()(x)))
    for layer in frozen:
        layer.trainable = False
    model.compile(optimizer(rate), "mse", metrics=["mae"])
    return model


@pytest.mark.slow
@given(TRIALS)
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@pytest.mark.timeout(1800)
def test_drawn_models_train_as_by_fit(comparison: Any, trials: Any) -> None:
    kind, drawn, optimizer, rates = trials
    x = samples(kind)
    y = np.random.default_rng(9).normal(size=(SAMPLES, 1)).astype(np.float32)
    both = comparison(lambda n: model_of(kind, drawn[n], optimizer, rates[n]), x, y)
    both.tolerance = 1e-4  # rounding grows with depth, and differs with the order of additions
    both.most = 100.0
    both.run()
