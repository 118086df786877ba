"""The suggestions that a user's function asks for: storable, or refused in the user's terms."""

import datetime
import decimal
import enum
import json
import pathlib

import keras
import numpy as np
import optuna
import pytest

from studyhall.search.evaluation import round_trip
from studyhall.search.study import inspection
from studyhall.search.study_file import config, config_error
from studyhall.spaces import space, user_code
from studyhall.spaces.failures import UnusableCodeError, UserCodeError
from studyhall.spaces.user_trial import OURS, UserTrial
from studyhall.storage.queries import records


class Kind(enum.Enum):
    WIDE = 1
    DEEP = 2


class Word(enum.StrEnum):
    RELU = "relu"
    ELU = "elu"


def trial(study=None, table=None):
    values = {}
    study = study or optuna.create_study()
    return UserTrial(study.ask(), space.read_space(table or {}, family="my.py:build"), values)


def relu(x):
    return x


SAME = [
    (list(np.array([8, 16])), [8, 16]),
    (np.array([8, 16]), [8, 16]),
    (np.linspace(0.0, 0.5, 3), [0.0, 0.25, 0.5]),
    (np.array(["a", "b"]), ["a", "b"]),
    ([np.bool_(True), np.bool_(False)], [True, False]),
    ([np.float32(0.5), np.float16(0.25)], [0.5, 0.25]),
    ((None, 0.2, "auto", True), [None, 0.2, "auto", True]),
    (range(2, 4), [2, 3]),
    ({"small": 1, "large": 2}, ["small", "large"]),
    ({"small": 1}.keys(), ["small"]),
    ((each for each in "ab"), ["a", "b"]),
    ([np.array(3), 4], [3, 4]),
]


@pytest.mark.parametrize(("given", "expected"), SAME)
def test_what_json_holds_too_is_taken_as_such(given, expected):
    asking = trial()
    value = asking.suggest_categorical("kind", given)
    choices = list(asking.distributions["kind"].choices)
    assert choices == expected and [*map(type, choices)] == [*map(type, expected)]
    assert any(value is each or value == each for each in expected)
    assert json.loads(json.dumps(asking._values)) == {"kind": value}


REFUSED = [
    (
        [keras.layers.ReLU, keras.layers.ELU],
        r'the class ReLU among .*use names as choices, such as \["ReLU"',
    ),
    ([relu, None], r"the function relu among the choices, expected numbers, strings"),
    ([Kind.WIDE, Kind.DEEP], r'<Kind.WIDE: 1>, a Kind among .*such as \["WIDE", "DEEP"\]'),
    ([Word.RELU, Word.ELU], r'<Word.RELU: .relu.>, a Word among .*such as \["RELU", "ELU"\]'),
    ([(32, 64), (64,)], r'\(32, 64\) among .*use names as choices, such as \["small", "large"\]'),
    ([pathlib.Path("a")], r"PosixPath\('a'\), a PosixPath among"),
    ([{"a": 1}], "received {'a': 1} among"),
    ([datetime.date(2026, 1, 1)], r"datetime.date\(2026, 1, 1\), a date among"),
    ([decimal.Decimal("0.1")], "a Decimal among"),
    ([1j], "1j, a complex among"),
    ([b"a"], "b'a', a bytes among"),
    (np.eye(2), "a ndarray among"),
    ([0.1, np.nan], "received the choice nan, expected finite numbers"),
    ([np.inf, 1], "received the choice inf, expected finite numbers"),
    ([1, 2, 1], "received 1 and 1, expected each choice once"),
    ([True, 1], "received true and 1, expected each choice once"),
    (["a\0b"], r"received 'a\\x00b' among"),
    (["\ud800"], "among the choices"),
    ({"a", "b"}, "expected a list of choices: a set has a different order in every process"),
    ([], r"received \[\], expected a list of choices, at least one"),
    ("relu", "received 'relu', expected a list of choices"),
    (None, "received None, expected a list of choices"),
    (5, "received 5, expected a list of choices"),
]


@pytest.mark.parametrize(("given", "message"), REFUSED)
def test_what_no_study_can_hold_is_refused_with_the_cure(given, message):
    asking = trial()
    with pytest.raises(UnusableCodeError, match=message) as caught:
        asking.suggest_categorical("kind", given)
    assert str(caught.value).startswith('suggest_categorical("kind"): received')
    assert asking.distributions == {} and asking._values == {}


def test_bounds_of_numpy_are_numbers():
    asking = trial()
    assert type(asking.suggest_int("u", np.int64(4), np.float32(16), step=np.int8(2))) is int
    assert (
        type(asking.suggest_float("r", np.float32(0.25), np.int32(1), log=np.bool_(True))) is float
    )
    assert type(asking.suggest_float("one", 1, 1)) is float
    assert asking.distributions["u"] == optuna.distributions.IntDistribution(4, 16, step=2)
    json.dumps(asking._values)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda t: t.suggest_int("u", 1.5, 3), r'suggest_int\("u"\): received low = 1.5, .*whole'),
        (lambda t: t.suggest_int("u", True, 3), "received low = True, expected a whole number"),
        (lambda t: t.suggest_int("u", 1, "9"), "received high = '9', expected a whole number"),
        (lambda t: t.suggest_int("u", 1, 9, step=None), "received step = None, expected a whole"),
        (lambda t: t.suggest_float("r", 0, np.nan), "high = nan, expected a finite"),
        (lambda t: t.suggest_float("r", 0, float("inf")), "high = inf, expected a finite number"),
        (lambda t: t.suggest_float("r", [0], 1), r"low = \[0\], expected a finite number"),
        (lambda t: t.suggest_float("r", 0, 1, log="yes"), "log = 'yes', expected True or False"),
        (lambda t: t.suggest_int(5, 1, 2), "suggest_int: received 5 for its name, expected a name"),
        (lambda t: t.suggest_float("", 1, 2), "received '' for its name"),
    ],
)
def test_bounds_that_are_none_are_refused(ask, message):
    with pytest.raises(UnusableCodeError, match=message):
        ask(trial())


def test_a_name_is_one_hyperparameter():
    asking = trial(table={"mine": [1, 2]})
    assert asking.suggest_int("u", 4, 16) == asking.suggest_int("u", 4, 16)
    for again in (
        lambda: asking.suggest_int("u", 4, 32),
        lambda: asking.suggest_float("u", 4, 16),
        lambda: asking.suggest_categorical("u", [4, 16]),
    ):
        with pytest.raises(UnusableCodeError, match=r"expected whole numbers 4 … 16, as earlier"):
            again()
    asking.suggest_int("mine", 4, 16)
    asking.suggest_int("mine", 4, 32)  # the study file decides, whatever the code asks for


def test_other_choices_in_another_trial_are_that_trials_failure():
    study = optuna.create_study()
    first = trial(study)
    first.suggest_categorical("units", [64, 128])
    first.suggest_int("depth", 1, 3)
    second = trial(study)
    with pytest.raises(UserCodeError, match="the choices 64, 128, as in trial 0") as caught:
        second.suggest_categorical("units", [8, 16])
    assert not isinstance(caught.value, UnusableCodeError)
    for ask in (
        lambda: second.suggest_categorical("units", [64.0, 128.0]),
        lambda: second.suggest_int("units", 64, 128),
        lambda: second.suggest_int("depth", 1, 3, log=True),
    ):
        with pytest.raises(UserCodeError, match="as in trial 0"):
            ask()
    assert second.suggest_int("depth", 2, 5) in range(2, 6)  # samplers know ranges that move
    assert second.suggest_categorical("units", [64, 128]) in (64, 128)


@pytest.mark.parametrize(
    ("fixed", "message"),
    [
        ({"units": 99}, "received 99, expected what the code asks for: whole numbers 4 … 16"),
        ({"units": 8.5}, r"received 8.5, expected"),
        ({"kind": "c"}, r'received "c", expected what the code asks for: the choices "a", "b"'),
    ],
)
def test_a_fixed_trial_has_what_the_code_asks_for(fixed, message):
    study = optuna.create_study()
    study.enqueue_trial(fixed)
    asking = trial(study)
    with pytest.raises(UserCodeError, match=rf"^\[\[trials\]\] .*{message}"):
        asking.suggest_categorical("kind", ["a", "b"])
        asking.suggest_int("units", 4, 16)


def test_attributes_become_what_json_holds():
    asking = trial()
    asking.set_user_attr("note", {"mean": np.float32(0.5), "rows": np.arange(3), "of": ("a", None)})
    assert asking.user_attrs == {"note": {"mean": 0.5, "rows": [0, 1, 2], "of": ["a", None]}}
    with pytest.raises(UnusableCodeError, match=r'set_user_attr\("net"\): received the class ReLU'):
        asking.set_user_attr("net", keras.layers.ReLU)
    with pytest.raises(UnusableCodeError, match="a key reserved by studyhall"):
        asking.set_user_attr("values", 3)


ASKING = """
import keras
import numpy as np

def build(trial, input_shape, outputs):
    units = trial.suggest_categorical("units", list(np.array([4, 8])))
    trial.suggest_categorical("mixed", [None, "auto", 0.5, np.bool_(True)])
    trial.set_user_attr("mean", np.float32(0.5))
    {more}
    return keras.Sequential([
        keras.Input(input_shape), keras.layers.Dense(units),
        keras.layers.Dense(outputs, activation="softmax")])
"""


def test_a_study_with_what_numpy_and_none_bring(studio):
    code = ASKING.replace("{more}", "")
    study = studio.study(code, study={"trials": 14}, search={"startup_trials": 3}, space={
        "width": None, "learning_rate": None})  # fmt: skip
    studio.finish(study)
    trials = records.trials(studio.db, study)
    assert {each.state for each in trials} <= {"COMPLETE", "PRUNED"}
    for each in trials:
        assert each.attributes["values"]["units"] in (4, 8) and each.attributes["mean"] == 0.5
        assert {*each.attributes} - {"mean"} <= {*OURS}


def test_dynamic_choices_cost_their_trials_and_nothing_else(studio):
    """Also beyond the first trials, where a sampler looks at all that came before."""
    more = 'trial.suggest_categorical("last", [trial.suggest_int("n", 1, 2), 9])'
    study = studio.study(ASKING.replace("{more}", more), study={"trials": 14}, space={
        "width": None, "learning_rate": None}, search={"startup_trials": 3})  # fmt: skip
    studio.finish(study)
    trials = records.trials(studio.db, study)
    failed = [each for each in trials if each.state == "FAIL"]
    assert 0 < len(failed) < 14
    for each in failed:
        assert each.attributes["reason"].startswith('mine.py, line 9: suggest_categorical("last")')


def written(folder, study_file, more):
    (folder / "mine.py").write_text(ASKING.replace("{more}", more))
    path = folder / "study.toml"
    path.write_text(study_file(model={"family": "mine.py:build"}))
    return config.load(path), path


def test_a_first_model_is_built_before_anything_is_written(tmp_path, study_file):
    file, path = written(tmp_path, study_file, 'trial.suggest_categorical("how", [keras, 1])')
    with pytest.raises(UserCodeError, match=r"^study.toml: \[model\] family: .*mine.py, line 9: "):
        inspection.inspect(file, path, tried=round_trip.refuse)


@pytest.mark.parametrize("more", ["", "1 / 0", "import time; time.sleep(60)"])
def test_what_its_values_may_have_led_to_is_left_to_the_trials(
    tmp_path, study_file, more, monkeypatch
):
    monkeypatch.setattr("studyhall.search.evaluation.round_trip.LONGEST_S", 0.5)
    file, path = written(tmp_path, study_file, more)
    assert inspection.inspect(file, path, tried=round_trip.refuse).code.keys() == {"mine.py"}


@pytest.mark.parametrize(
    "entry",
    ["2026-01-01", "[2026-01-01, 2026-01-02]", "[[1, 2], [3]]", "{ choices = [12:00:00] }",
     "{ low = 2026-01-01, high = 2026-02-01 }", "[nan, 1.0]", "{ value = inf }"],
)  # fmt: skip
def test_a_study_file_is_held_to_the_same(tmp_path, study_file, entry):
    path = tmp_path / "study.toml"
    text = study_file(model={"family": "mine.py:build"})
    path.write_text(text.replace("[space]", f"[space]\nown = {entry}"))
    with pytest.raises(config_error.ConfigError, match=r"study.toml: \[space\] own: received"):
        config.load(path)


@pytest.mark.parametrize("value", ["2026-01-01", "[1, 2]", "nan", "{ a = 1 }"])
def test_fixed_trials_are_held_to_the_same(tmp_path, study_file, value):
    path = tmp_path / "study.toml"
    path.write_text(
        study_file(model={"family": "mine.py:build"}) + f"\n[[trials]]\nown = {value}\n"
    )
    with pytest.raises(
        config_error.ConfigError, match=r"own: received .*expected a number, a string"
    ):
        config.load(path)


def test_the_line_of_the_call_is_named(tmp_path):
    (tmp_path / "m.py").write_text(ASKING.replace("{more}", "trial.suggest_int('n', 1.5, 2)"))
    build = user_code.load("m.py:build", tmp_path)
    with pytest.raises(UnusableCodeError, match=r"^m.py, line 9: suggest_int"):
        user_code.call(build, trial(), (3,), 2)
