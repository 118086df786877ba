"""Exported models of the user's own classes: proven, and loaded from the export alone."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest

from studyhall.search.data import loading
from studyhall.search.evaluation import best, best_text, exported_files, proof
from studyhall.search.study_file.input_sections import DataSection
from studyhall.spaces import own_classes, user_code

BARE = {"space": {"width": None, "learning_rate": 0.01}, "study": {"trials": 1}}

# What people write: some register their classes, most don't; some have a second file.
PARTS = """
import keras

class Scale(keras.layers.Layer):
    def __init__(self, factor=2.0, **more):
        super().__init__(**more)
        self.factor = factor

    def call(self, x):
        return x * self.factor

@keras.saving.register_keras_serializable("parts")
class Shift(keras.layers.Layer):
    def call(self, x):
        return x + 1.0

def bent(x):
    return keras.ops.tanh(x) * 2.0

def softmax(x):
    raise AssertionError("not what the model names, which is Keras' own")
"""
OWN = """
import keras
from parts import Scale, Shift, bent

class Small(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None):
        return 0.1 * keras.random.normal(shape, dtype=dtype, seed=1)

@keras.saving.register_keras_serializable()
def doubled(x):
    return 2.0 * x

def build(trial, input_shape, outputs):
    units = trial.suggest_int("units", 4, 6)
    inner = keras.Sequential([
        keras.Input(input_shape), Scale(trial.suggest_float("factor", 2.5, 3.0)),
        keras.layers.Dense(units, activation=bent, kernel_initializer=Small()),
    ])
    return keras.Sequential([
        keras.Input(input_shape), inner, Shift(), keras.layers.Lambda(doubled),
        keras.layers.Lambda(lambda x: x / 2.0), keras.layers.Dense(units, activation=doubled),
        keras.layers.Dense(outputs, activation="softmax"),
    ])
"""
# Keras can't write a network that is an argument, nor find a class inside a function.
UNWRITABLE = """
import keras
from parts import Scale

class Net(keras.Model):
    def __init__(self, layers):
        super().__init__()
        self.parts = layers

    def call(self, x):
        for part in self.parts:
            x = part(x)
        return x

    def get_config(self):
        raise AttributeError("not today")

def build(trial, input_shape, outputs):
    class Hidden(keras.layers.Layer):
        def call(self, x):
            return x * 3.0

    units = trial.suggest_int("units", 4, 6)
    return Net([
        Scale(3.0), Hidden(), keras.layers.Dense(units, activation="relu"),
        keras.layers.Dense(outputs, activation="softmax"),
    ])
"""
HIDDEN = UNWRITABLE.replace("Net([", "keras.Sequential([keras.Input(input_shape),")
# Its configuration leaves the factor out, so that the file holds another model.
FORGETFUL = OWN.replace("Scale(trial", "Forgetful(trial").replace(
    "class Small",
    """class Forgetful(Scale):
    def get_config(self):
        return {"name": self.name}

class Small""",
)
USED = """
import json, sys
import numpy as np
{load}
assert "studyhall" not in sys.modules
print(json.dumps(np.asarray(model.predict_on_batch(np.array({x})), float).tolist()))
"""


@pytest.fixture
def exported(studio, monkeypatch):
    """Runs a study of the user's builder, exports its model: the card, and where it lies."""

    monkeypatch.setattr(sys, "path", [*sys.path])  # to which the study's folder is appended

    def forget():
        for name in ("parts", "mine"):
            sys.modules.pop(name, None)
            user_code._LOADED.pop(name, None)
        keras.saving.get_custom_objects().clear()

    def export(code):
        (studio.folder / "parts.py").write_text(PARTS)
        study = studio.study(code, **BARE)
        studio.finish(study)
        card = proof.finish(studio.db, study)
        found = best.read(studio.db, study)
        if card["proven"]:
            exported_files.copy(found, studio.folder / "elsewhere")
        return card, found, studio.folder / "elsewhere"

    registered = dict(keras.saving.get_custom_objects())
    forget()  # what other tests have loaded
    yield export
    forget()
    keras.saving.get_custom_objects().update(registered)


def elsewhere(card, folder, x):
    """Return the model's predictions in a fresh process that has the export alone."""
    code = USED.format(load="\n".join(card["load"]), x=x.tolist())
    command = [sys.executable, "-c", code]
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return np.array(json.loads(answer.stdout.splitlines()[-1]))


def scored(card, folder):
    """The loss in a fresh process, which the training has recorded."""
    iris = loading.load(DataSection(source="sklearn:iris"), seed=0, folder=folder)
    part = iris.validation
    predicted = elsewhere(card, folder, part.x)
    return -np.log(predicted[np.arange(len(part)), part.y]).mean()


@pytest.mark.slow
def test_own_classes_are_loaded_as_the_card_says(exported):
    card, found, folder = exported(OWN)
    assert card["proven"] and card["model"] == "model.keras"
    assert sorted(path.name for path in folder.iterdir()) == [
        *("best.json", "mine.py", "model.keras", "parts.py")
    ]
    assert card["load"] == [
        "import keras",
        "import mine",
        "import parts",
        'model = keras.models.load_model("model.keras", compile=False, custom_objects='
        '{"Scale": parts.Scale, "Small": mine.Small, "bent": parts.bent}, safe_mode=False)'
        f"  # its lambdas are byte code of Python {sys.version_info[0]}.{sys.version_info[1]}",
    ]
    assert any("; ".join(card["load"]) in str(part) for part in best_text.shown(found, full=True))
    assert scored(card, folder) == pytest.approx(card["proof"]["recorded"], rel=1e-5)


@pytest.mark.slow
def test_what_keras_cant_write_is_built_anew_by_its_builder(exported):
    card, found, folder = exported(UNWRITABLE)
    assert card["proven"] and card["model"] == found.model == "model.weights.h5"
    assert card["load"] == ["from load_model import load", "model = load()"]
    assert sorted(path.name for path in folder.iterdir()) == [
        *("best.json", "load_model.py", "mine.py", "model.weights.h5", "parts.py")
    ]
    assert scored(card, folder) == pytest.approx(card["proof"]["recorded"], rel=1e-5)


@pytest.mark.parametrize("code", [HIDDEN, FORGETFUL], ids=["hidden", "forgetful"])
def test_what_keras_cant_read_back_is_built_anew(exported, code):
    card, _, _ = exported(code)
    assert card["proven"] and card["model"] == "model.weights.h5"


def test_a_model_of_plain_layers_needs_keras_alone(exported):
    plain = OWN.replace("import keras\nfrom parts", "import keras\nfrom parts", 1)
    plain = plain[: plain.index("    inner")] + (
        "    return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(units, 'relu'),"
        " keras.layers.Dense(outputs, activation='softmax')])\n"
    )
    card, _, folder = exported(plain)
    assert tuple(card["load"]) == best.PLAIN
    assert sorted(path.name for path in folder.iterdir()) == ["best.json", "model.keras"]


def test_names_of_a_configuration():
    own = {"class_name": "Scale", "module": "mine", "registered_name": "Scale", "config": {}}
    config = {
        "class_name": "Functional",
        "module": "keras.src.models.functional",
        "config": {
            "layers": [own, {**own, "class_name": "Shift", "registered_name": "parts>Shift"}],
            "activation": {"class_name": "function", "module": "builtins", "config": "bent"},
            "function": {"class_name": "__lambda__", "config": {}},
        },
    }
    found = own_classes.named(config)
    assert found == own_classes.NamedObjects(
        frozenset({"Scale", "bent"}), frozenset({"parts>Shift"}), lambdas=True
    )
    assert own_classes.named({**config, "config": {}}).nothing
