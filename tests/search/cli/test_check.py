"""The resolution of a study file: data, space, model sizes, cost."""

import re

import numpy as np
import pytest
from PIL import Image

from studyhall.search.cli import check
from studyhall.search.display.terminal import Literal
from studyhall.search.study_file import config
from studyhall.search.study_file.config_error import ConfigError
from studyhall.spaces.failures import UserCodeError


@pytest.fixture
def report(tmp_path, study_file):
    """Checks a study file: the lines that are printed."""

    def made(**changes):
        path = tmp_path / "study.toml"
        path.write_text(study_file(**changes))
        console = Literal(width=200)
        with console.capture() as captured:
            for part in check.report(config.load(path), path):
                console.print(part)
        return captured.get()

    return made


def test_what_was_left_out_or_found_twice_is_noted(report, tmp_path):
    for number in range(24):
        path = tmp_path / "pets" / ("cats", "dogs")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 4), number // 2, np.uint8)).save(path)
    (tmp_path / "pets" / "cats" / "0.heic").write_text("")
    notes = re.findall(r"^ note +(.*?) *$", report(data={"source": "pets"}), re.MULTILINE)
    assert notes[:2] == [
        "left out, as their endings are not read: 1 .heic (such as cats/0.heic)",
        "12 images repeat another one, such as dogs/1.png that of cats/0.png;"
        " 12 of them in another class",
    ]
    assert all("samples also stand among the training" in note for note in notes[2:])


def test_fixed_trials_with_the_sizes_of_their_models(report):
    shown = report(
        study={"trials": 2},
        space={"width": {"low": 4, "high": 64}},
        trials=[{"name": "small", "width": 4}, {"width": 64}],
    )
    assert re.search(r"1 \(small\) +width=4 +[\d,]+ parameters", shown)
    assert re.search(r"2 +width=64 +[\d,]+ parameters", shown)


def test_what_a_builder_asks_for_is_in_the_space_and_in_the_sizes(report, tmp_path):
    (tmp_path / "mine.py").write_text("""
import keras

def build(trial, input_shape, outputs):
    units = trial.suggest_int("units", 8, 64)
    kind = trial.suggest_categorical("kind", ["relu", "tanh"])
    hidden = keras.layers.Dense(units, kind)
    return keras.Sequential([keras.Input(input_shape), hidden, keras.layers.Dense(outputs)])
""")
    shown = report(model={"family": "mine.py:build"}, space={"width": None, "batch_size": [8, 16]})
    assert re.search(r"units +integer +8 … 64", shown) and re.search(r"kind +choice", shown)
    assert re.search(r"batch_size +choice", shown)
    small, large = (4 + 1) * 8 + (8 + 1) * 3, (4 + 1) * 64 + (64 + 1) * 3
    assert re.search(rf"smallest +{small} param[^\n]*\n *largest +{large} param", shown)


def test_data_space_sizes_and_cost(report):
    shown = report(
        space={
            "width": {"low": 4, "high": 64, "log": True},
            "optimizer": ["adam", "sgd"],
            "momentum": {"low": 0.1, "high": 0.9, "when": {"optimizer": "sgd"}},
        },
        training={"epochs": 40},
        study={"trials": 25},
    )
    for part in (
        r"multiclass, 3 classes: setosa, versicolor, virginica",
        r"90 training, 30 validation, 30 test",
        r"width +integer +4 … 64, log",
        r"optimizer +choice +adam, sgd",
        r"momentum +float +0.1 … 0.9 +optimizer = sgd",
        r"smallest +55 parameters",
        r"largest +4,675 parameters",  # 4·64 + 64 + 64·64 + 64 + 64·3 + 3
        r"one epoch +(\d+ to )?\d+ ms, measured here",
        r"at most 25 trials × 40 epochs: (\S+ \w+ to )?\S+ \w+ on one worker",
    ):
        assert re.search(part, shown), (part, shown)


def test_a_model_goes_through_its_file_and_back(report, tmp_path):
    """With columns in units that float32 does not hold, as they come."""
    rng = np.random.default_rng(0)
    x = rng.normal(5, 1, (90, 3)) * [1e-30, 1.0, 1e30]
    np.savez(tmp_path / "units.npz", x=x, y=(x[:, 0] > 5e-30).astype(int))
    shown = report(data={"source": "units.npz"})
    assert (
        len(re.findall(r"(smallest|largest) +one file, which Keras loads without your code", shown))
        == 2
    )


def test_folds_are_counted(report):
    assert "2 trials × 3 epochs × 3 folds" in report(data={"folds": 3})


def test_a_model_that_cannot_be_built_is_told_and_the_others_are_tried(report):
    """Three blocks of pooling are too many for 8×8 pixels."""
    shown = report(
        data={"source": "sklearn:digits", "samples": 200},
        model={"family": "cnn"},
        space={"depth": {"low": 1, "high": 6}, "width": 2},
    )
    assert re.search(r"smallest +[\d,]+ parameters", shown), shown
    assert re.search(r"largest +can't be built; trials with these values will fail: \S+", shown), (
        shown
    )
    assert "one epoch" in shown


def test_when_no_model_can_be_built(report):
    with pytest.raises(ConfigError, match=r"^study.toml: \[space\]: no model can be built: "):
        report(model={"family": "cnn"})


def test_the_users_own_model(report, tmp_path):
    code = """
import keras

def build(trial, input_shape, outputs):
    return keras.Sequential([
        keras.Input(input_shape),
        keras.layers.Dense(trial.suggest_int("units", 2, 9)),
        keras.layers.Dense(outputs, activation="softmax"),
    ])
"""
    (tmp_path / "mine.py").write_text(code)
    own = {"model": {"family": "mine.py:build"}, "space": {"width": None, "unitz": [2, 3]}}
    shown = report(**own, trials=[{"name": "small", "units": 2, "unitx": 3}])
    assert re.search(r"largest +\d+ parameters", shown)
    assert re.search(r"1 \(small\) +units=2 unitx=3 +\d+ parameters", shown)
    assert "[[trials]] 1 unitx: mine.py does not use it; is it spelled right?" in shown
    assert "[space] unitz: mine.py does not use it; is it spelled right?" in shown
    assert "learning_rate: mine.py" not in shown  # studyhall itself reads it


@pytest.mark.parametrize("name", ["dense.units", "hidden act", "units_2", "units"])
def test_a_name_that_the_code_asks_for_is_not_taken_for_misspelt(name):
    code = """
trial.suggest_int("dense.units", 4, 16)
trial.suggest_categorical("hidden act", ["relu", "tanh"])
for i in range(units):
    trial.suggest_int(f"units_{i}", 4, 16)
    print(f"{i}: {width}")
"""
    assert check._speaks_of(code, name)
    assert not check._speaks_of(code, f"{name}z") or name == "units_2"
    assert not check._speaks_of(code, "nits")


@pytest.mark.parametrize(
    ("compiled", "objective", "problem"),
    [
        (
            "'mse'",
            "mean_absolute_error",
            r"study.toml: \[study\] objective: .* expected one of loss$",
        ),
        (
            "'mse'",
            ["validation loss", "r2_score"],
            r'study.toml: \[study\] objective: received "r2_score", expected one of loss$',
        ),
        (
            "'categorical_crossentropy'",
            "validation loss",
            r'study.toml: \[model\] family: received "mine.py:build" \(its loss .* \(None, 2\)',
        ),
        (
            "lambda y, p: fail",
            "validation loss",
            r'study.toml: \[model\] family: received "mine.py:build" \(its loss .* NameError',
        ),
        (
            "'mse', metrics=[lambda y, p: fail]",
            "validation loss",
            r'study.toml: \[model\] family: received "mine.py:build" \(training its .* NameError',
        ),
    ],
)
def test_what_every_trial_would_fail_of(report, tmp_path, compiled, objective, problem):
    (tmp_path / "mine.py").write_text(f"""
import keras
import numpy as np

def load():
    x = np.random.default_rng(0).normal(size=(60, 3))
    return x, x[:, :2]

def build(trial, input_shape, outputs):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", {compiled})
    return model
""")
    with pytest.raises((ConfigError, UserCodeError), match=problem):
        report(
            study={"objective": objective},
            data={"source": "mine.py:load"},
            model={"family": "mine.py:build"},
            space={"width": None, "learning_rate": None},
        )


def test_the_users_own_mistakes(report, tmp_path):
    (tmp_path / "mine.py").write_text("def build(trial, input_shape, outputs):\n    return 3\n")
    with pytest.raises(UserCodeError, match="build returned int, expected a keras"):
        report(model={"family": "mine.py:build"})
