"""No keras.json and no variable of this machine changes what is trained."""

import json
import os
import subprocess
import sys

import keras
import pytest

from studyhall.search.process import keras_settings
from studyhall.search.study import inspection
from studyhall.search.study_file import config
from studyhall.spaces import user_code
from studyhall.spaces.failures import UserCodeError

ASK = """
from studyhall import __main__; from studyhall.search.process import quiet
quiet.import_keras()
import json, os, keras
from keras.src.backend import config as inside
most = getattr(keras.config, "max_epochs", lambda: None)  # Keras 3.8 has no such limit yet
print(json.dumps([
    keras.config.backend(), keras.config.floatx(), keras.config.epsilon(),
    keras.config.image_data_format(), most(), inside.keras_home(),
    os.environ["KERAS_HOME"],
]))
"""
HOMES = {
    "other": {"floatx": "float16", "epsilon": 0.1, "image_data_format": "channels_first"},
    "illegal": {"floatx": "float8", "epsilon": 1, "image_data_format": "sideways"},
}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(HOMES["other"]),
        *(
            pytest.param(text, marks=pytest.mark.slow)
            for text in (json.dumps(HOMES["illegal"]), "[]")
        ),
    ],
)
def test_keras_is_as_it_comes(tmp_path, text):
    (tmp_path / "keras.json").write_text(text)
    home = {"KERAS_HOME": str(tmp_path), "KERAS_MAX_EPOCHS": "1"}
    answer = subprocess.run(
        [sys.executable, "-c", ASK], env={**os.environ, **home}, capture_output=True, check=True
    )
    expected = ["tensorflow", "float32", 1e-7, "channels_last", None, str(tmp_path), str(tmp_path)]
    assert json.loads(answer.stdout) == expected
    assert (tmp_path / "keras.json").read_text() == text


def test_what_would_cut_trainings_short_is_dropped():
    environment = {"KERAS_MAX_EPOCHS": "1", "TF_USE_LEGACY_KERAS": "1", "HOME": "/home/ann"}
    keras_settings.settle(environment)
    assert environment == {"HOME": "/home/ann"}


@pytest.mark.parametrize(
    ("variable", "file", "expected"),
    [
        ("jax", '{"backend": "torch"}', ("jax", "$KERAS_BACKEND")),
        (None, '{"backend": "torch"}', ("torch", "keras.json")),
        (None, "{", ("tensorflow", "Keras' default")),
        ("", None, ("tensorflow", "Keras' default")),
    ],
)
def test_the_environment_goes_before_keras_json(tmp_path, monkeypatch, variable, file, expected):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    if variable is not None:
        monkeypatch.setenv("KERAS_BACKEND", variable)
    if file is not None:
        (tmp_path / "keras.json").write_text(file)
    backend, source = keras_settings.backend_here()
    assert (backend, source.removeprefix(f"{tmp_path}/")) == expected


def test_a_process_keeps_the_backend_that_keras_has_begun_with(monkeypatch):
    monkeypatch.setattr(keras_settings, "is_installed", lambda name: True)
    monkeypatch.setattr(os, "environ", {**os.environ})
    with pytest.raises(RuntimeError, match="Keras runs with tensorflow already, not with jax"):
        keras_settings.choose_backend("jax")
    keras_settings.choose_backend("tensorflow")


OWN = """
import keras

def build(trial, input_shape, outputs):
    return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(outputs)])
"""


@pytest.mark.parametrize(
    "settings", [{"image_data_format": "channels_first"}, {"image_dim_ordering": "th"}]
)
def test_a_model_of_ones_own_says_itself_where_its_channels_are(
    tmp_path, study_file, settings, monkeypatch
):
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    (tmp_path / "mine.py").write_text(OWN)
    path = tmp_path / "study.toml"
    path.write_text(study_file(model={"family": "mine.py:build"}))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    message = r"^study.toml: \[model\] family: .*keras.json sets channels_first, .*in mine.py, set"
    with pytest.raises(UserCodeError, match=message):
        inspection.inspect(config.load(path), path)
    says = "keras.config.set_image_data_format('channels_last')\n"
    (tmp_path / "mine.py").write_text(OWN.replace("\n\ndef", f"\n{says}\ndef"))
    assert inspection.inspect(config.load(path), path).code
    (tmp_path / "mine.py").write_text(OWN)
    (tmp_path / "keras.json").write_text('{"floatx": "float16", ')
    assert inspection.inspect(config.load(path), path).code


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        ("keras.config.set_floatx('float16')", "float16, "),
        ("keras.config.set_dtype_policy('mixed_float16')", "mixed_float16"),
    ],
)
def test_the_type_of_numbers_is_the_study_files_to_say(tmp_path, sets, said):
    (tmp_path / "types.py").write_text(f"import keras\n{sets}\n{OWN}")
    before = keras.config.floatx(), keras.config.dtype_policy().name
    with pytest.raises(UserCodeError, match=rf"types.py sets .*{said}.*\[training\] precision"):
        user_code.load("types.py:build", tmp_path)
    assert (keras.config.floatx(), keras.config.dtype_policy().name) == before


def test_running_eagerly_is_for_the_debugger(tmp_path):
    import tensorflow as tf

    (tmp_path / "eager.py").write_text(
        f"import tensorflow as tf\ntf.config.run_functions_eagerly(True)\n{OWN}"
    )
    user_code.load("eager.py:build", tmp_path)
    assert not tf.config.functions_run_eagerly()
