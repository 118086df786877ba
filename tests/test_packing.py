"""Hyperparameters and reports survive their packing."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from storage import packing

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
    values, known = packing.unpack_params(*packing.pack_params(params, spaces))
    assert values == params
    assert {name: type(value) for name, value in values.items()} == {
        name: type(value) for name, value in params.items()
    }
    assert known == spaces


@given(st.dictionaries(st.integers(0, 60), st.floats(allow_nan=False)))
def test_reports_come_back_and_gaps_are_nan(reports: dict[int, float]) -> None:
    values = packing.unpack_reports(packing.pack_reports(reports)).tolist()
    assert len(values) == max(reports, default=-1) + 1
    for step, value in enumerate(values):
        assert value == reports[step] if step in reports else math.isnan(value)


def test_a_distribution_is_written_as_optuna_writes_it() -> None:
    from optuna.distributions import distribution_to_json

    for space in SPACE.values():
        assert packing.distribution_json(space) == distribution_to_json(space)
        assert packing.distribution(packing.distribution_json(space)) == space
    with pytest.raises(ValueError, match="Unknown distribution"):
        packing.distribution('{"name": "os.system", "attributes": {}}')
