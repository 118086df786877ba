"""What tells one search of `Study.search` from another."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from studyhall.search.api import same_search

X = np.arange(6.0).reshape(3, 2)


def made(width, seen=None):
    def build(hp, depth=2):
        return width, depth, seen

    return build


class Builder:
    def __init__(self, width):
        self.width, self.seen = width, []

    def build(self, hp):
        return self.width


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (X, X + 1),
        (X, X.astype("float32")),
        (X, X.ravel()),
        (pd.DataFrame(X), pd.DataFrame(X + 1)),
        ((X, X), (X, X + 1)),
        ({"a": X}, {"b": X}),
        ([1, 2], [2, 1]),
        ({0: 1.0}, {0: 2.0}),
        (np.array(["a", "b"], object), np.array(["a", "c"], object)),
        (32, 64),
    ],
)
def test_other_values_of_an_argument_are_told(one, other):
    build = made(1)
    first, second = ({"x": each, "verbose": 0} for each in (one, other))
    found = same_search.fingerprints(build, first)
    assert found == same_search.fingerprints(build, {**first, "verbose": 2, "y": None})
    assert found != same_search.fingerprints(build, second)
    assert [*found] == ["build", "x"]


def test_a_builder_is_told_by_what_it_was_made_with():
    def of(build):
        return same_search.fingerprints(build, {})

    assert of(made(1, [])) == of(made(1, [2])) != of(made(2, []))
    assert of(Builder(1)) == of(Builder(1)) != of(Builder(2))
    assert of(Builder(1).build) == of(Builder(1).build) != of(Builder(2).build)
    assert of(partial(made(1), depth=1)) == of(partial(made(1), depth=1))
    assert len({*map(str, (of(partial(made(1), depth=2)), of(partial(made(2), depth=2))))}) == 2
    assert of(made(1)) != of(lambda hp: 1) != of(Builder)
