"""Advice on a script's trials speaks of the script, and never of a study file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studyhall.search.diagnosis import more_epochs, rules
from studyhall.search.diagnosis.script_advice import ScriptRemedies, means
from studyhall.search.scripts import call
from studyhall.search.scripts.call import Call
from studyhall.search.scripts.script import Script

VALUES = {"lr": 0.01, "units_0": 16, "units_1": 8, "num_layers": 2, "dropout_rate": 0.2}


def remedies(**changes):
    wanted = Call(**{"name": "s", "run": lambda trial: 0.0, "trials": 3, **changes})
    return ScriptRemedies(call.study_file(wanted, Script("tune.py", "/somewhere"), {}))


@pytest.mark.parametrize(
    ("verdict", "sentences"),
    [
        (rules.OVERFIT, ["raise dropout_rate above 0.2", "lower units_0 below 16"]),
        (rules.UNDERFIT, ["raise units_1 above 8", "raise num_layers above 2"]),
        (rules.DIVERGED, ["lower lr below 0.01", "schedules.ExponentialDecay"]),
        (rules.CUT_SHORT, ["raise lr above 0.01", "train for more than 7 epochs"]),
        (rules.TOO_LONG, ["keras.callbacks.EarlyStopping", "lowest at epoch 5"]),
    ],
)
def test_the_scripts_own_names_are_moved(verdict, sentences):
    said = "; ".join(remedies().against(verdict, VALUES, 5, more_epochs.UNKNOWN, 7))
    assert all(each in said for each in sentences)


def test_the_number_of_epochs_is_the_scripts_where_it_says_one():
    said = remedies(epochs=40).against(rules.CUT_SHORT, {}, 5, more_epochs.UNKNOWN, 7)
    assert said == ["train for more than 40 epochs"]
    (kept,) = remedies().against(rules.GOOD, {}, 5, more_epochs.YES, 7)
    assert "more than 7 epochs" in kept


names = st.dictionaries(
    st.from_regex(r"[a-z_]{1,12}[0-9]?", fullmatch=True) | st.sampled_from([*VALUES, "batch_size"]),
    st.integers(-3, 1000) | st.floats(0, 1) | st.booleans() | st.text(max_size=3),
)


@given(
    st.sampled_from(rules.VERDICTS), names,
    st.sampled_from([more_epochs.YES, more_epochs.NO, more_epochs.UNKNOWN]),
)  # fmt: skip
def test_no_advice_names_what_a_script_does_not_have(verdict, values, more):
    said = "; ".join(remedies().against(verdict, values, 3, more, 9))
    assert "[" not in said and "10000" not in said and "range" not in said
    moved = {word for each in said.split("; ") for word in each.split() if each[:5] in ("raise",)}
    assert not moved or moved & {*values}


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("units", "width"), ("units_12", "width"), ("n_units_l0", "width"), ("l2", "l2"),
        ("hidden_size", "width"), ("l2_reg", "l2"), ("dropout_l1", "dropout"),
        ("conv_1_filter", "width"), ("num_layers", "depth"), ("n_hidden_layers", "depth"),
        ("LearningRate", "learning_rate"), ("lr", "learning_rate"), ("dropout_1", "dropout"),
        ("drop", "dropout"), ("wd", "weight_decay"), ("batch_size", "batch_size"),
    ],
)  # fmt: skip
def test_common_names_are_understood(name, what):
    assert means(name, what)
    assert not any(means("optimizer", each) for each in ("width", "depth", "learning_rate"))
