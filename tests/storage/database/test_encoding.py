"""Hyperparameters and reports survive their packing."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna import distributions
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from studyhall.storage.database import encoding

SPACE = {
    "rate": FloatDistribution(1e-7, 1.0, log=True),
    "step": FloatDistribution(0.0, 1.0, step=0.25),
    "whole": IntDistribution(1, 2**40),
    "kind": CategoricalDistribution(("a", None, True, 3, 2.5)),
}


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "rate": st.floats(1e-7, 1.0),
            "step": st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]),
            "whole": st.integers(1, 2**40),
            "kind": st.sampled_from(["a", None, True, 3, 2.5]),
        },
    )
)
def test_hyperparameters_come_back(params: dict[str, object]) -> None:
    spaces = {name: SPACE[name] for name in params}
    values, known = encoding.unpack_params(*encoding.pack_params(params, spaces))
    assert values == params
    assert {name: type(value) for name, value in values.items()} == {
        name: type(value) for name, value in params.items()
    }
    assert known == spaces


@given(st.dictionaries(st.integers(0, 60), st.floats(allow_nan=False)))
def test_reports_come_back_and_gaps_are_nan(reports: dict[int, float]) -> None:
    values = encoding.unpack_reports(encoding.pack_reports(reports)).tolist()
    assert len(values) == max(reports, default=-1) + 1
    for step, value in enumerate(values):
        assert value == reports[step] if step in reports else math.isnan(value)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["NaN", "~NaN", "~~-Infinity", "Infinity", "~"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=9,
)


@given(st.dictionaries(st.text(), JSON, max_size=3))
def test_metrics_come_back_whatever_they_are(metrics: dict[str, object]) -> None:
    packed = encoding.pack_metrics(metrics)
    assert repr(encoding.unpack_metrics(packed)) == repr(metrics)  # NaN is not equal to itself
    json.loads(packed, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


@pytest.mark.parametrize(
    ("metric", "plain"),
    [
        (np.float32(0.5), 0.5),
        (np.float64(0.5), 0.5),
        (np.longdouble(0.5), 0.5),
        (np.float16("nan"), math.nan),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array([1.0, math.inf], "f4"), [1.0, math.inf]),
        ((1, np.float32(2.0)), [1, 2.0]),
        ({"per class": [np.float32("nan")]}, {"per class": [math.nan]}),
    ],
)
def test_numpys_numbers_become_pythons(metric: object, plain: object) -> None:
    assert repr(encoding.unpack_metrics(encoding.pack_metrics({"m": metric}))) == repr({"m": plain})


def test_attributes_are_written_as_optuna_reads_them() -> None:
    written = encoding.to_json({"seed": np.int64(3), "loss": np.float32("inf"), "x": np.arange(2)})
    assert json.loads(written) == {"seed": 3, "loss": math.inf, "x": [0, 1]}
    with pytest.raises(TypeError, match="JSON can't hold a object"):
        encoding.to_json({"it": object()})


def test_a_distribution_is_written_as_optuna_writes_it() -> None:
    from optuna.distributions import distribution_to_json

    for space in SPACE.values():
        assert encoding.distribution_json(space) == distribution_to_json(space)
        assert encoding.distribution(encoding.distribution_json(space)) == space
    with pytest.raises(ValueError, match="Unknown distribution"):
        encoding.distribution('{"name": "os.system", "attributes": {}}')


def test_values_are_read_as_optuna_reads_them() -> None:
    values: dict[str, object] = {"rate": 0.25, "depth": 3, "log": 64, "kind": "sgd", "on": True}
    values |= {"none": None, "half": 1.5}
    spaces: dict[str, distributions.BaseDistribution] = {
        "rate": distributions.FloatDistribution(0.0, 1.0),
        "depth": distributions.IntDistribution(1, 4),
        "log": distributions.IntDistribution(1, 128, log=True),
        "kind": distributions.CategoricalDistribution(["adam", "sgd"]),
        "on": distributions.CategoricalDistribution([False, True]),
        "none": distributions.CategoricalDistribution([None, 2]),
        "half": distributions.FloatDistribution(0.5, 2.0, step=0.5),
    }
    packed = encoding.pack_params(values, spaces)
    found = encoding.values(*packed)
    assert repr(found) == repr(encoding.unpack_params(*packed)[0]) == repr(values)


def test_numbers_are_read_as_they_were_stored() -> None:
    for value in (0.5, -0.0, math.inf, -math.inf):
        finite, kind = encoding.stored(value)
        assert kind is not None
        assert encoding.BY_KIND.get(kind, finite) == value
    finite, kind = encoding.stored(math.nan)
    assert (finite, kind) == (None, "NAN")
    assert encoding.stored(None) == (None, None)
