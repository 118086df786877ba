"""The `hp` of KerasTuner scripts: every declaration means what it means to KerasTuner."""

from __future__ import annotations

import keras_tuner
import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studyhall.spaces.hp.hyperparameters import HyperParameters
from studyhall.spaces.hp.suggested import Suggested

SAMPLINGS = ("linear", "log", "reverse_log")


@st.composite
def ints(draw):
    low = draw(st.integers(1, 40))
    sampling = draw(st.sampled_from(SAMPLINGS))
    steps = st.integers(2, 4) if sampling != "linear" else st.integers(1, 9)
    step = draw(st.none() | steps)
    return "Int", {
        "min_value": low,
        "max_value": low + draw(st.integers(0, 60)),
        "step": step,
        "sampling": sampling,
        "default": draw(st.none() | st.just(low)),
    }


@st.composite
def floats(draw):
    low = draw(st.floats(1e-5, 10))
    sampling = draw(st.sampled_from(SAMPLINGS))
    step = st.floats(1.5, 10) if sampling != "linear" else st.floats(0.01, 1)
    high = low * draw(st.floats(1, 50))
    return "Float", {
        "min_value": low,
        "max_value": high,
        "step": draw(st.none() | step),
        "sampling": sampling,
    }


@st.composite
def choices(draw):
    kinds = st.integers(-5, 5) | st.booleans(), st.floats(-1, 1), st.text(max_size=3)
    kind = draw(st.sampled_from([st.integers(-5, 5), st.booleans(), *kinds[1:]]))
    values = draw(st.lists(kind, min_size=1, max_size=5, unique=True))
    default = draw(st.none() | st.sampled_from(values))
    return "Choice", {"values": values, "default": default}


booleans = st.fixed_dictionaries({"default": st.booleans()}).map(lambda given: ("Boolean", given))
fixed = st.fixed_dictionaries({"value": st.integers() | st.booleans() | st.text()}).map(
    lambda given: ("Fixed", given)
)
declarations = st.one_of(ints(), floats(), choices(), booleans, fixed)


def declared(container, declaration):
    kind, arguments = declaration
    return getattr(container, kind)("a", **arguments)


@given(declarations)
@settings(max_examples=150, deadline=None)
def test_default_and_values_are_those_of_keras_tuner(declaration):
    theirs, ours = keras_tuner.HyperParameters(), HyperParameters()

    assert declared(ours, declaration) == declared(theirs, declaration)

    their_values = theirs.space[0].values
    kind, arguments = declaration
    if kind in ("Int", "Float") and arguments["step"] is None:
        assert [*ours.space[0].values] == pytest.approx(sorted(their_values))
    else:
        assert [*ours.space[0].values] == pytest.approx([*their_values])
    assert [type(value) for value in ours.space[0].values] == [
        type(value) for value in ours.space[0].values
    ]


@given(declarations, st.integers(0, 2**31))
@settings(max_examples=150, deadline=None)
def test_what_a_sampler_suggests_is_a_possible_value(declaration, seed):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))

    value = declared(Suggested(study.ask()), declaration)

    kind, arguments = declaration
    possible = keras_tuner.HyperParameters()
    declared(possible, declaration)
    if kind in ("Int", "Float") and (kind == "Float" or arguments["sampling"] != "linear"):
        low, high = arguments["min_value"], arguments["max_value"]
        assert low - 1e-9 <= value <= high * (1 + 1e-12) + 1e-9
        if arguments["step"] is not None:
            assert any(value == pytest.approx(each) for each in possible.space[0].values)
    else:
        assert value in [*possible.space[0].values]


def built(hp):
    """A builder with scopes, conditions and one name under two conditions."""
    kind = hp.Choice("kind", ["mlp", "cnn"])
    with hp.conditional_scope("kind", "mlp"):
        units = hp.Int("units", 8, 16)
    with hp.conditional_scope("kind", ["cnn"]):
        filters = hp.Int("units", 32, 64)
        hp.Float("rate", 0.1, 0.5, parent_name="units", parent_values=[32])
    with hp.name_scope("head"):
        head = hp.Boolean("wide")
        with hp.name_scope("inner"):
            hp.Fixed("size", 3)
    return kind, units, filters, head


@pytest.mark.parametrize("values", [{}, {"kind": "cnn"}, {"kind": "cnn", "units": 40}])
def test_conditions_and_scopes_are_those_of_keras_tuner(values):
    theirs, ours = keras_tuner.HyperParameters(), HyperParameters()
    theirs.values, ours.values = {**values}, {**values}

    assert built(ours) == built(theirs)
    assert ours.values == theirs.values
    assert [each.name for each in ours.space] == [each.name for each in theirs.space]
    assert [ours.is_active(each) for each in ours.space] == [
        theirs.is_active(each) for each in theirs.space
    ]
    assert ("head/wide" in ours) and ("nothing" not in ours)
    assert ours.get("head/inner/size") == ours["head/inner/size"] == 3
    assert built(ours.copy()) == built(theirs.copy())


def test_inactive_and_unknown_ones_have_no_value():
    hp = HyperParameters()
    built(hp)

    with pytest.raises(ValueError, match="rate is currently inactive"):
        hp.get("rate")
    with pytest.raises(KeyError, match="nothing does not exist"):
        hp.get("nothing")
    with pytest.raises(ValueError, match="not defined"), hp.conditional_scope("nothing", [1]):
        pass


@pytest.mark.parametrize(
    "declare",
    [
        lambda hp: hp.Int("a", 5, 3),
        lambda hp: hp.Int("a", 1.5, 3),
        lambda hp: hp.Int("a", 0, 3, sampling="log"),
        lambda hp: hp.Int("a", 1, 8, step=1, sampling="log"),
        lambda hp: hp.Float("a", 1, 2, sampling="cubic"),
        lambda hp: hp.Choice("a", []),
        lambda hp: hp.Choice("a", [1, "b"]),
        lambda hp: hp.Choice("a", [1, 2], default=3),
        lambda hp: hp.Choice("a", [None]),
        lambda hp: hp.Choice("a", ["x"], ordered=True),
        lambda hp: hp.Fixed("a", [1]),
    ],
)
def test_mistakes_are_refused_as_by_keras_tuner(declare):
    refused = (ValueError, TypeError)
    with pytest.raises(refused) as theirs:
        declare(keras_tuner.HyperParameters())
    with pytest.raises(refused) as ours:
        declare(HyperParameters())
    assert type(ours.value) is type(theirs.value)


def test_what_is_declared_in_advance_goes_before_what_a_builder_declares():
    given = HyperParameters()
    given.Fixed("rate", 0.25)
    given.Int("units", 100, 200)
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask()

    hp = Suggested(trial, given, tunes=False)

    assert hp.Float("rate", 0.0, 1.0) == 0.25
    assert 100 <= hp.Int("units", 1, 9) <= 200
    assert hp.Int("other", 1, 9, default=4) == 4  # not tuned
    assert trial.params == {"units": hp.values["units"]}


def test_one_name_under_two_conditions_is_two_parameters_of_the_study():
    study, seen = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1)), {}
    for _ in range(8):
        trial = study.ask()
        kind, units, filters, _ = built(Suggested(trial))
        seen[kind] = trial.params
        name = "units" if kind == "mlp" else "units #2"
        assert trial.params[name] == (units or filters)
        study.tell(trial, 0.0)
    assert seen.keys() == {"mlp", "cnn"}


def test_every_value_is_noted_also_those_that_are_not_searched():
    noted = {}
    hp = Suggested(optuna.trial.FixedTrial({"a": 2}), note=noted.update)
    hp.Int("a", 1, 3)
    hp.Fixed("b", "x")
    assert noted == {"a": 2, "b": "x"}


@given(declarations, st.floats(0, 1, exclude_max=True))
@settings(max_examples=150, deadline=None)
def test_shares_of_random_values_are_those_of_keras_tuner(declaration, share):
    theirs, ours = keras_tuner.HyperParameters(), HyperParameters()
    declared(theirs, declaration)
    declared(ours, declaration)
    assert ours.space[0].prob_to_value(share) == pytest.approx(theirs.space[0].prob_to_value(share))
    assert ours.space[0].random_sample(7) == pytest.approx(theirs.space[0].random_sample(7))


@pytest.mark.parametrize("values", [{}, {"kind": "cnn"}, {"kind": "cnn", "units": 40}])
def test_a_space_is_written_and_read_as_by_keras_tuner(values):
    theirs, ours = keras_tuner.HyperParameters(), HyperParameters()
    for each in (theirs, ours):
        each.values = {**values}
        built(each)
    assert ours.get_config()["values"] == theirs.get_config()["values"]
    for mine, other in zip(ours.get_config()["space"], theirs.get_config()["space"], strict=True):
        assert mine["class_name"] == other["class_name"]
        described = {**other["config"], "default": mine["config"]["default"]}  # None for some
        assert mine["config"] == described
    again = HyperParameters.from_config(theirs.get_config())
    assert again.get_config() == HyperParameters.from_config(ours.get_config()).get_config()
    assert again.values == theirs.values and built(again) == built(theirs)


@pytest.mark.parametrize("overwrite", [True, False])
def test_spaces_are_merged_as_by_keras_tuner(overwrite):
    merged = []
    for kind in (keras_tuner.HyperParameters, HyperParameters):
        given, other = kind(), kind()
        built(given)
        given.Int("depth", 1, 5)
        other.Int("depth", 2, 9)
        other.values["depth"] = 7
        other.merge(given, overwrite=overwrite)
        merged.append(other.values)
    assert merged[0] == merged[1] and merged[1]["depth"] == (1 if overwrite else 7)


def test_active_values_are_ensured():
    hp = HyperParameters()
    built(hp)
    hp.values = {"kind": "cnn", "rate": 0.2}
    hp.ensure_active_values()
    assert {"units", "head/wide", "head/inner/size"} <= hp.values.keys()
    assert 32 <= hp.values["units"] <= 64
    assert ("rate" in hp.values) == (hp.values["units"] == 32)
