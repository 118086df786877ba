"""The user's own build(): found, called with a trial, and checked in what it returns."""

import sys

import keras
import numpy as np
import optuna
import pytest

from studyhall.spaces import space, user_code, user_model
from studyhall.spaces.failures import UserCodeError

TAKES = ("trial", "input_shape", "outputs")
DENSE = """
import keras

def build(trial, input_shape, outputs):
    units = trial.suggest_int("units", 4, 8)
    return keras.Sequential([
        keras.Input(input_shape), keras.layers.Dense(units), keras.layers.Dense(outputs)
    ])
"""


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    """Nothing of one test's user is left for the next."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    for name in [*user_code._LOADED]:
        sys.modules.pop(name, None)
        del user_code._LOADED[name]


@pytest.fixture
def write(tmp_path):
    def write(text, file="my_model.py"):
        (tmp_path / file).write_text(text)
        return tmp_path

    return write


def load(folder, reference="my_model.py:build", takes=TAKES):
    return user_code.load(reference, folder, takes)


def build(folder, table=None, outputs=2, input_shape=(3,), trial=None):
    """The model that the user's function makes, the values, and Optuna's parameters."""
    a_space = space.read_space(table or {}, family="my_model.py:build")
    trial = trial or optuna.create_study().ask()
    values = a_space.suggest(trial)
    function = load(folder)
    model = user_model.build(function, trial, a_space, values, input_shape, outputs)
    return model, values, trial.params


# Finding the function


def test_the_function_is_found_by_path(write):
    assert load(write(DENSE)).__name__ == "build"


def test_the_users_files_may_import_each_other(write):
    write("WIDTH = 7", "my_widths.py")
    folder = write(
        "import my_widths\ndef build(trial, input_shape, outputs): return my_widths.WIDTH"
    )
    assert load(folder)(None, None, None) == 7
    sys.modules.pop("my_widths")


def test_a_file_named_like_a_library_does_not_replace_it(write):
    folder = write("def build(trial, input_shape, outputs): return 1", "keras.py")
    assert load(folder, "keras.py:build")(None, None, None) == 1
    assert sys.modules["keras"] is keras
    assert load(write("def build(t, i, o): return 2", "random.py"), "random.py:build")(0, 0, 0) == 2
    assert hasattr(sys.modules["random"], "gauss")


def test_a_file_is_run_once(write):
    folder = write("import keras\nruns = []\ndef build(t, i, o): pass\ndef load(): pass")
    one, other = load(folder), load(folder, "my_model.py:load", ())
    assert one.__globals__ is other.__globals__


def test_two_folders_may_have_files_of_one_name(tmp_path):
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "my_model.py").write_text(f"def build(t, i, o): return {number}")
    functions = [load(tmp_path / str(number)) for number in (1, 2)]
    assert [function(0, 0, 0) for function in functions] == [1, 2]


FOUND_INSTEAD = [
    ("my_model.py", r'received "my_model.py", expected file.py:function'),
    ("my_model:build", r'received "my_model:build", expected file.py:function'),
    ("my_mdel.py:build", r'no file .*my_mdel.py; did you mean "my_model.py"\?'),
    ("models/my_model.py:build", r"there is no folder .*models either"),
    ("my_model.py:biuld", r'no function "biuld"; it has build, two; did you mean "build"\?'),
    ("my_model.py:Net", "my_model.py:Net is a class, expected a function"),
    ("my_model.py:UNITS", "my_model.py:UNITS is a value of type int, expected a function"),
    ("my_model.py:two", r"takes \(trial, shape\), expected \(trial, input_shape, outputs\)"),
]


@pytest.mark.parametrize(("reference", "message"), FOUND_INSTEAD)
def test_the_message_says_what_was_found_instead(write, reference, message):
    folder = write(DENSE + "class Net: pass\nUNITS = 3\ndef two(trial, shape): pass")
    with pytest.raises(UserCodeError, match=message) as caught:
        load(folder, reference)
    assert caught.value.own_traceback == ""


def test_a_file_without_functions(write):
    with pytest.raises(UserCodeError, match="it has no functions at all"):
        load(write("import keras"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\ndef build(:\n", r"^my_model.py, line 2: SyntaxError: invalid syntax$"),
        (
            "\n\nimport surely_not_there\ndef build(t, i, o): pass",
            r"^my_model.py, line 3: ModuleNotFoundError: .*surely",
        ),
        (
            "x = 1\nx.y\ndef build(t, i, o): pass",
            r"^my_model.py, line 2: AttributeError: 'int' object has no",
        ),
    ],
)
def test_a_file_that_does_not_run_shows_its_own_traceback(write, text, message):
    with pytest.raises(UserCodeError, match=message) as caught:
        load(write(text))
    assert "my_model.py" in caught.value.own_traceback
    assert "spaces" not in caught.value.own_traceback
    assert "importlib" not in caught.value.own_traceback
    assert "my_model" not in sys.modules


# Calling it


def test_a_built_model_is_returned_as_it_is(write):
    model, values, params = build(write(DENSE))
    assert model.count_params() == 3 * params["units"] + params["units"] + 2 * params["units"] + 2
    assert values == params
    assert model.get_config() == keras.Sequential.from_config(model.get_config()).get_config()


@pytest.mark.parametrize("units", [5, [6], {"low": 100, "high": 200}])
def test_the_study_file_has_the_last_word(write, units):
    _, values, params = build(write(DENSE), {"units": units})
    assert values["units"] in (5, 6, *range(100, 201))
    assert params == ({"units": values["units"]} if isinstance(units, dict) else {})


ASKING = """
import keras
SEEN = {}

def build(trial, input_shape, outputs):
    SEEN["rate"] = trial.suggest_float("rate", 1e-4, 1e-2, log=True)
    SEEN["kind"] = trial.suggest_categorical("kind", ["a", "b"])
    SEEN["share"] = trial.suggest_float("share", 0.0, 1.0, step=0.5)
    SEEN["number"], SEEN["params"] = trial.number, trial.params
    trial.set_user_attr("note", "mine")
    return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(outputs)])
"""


def test_everything_else_is_optunas_own(write):
    study = optuna.create_study()
    study.ask()
    trial = study.ask()
    folder = write(ASKING)
    _, values, params = build(folder, {"kind": "c", "rate": 1}, trial=trial)
    seen = load(folder).__globals__["SEEN"]
    assert (seen["number"], seen["rate"], seen["kind"]) == (1, 1.0, "c")
    assert seen["params"] == {"kind": "c", "rate": 1, "share": seen["share"]}
    assert params == {"share": seen["share"]}
    assert values == {"kind": "c", "rate": 1, "share": seen["share"]}
    assert trial.user_attrs == {"note": "mine"}


def test_a_condition_that_does_not_hold_still_gives_a_value_of_the_file(write):
    table = {"deep": [False], "units": {"low": 50, "high": 60, "when": {"deep": True}}}
    with pytest.raises(space.SpaceError):
        build(write(DENSE), table)
    table["deep"] = [True, False]
    for _ in range(6):
        _, values, params = build(write(DENSE), table)
        assert 50 <= values["units"] <= 60
        assert params["units"] == values["units"]


@pytest.mark.parametrize(
    ("units", "asked"), [("wide", "a whole number"), (5.5, "a whole number"), (True, "whole")]
)
def test_a_value_of_the_file_that_the_code_cannot_use(write, units, asked):
    with pytest.raises(UserCodeError, match=rf"\[space\] units: received .*{asked}"):
        build(write(DENSE), {"units": units})


def test_a_resumed_trial_gets_its_stored_values(write):
    study = optuna.create_study()
    first = build(write(DENSE), trial=study.ask())[1]
    again = optuna.trial.Trial(study, study.trials[0]._trial_id)
    assert build(write(DENSE), trial=again)[1] == first


def test_names_that_steer_training_are_checked(write):
    asks = 'trial.suggest_categorical("optimizer", ["adamm"])\n    units'
    folder = write(DENSE.replace("units", asks, 1))
    with pytest.raises(UserCodeError, match=r'build asks for optimizer = "adamm", .*one of sgd'):
        build(folder)


def test_a_compiled_model_has_its_own_optimizer(write):
    text = DENSE.replace("return", "model =") + "    model.compile('adam', 'mse')\n"
    asks = 'trial.suggest_float("decay", 0.0, 1.0)\n    units'
    model, values, _ = build(write(text.replace("units", asks, 1) + "    return model"))
    assert model.compiled
    assert isinstance(values["decay"], float)


# When it fails


def test_an_exception_names_file_and_line_and_keeps_its_traceback(write):
    folder = write("def build(trial, input_shape, outputs):\n    return helper(0)\n\n"
                   "def helper(x):\n    return 1 / x\n")  # fmt: skip
    with pytest.raises(UserCodeError, match=r"^my_model.py, line 5: ZeroDivisionError") as caught:
        build(folder)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert "return helper(0)" in caught.value.own_traceback
    assert "return 1 / x" in caught.value.own_traceback
    assert "user_code.py" not in caught.value.own_traceback


def test_an_exception_inside_keras_names_the_users_line(write):
    folder = write(DENSE.replace("Dense(units)", "Dense(units, widht=3)"))
    message = r"^my_model.py, line 7: ValueError: Unrecognized keyword .*widht"
    with pytest.raises(UserCodeError, match=message):
        build(folder)


@pytest.mark.parametrize("error", ["optuna.TrialPruned()", "MemoryError()"])
def test_pruning_and_lack_of_memory_are_no_mistakes_in_code(write, error):
    folder = write(f"import optuna\ndef build(trial, input_shape, outputs):\n    raise {error}")
    with pytest.raises((optuna.TrialPruned, MemoryError)):
        build(folder)


RETURNED = [
    ("None", r"build returned nothing \(is its return missing\?\), expected a keras.Model"),
    ("[1]", "build returned list, expected a keras.Model"),
    ("keras.Sequential", "build returned a class, not an instance, expected a keras.Model"),
    ("keras.layers.Dense(2)", "build returned Dense, expected a keras.Model"),
    ("net(3, 5)", r"gives outputs of shape \(None, 5\), expected \(None, 2\)"),
    ("net(4, 2)", r"doesn't take samples of shape \(3,\): .*expected shape=\(None, 4\)"),
    ("Broken()", r"doesn't take samples .*my_model.py, line \d+: AttributeError: .*no_such"),
    ("two_outputs()", "has several outputs, expected one"),
    (
        "keras.Sequential([keras.Input(batch_shape=(4, 3)), keras.layers.Dense(2)])",
        "takes only batches of 4 samples, expected batches of any size",
    ),
]


@pytest.mark.parametrize(("returned", "message"), RETURNED)
def test_what_is_not_a_fitting_model_is_refused_with_the_reason(write, returned, message):
    folder = write(f"""
import keras
layers = keras.layers

def build(trial, input_shape, outputs):
    return {returned}

def net(takes, gives):
    return keras.Sequential([keras.Input((takes,)), layers.Dense(gives)])

def two_outputs():
    x = keras.Input((3,))
    return keras.Model(x, [layers.Dense(2)(x), layers.Dense(2)(x)])

class Broken(keras.Model):
    def call(self, x):
        return x.no_such
""")
    with pytest.raises(UserCodeError, match=message):
        build(folder)


@pytest.mark.parametrize(
    "returned",
    [
        "keras.Sequential([keras.layers.Dense(outputs)])",
        "Own(outputs)",
        "keras.Model((x := keras.Input(input_shape)), keras.layers.Dense(outputs)(x))",
    ],
)
def test_any_kind_of_keras_model_will_do(write, returned):
    folder = write(f"""
import keras

class Own(keras.Model):
    def __init__(self, outputs):
        super().__init__()
        self.dense = keras.layers.Dense(outputs)

    def call(self, x):
        return self.dense(x)

def build(trial, input_shape, outputs):
    return {returned}
""")
    model, _, _ = build(folder)
    assert model.built
    assert model(np.ones((4, 3), "float32")).shape == (4, 2)


def test_a_compiled_models_own_loss_may_want_other_outputs(write):
    folder = write(DENSE.replace("return", "model =").replace("(outputs)", "(outputs + 1)")
                   + "    model.compile(loss='sparse_categorical_crossentropy')\n"
                   "    return model\n")  # fmt: skip
    model, _, _ = build(folder, outputs=1)
    assert model.output_shape == (None, 2)
