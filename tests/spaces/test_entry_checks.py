"""The mistakes of a single entry of [space], in a hyperparameter or a name of the user's own."""

import tomllib

import pytest

from studyhall.spaces import hyperparameters
from studyhall.spaces.reading import SpaceError, read_entry

MISTAKES = [
    ('optimizer = "adm"', '"adm"', 'did you mean "adam"?'),
    ('optimizer = ["adam", 3]', "3", "one of sgd"),
    ("optimizer = { low = 1, high = 2 }", "a range", "one of sgd"),
    ("dropout = 1.0", "1.0", "a number in [0, 1)"),
    ("dropout = { low = 0.0, high = 1.0 }", "high = 1.0", "[0, 1)"),
    ("dropout = nan", "nan", "a number in [0, 1)"),
    ("dropout = [-0.1, 0.2]", "-0.1", "[0, 1)"),
    ("learning_rate = 0", "0", "a number > 0"),
    ("learning_rate = true", "true", "a number"),
    ("batch_size = 0", "0", 'whole number ≥ 1 or "all"'),
    ('batch_size = ["al"]', '"al"', '"all"'),
    ("depth = { low = 1.0, high = 4.0 }", "low = 1.0", "a whole number"),
    ("depth = { low = 4, high = 1 }", "low = 4, high = 1", "low ≤ high"),
    ("depth = { low = 4 }", "no high", "low and high"),
    ("depth = { high = 4 }", "no low", "low and high"),
    ('depth = { low = "1", high = 4 }', 'low = "1"', "numbers"),
    ("depth = { low = 1, hihg = 4 }", 'the key "hihg"', 'did you mean "high"?'),
    ("depth = { low = 1, high = 3, value = 2 }", "{ low = 1", "a value, a list"),
    ("depth = {}", "{}", "a value, a list"),
    ("depth = { value = 1, log = true }", "log without a range", "low and high"),
    ("depth = { choices = 3 }", "choices = 3", "a list"),
    ("depth = []", "an empty list", "at least one"),
    ("depth = [1, 2, 1]", "1 more than once", "each choice once"),
    ("depth = 2026-01-01", "2026-01-01", "a whole number"),
    ("l2 = { low = 0.0, high = 1.0, log = true }", "low = 0.0 on a log", "low > 0"),
    ("l2 = { low = 0.1, high = 1.0, log = 1 }", "log = 1", "true or false"),
    ("l2 = { low = 0.1, high = 1.0, log = true, step = 0.1 }", "log and step", "one of"),
    ("l2 = { low = 0.1, high = 1.0, step = 0 }", "step = 0", "a number > 0"),
    ("l2 = { low = 0.5, high = 1.0, step = 0.6 }", "step = 0.6", "at most"),
    ("flip = [true, 1]", "1", 'true, false, "horizontal", "vertical" or "both"'),
    ("l1 = { value = 0.1, when = 3 }", "when = 3", "a table such as"),
    ("l1 = { low = 0.1, high = 0.2, per_layer = true }", "per_layer", "one value for all"),
    ('width = { low = 1, high = 2, per_layer = "yes" }', "per_layer", "true or false"),
    ("l1 = { value = 0.1, when = { l2 = [] } }", "when =", "list of values of l2"),
]  # fmt: skip


def mistakes(text, family="mlp"):
    """Return the mistakes of an entry, written as in a study file."""
    ((name, written),) = tomllib.loads(text).items()
    with pytest.raises(SpaceError) as caught:
        read_entry(name, written, hyperparameters.known(family).get(name))
    return [(received, expected) for _, received, expected in caught.value.problems]


@pytest.mark.parametrize(("written", "received", "expected"), MISTAKES)
def test_a_mistake_says_what_was_received_and_what_is_expected(written, received, expected):
    found, *_ = mistakes(written)
    assert received in found[0]
    assert expected in found[1]


def test_the_keys_of_an_entry_may_have_several_mistakes():
    assert len(mistakes("depth = { low = 4, high = 1, stp = 1, when = 3 }")) == 3


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("batch_size = 0", "whole number"),
        ('x = ["a", 1]', "one type"),
        ("x = inf", "a finite number"),
        (
            "x = { low = 1, high = 2, per_layer = true }",
            "a loop over the layers in your own function",
        ),
        ("x = [[1, 2]]", "a number, a string"),
    ],
)
def test_a_name_of_the_users_own_is_checked_without_a_definition(written, expected):
    ((_, said),) = mistakes(written, "my_model.py:build")
    assert expected in said
