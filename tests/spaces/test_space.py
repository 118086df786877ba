"""The [space] section: what can be written, what comes out of it, and every mistake."""

import subprocess
import sys
import tomllib

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studyhall.spaces import hyperparameters, space

OWN = "my_model.py:build"


def read(text, family="mlp"):
    return space.read_space(tomllib.loads(text), family=family)


def sampled(a_space, trials=20, seed=0):
    """Values and Optuna parameters of some random trials."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    asked = [study.ask() for _ in range(trials)]
    return [(a_space.suggest(trial), trial.params) for trial in asked]


@pytest.fixture(autouse=True)
def quiet():
    optuna.logging.set_verbosity(optuna.logging.WARNING)


# What can be written


def test_constants_take_no_part_in_the_search():
    values, params = sampled(read('l2 = 0.001\noptimizer = "sgd"\nbatch_norm = true\ndepth = [3]'))[
        0
    ]
    assert values == {"l2": 0.001, "optimizer": "sgd", "batch_norm": True, "depth": 3}
    assert params == {}


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("x = { low = 1, high = 4 }", int),
        ("x = { low = 1.0, high = 4.0 }", float),
        ("x = { low = 1, high = 4.5 }", float),
        ("x = { low = 1, high = 2, step = 0.25 }", float),
        ("x = [1, 2]", int),
        ("x = [1, 2.5]", float),
        ("x = [true, false]", bool),
        ('x = ["a", "b"]', str),
    ],
)
def test_how_numbers_are_written_decides_between_integer_and_float(written, kind):
    assert {type(values["x"]) for values, _ in sampled(read(written, OWN))} == {kind}


def test_ranges_include_both_ends():
    drawn = {values["depth"] for values, _ in sampled(read("depth = { low = 1, high = 3 }"), 60)}
    assert drawn == {1, 2, 3}


def test_steps_stay_on_their_grid():
    drawn = {
        round(values["dropout"], 6)
        for values, _ in sampled(read("dropout = { low = 0.1, high = 0.5, step = 0.2 }"), 60)
    }
    assert drawn == {0.1, 0.3, 0.5}


def test_a_step_that_misses_the_end_stops_before_it_without_a_warning():
    drawn = {v["depth"] for v, _ in sampled(read("depth = { low = 1, high = 6, step = 2 }"), 60)}
    assert drawn == {1, 3, 5}
    drawn = {v["dropout"] for v, _ in sampled(read("dropout = {low=0.0, high=0.5, step=0.2}"), 60)}
    assert max(drawn) == pytest.approx(0.4)


def test_a_log_range_spends_as_many_trials_on_each_decade():
    a_space = read("learning_rate = { low = 1e-6, high = 1e-2, log = true }")
    small = sum(values["learning_rate"] < 1e-4 for values, _ in sampled(a_space, 400))
    assert 150 < small < 250


def test_batch_size_mixes_integers_and_all():
    drawn = {values["batch_size"] for values, _ in sampled(read('batch_size = [32, "all"]'))}
    assert drawn == {32, "all"}


def test_a_range_of_one_value_is_a_constant():
    assert read("depth = { low = 2, high = 2 }").entries[0].constant


# Conditions

CONDITIONAL = """
momentum  = { low = 0.0, high = 0.99, when = { optimizer = ["sgd", "momentum"] } }
beta_1    = { value = 0.95, when = { optimizer = "adam" } }
nest      = { choices = [1, 2], when = { optimizer = "sgd", deep = true } }
optimizer = ["adam", "sgd", "momentum", "rmsprop"]
deep      = [true, false]
"""


def test_conditional_entries_are_absent_where_they_do_not_apply():
    for values, params in sampled(read(CONDITIONAL, OWN), 60):
        assert ("momentum" in values) == (values["optimizer"] in ("sgd", "momentum"))
        assert values.get("beta_1") == (0.95 if values["optimizer"] == "adam" else None)
        assert ("nest" in values) == (values["optimizer"] == "sgd" and values["deep"])
        assert params.keys() == values.keys() - {"beta_1"}


def test_the_order_in_the_file_does_not_matter():
    backwards = "\n".join(reversed(CONDITIONAL.splitlines()))
    names = {entry.name for entry in read(CONDITIONAL, OWN).entries}
    for a_space in (read(CONDITIONAL, OWN), read(backwards, OWN)):
        order = [entry.name for entry in a_space.entries]
        assert set(order) == names
        assert all(order.index(o) < order.index(e.name) for e in a_space.entries for o in e.when)


def test_an_entry_on_one_that_does_not_apply_does_not_apply():
    a_space = read(
        """
        decay_rate   = { low = 0.1, high = 0.9, when = { decay_epochs = [3, 4] } }
        decay_epochs = { low = 3, high = 4, when = { decay = "step" } }
        decay        = ["none", "step"]
        """
    )
    for values, _ in sampled(a_space):
        assert len(values) == (3 if values["decay"] == "step" else 1)


def test_true_is_not_one():
    a_space = read("a = [true, false]\nb = { value = 5, when = { a = true } }", OWN)
    assert all(("b" in values) == values["a"] for values, _ in sampled(a_space))
    with pytest.raises(space.SpaceError, match="a possible value of a: true, false"):
        read("a = [true, false]\nb = { value = 5, when = { a = 1 } }", OWN)


# One value per layer


def test_per_layer_draws_a_width_for_each_of_the_sampled_layers():
    a_space = read(
        """
        width = { low = 16, high = 256, log = true, per_layer = true }
        depth = { low = 1, high = 4 }
        """
    )
    for values, params in sampled(a_space):
        layers = range(1, values["depth"] + 1)
        assert params.keys() == {"depth", *(f"width_{layer}" for layer in layers)}
        assert values["width"] == [params[f"width_{layer}"] for layer in layers]


def test_per_layer_follows_the_depth_of_the_family_where_none_is_written():
    values, _ = sampled(read("dropout = { choices = [0.1, 0.2], per_layer = true }"))[0]
    assert len(values["dropout"]) == hyperparameters.defaults("mlp")["depth"]


def test_fixed_values_per_layer():
    values, params = sampled(read("depth = 2\nwidth = { value = [256, 128], per_layer = true }"))[0]
    assert values == {"depth": 2, "width": [256, 128]}
    assert params == {}


# Back and forth between values and Optuna's parameters

WIDE = """
optimizer     = ["adam", "sgd"]
momentum      = { low = 0.0, high = 0.9, step = 0.3, when = { optimizer = "sgd" } }
learning_rate = { low = 1e-5, high = 1e-1, log = true }
depth         = { low = 1, high = 4 }
width         = { low = 16, high = 256, step = 16, per_layer = true }
batch_norm    = [true, false]
batch_size    = [64, 128, "all"]
l1            = 0.0
"""


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=40)
def test_recorded_trials_give_their_values_and_parameters_back(seed):
    a_space = read(WIDE)
    for values, params in sampled(a_space, 1, seed):
        assert a_space.values(params) == values
        assert a_space.params(values) == pytest.approx(params)


def test_the_textbook_configuration_moves_into_the_space():
    params = read(WIDE).params(hyperparameters.textbook("mlp"))
    assert params == {
        "optimizer": "adam",
        "learning_rate": 1e-3,
        "depth": 2,
        "width_1": 128,
        "width_2": 128,
        "batch_norm": False,
        "batch_size": 64,
    }


def test_a_word_that_the_space_lacks_is_left_to_the_sampler():
    a_space = read(CONDITIONAL.replace('"adam", ', "").replace('"adam"', '"rmsprop"'), OWN)
    assert a_space.params({"optimizer": "adam", "deep": True, "momentum": 0.5}) == {"deep": True}


def test_enqueued_parameters_are_taken_as_they_are():
    a_space = read(WIDE)
    study = optuna.create_study()
    study.enqueue_trial(a_space.params({**hyperparameters.textbook("mlp"), "batch_size": "all"}))
    values = a_space.suggest(study.ask())
    assert (values["width"], values["batch_size"]) == ([128, 128], "all")


def test_unfinished_parameters_have_no_values():
    with pytest.raises(KeyError):
        read(WIDE).values({"optimizer": "adam"})


# Extremes and the table


def test_the_extremes_are_members_of_the_space():
    a_space = read(WIDE + 'activation = ["relu", "maxout", "prelu"]')
    assert a_space.smallest()["width"] == [16]
    assert a_space.smallest()["activation"] == "relu"
    assert a_space.largest()["width"] == [256] * 4
    assert a_space.largest()["activation"] == "maxout"
    assert a_space.largest()["batch_norm"] is True


def test_rows_name_kind_range_and_condition():
    rows = {row[0]: row[1:] for row in read(WIDE).rows()}
    assert rows["learning_rate"] == ("float", "1e-05 … 0.1, log", "")
    assert rows["momentum"] == ("float", "0.0 … 0.9, step 0.3", "optimizer = sgd")
    assert rows["width"] == ("integer per layer", "16 … 256, step 16", "")
    assert rows["batch_size"] == ("choice", "64, 128, all", "")
    assert rows["l1"] == ("constant", "0.0", "")


# Mistakes

MISTAKES = [
    ("learnin_rate = 0.1", "learnin_rate", "unknown", '"learning_rate"'),
    ("zzz = 1", "zzz", "unknown", "one of depth, width"),
    ("l1 = { value = 0.1, when = { l2 = 0.1 } }", "l1", 'when on "l2"', "what [space] has"),
    ("l2 = 0.1\nl1 = { value = 0.1, when = { l2 = 0.2 } }", "l1", "0.2", "value of l2: 0.1"),
    (
        "l2 = { low = 0.0, high = 0.1 }\nl1 = { value = 0.1, when = { l2 = 0.1 } }",
        "l1", "a float range", "choices or integers",
    ),
    (
        "depth = { low = 1, high = 3 }\nl1 = { value = 0.1, when = { depth = 4 } }",
        "l1", "depth = 4", "possible value of depth: 1 … 3",
    ),
    (
        "width = { low = 1, high = 2, per_layer = true }\n"
        "l1 = { value = 0.1, when = { width = 1 } }",
        "l1", 'when on "width"', "not per_layer",
    ),
    (
        "l1 = { value = 0.1, when = { l2 = 0.1 } }\nl2 = { value = 0.1, when = { l1 = 0.1 } }",
        "l1", "a circular when: l1 → l2 → l1", "without when",
    ),
    ("width = { value = [8, 4], per_layer = true }", "width", "2 values", "depth = 2 in [space]"),
    (
        'decay = ["plateau", "none"]\nwarmup_epochs = { low = 0, high = 3 }',
        "warmup_epochs", "plateau", 'when = { decay = ["none"] }',
    ),
]  # fmt: skip


@pytest.mark.parametrize(("written", "name", "received", "expected"), MISTAKES)
def test_a_mistake_names_its_key_what_was_received_and_what_is_expected(
    written, name, received, expected
):
    with pytest.raises(space.SpaceError) as caught:
        read(written)
    found = next(problem for problem in caught.value.problems if problem[0] == name)
    assert received in found[1]
    assert expected in found[2]
    assert f"[space] {name}: received {found[1]}, expected {found[2]}" in str(caught.value)


def test_all_mistakes_are_reported_at_once():
    with pytest.raises(space.SpaceError) as caught:
        read(
            """
            learnin_rate = 1
            dropout      = 2.0
            depth        = { low = 4, high = 1, stp = 1, when = { optimiser = "sgd" } }
            l2           = { low = 0.0, high = 1.0, log = true, when = { decay = "stp" } }
            decay        = "step"
            l1           = { value = 0.0, when = { decay = "stp" } }
            """
        )
    names = [name for name, _, _ in caught.value.problems]
    assert sorted(names) == sorted(["learnin_rate", "dropout", *["depth"] * 3, "l2", "l1"])


def test_a_warm_up_beside_plateau_is_fine_where_they_never_meet():
    read('decay = ["plateau", "step"]\nwarmup_epochs = { value = 3, when = { decay = "step" } }')
    read('decay = ["plateau", "step"]\nwarmup_epochs = 0')


# The user's own family


def test_the_users_own_family_takes_any_name():
    values, _ = sampled(read('units = { low = 8, high = 64 }\nblock = ["res", "plain"]', OWN))[0]
    assert values.keys() == {"units", "block"}


def test_asking_about_a_space_needs_neither_keras_nor_optuna():
    code = (
        "import sys; from studyhall.spaces import hyperparameters, space, user_code\n"
        "assert not {'keras', 'tensorflow', 'optuna'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
