"""The needs of a model's export are known, or refused, before any trial."""

import sys
import textwrap

import keras
import pytest

from studyhall.search.evaluation import round_trip
from studyhall.search.study import inspection
from studyhall.search.study_file import config
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.trial import blueprints

MODEL = """
import keras

class Scale(keras.layers.Layer):
    def __init__(self, factor=2.0, **more):
        super().__init__(**more)
        self.factor = factor

    def call(self, x):
        return x * self.factor
{methods}

def build(trial, input_shape, outputs):
    {before}
    return keras.Sequential([
        keras.Input(input_shape), {layer}, keras.layers.Dense(outputs, activation="softmax")
    ])
"""
FORGETS = """
    def get_config(self):
        return {"name": self.name}
"""
UNWRITABLE = """
    def get_config(self):
        raise AttributeError("not today")
"""
SECRET = (
    UNWRITABLE
    + """
    def save_own_variables(self, store):
        raise ValueError("secret")
"""
)
REGISTERED = """
    @keras.saving.register_keras_serializable("late")
    class Late(Scale):
        pass
"""


@pytest.fixture
def planned(studio, monkeypatch):
    """The plan of a study whose model has such a layer."""
    monkeypatch.setattr(sys, "path", [*sys.path])

    def plan(layer, methods="", before=""):
        indented = textwrap.indent(textwrap.dedent(before).strip(), "    ").strip()
        code = MODEL.format(layer=layer, methods=methods, before=indented)
        (studio.folder / "mine.py").write_text(code)
        own = {"model": {"family": "mine.py:build"}, "space": {"width": None}}
        path = studio.write(**own)
        file = config.load(path)
        return file, inspection.load(file, path), studio.folder

    registered = dict(keras.saving.get_custom_objects())
    yield plan
    keras.saving.get_custom_objects().clear()
    keras.saving.get_custom_objects().update(registered)


@pytest.mark.parametrize(
    ("layer", "more", "expected"),
    [
        ("keras.layers.Dense(4)", {}, "one file, which Keras loads without your code"),
        ("Scale(3.0)", {}, "loaded with your code: model = keras.models.load_model("),
        ("keras.layers.Lambda(lambda x: 2 * x)", {}, "safe_mode=False"),
        (
            "Scale(3.0)",
            {"methods": FORGETS},
            "your code rebuilds the model: its saved model gives",
        ),
        (
            "Scale(3.0)",
            {"methods": UNWRITABLE},
            "your code rebuilds the model: Keras can't write it",
        ),
        (
            "Late(3.0)",
            {"before": REGISTERED},
            "the model: its saved model can't be loaded: Could not",
        ),
    ],
)
def test_what_loading_takes(planned, layer, more, expected):
    assert expected in round_trip.takes(blueprints.of_file(*planned(layer, **more)), {})


def test_what_can_be_exported_in_no_way_is_refused(planned):
    with pytest.raises(ConfigError) as caught:
        round_trip.refuse(*planned("Scale(3.0)", methods=SECRET))
    assert caught.value.problems == [
        "[model] family: received \"mine.py:build\", whose models can't be exported: it can't be "
        "saved: secret, expected a model that can be saved and loaded, or rebuilt and given its "
        "weights"
    ]


def test_a_launch_is_refused_before_anything_is_written(planned, studio):
    """By the process that looks at the user's code, so that the launcher needs no TensorFlow."""
    file, _, folder = planned("Scale(3.0)", methods=SECRET)
    with pytest.raises(ConfigError, match=r"^study.toml: \[model\] family: .* saved: secret"):
        inspection.inspect_apart(file, folder / "study.toml")


def test_a_model_that_is_random_can_be_exported(planned):
    noise = """
    class Noise(keras.layers.Layer):
        def build(self, shape):
            self.seeds = keras.random.SeedGenerator()

        def call(self, x):
            return x + keras.random.normal(keras.ops.shape(x), seed=self.seeds)
    """
    said = round_trip.takes(blueprints.of_file(*planned("Noise()", before=noise)), {})
    assert said.startswith("weights only; your code rebuilds the model")


def test_a_model_that_cant_be_built_is_for_the_trials_to_tell(planned):
    round_trip.refuse(*planned("Scale(3.0)", before="raise KeyError('width')"))
