"""The proven model in other formats: the same predictions by their own runtimes, or not kept."""

import importlib.util
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from studyhall.search.evaluation import conversion as conversions
from studyhall.search.evaluation import formats, serving
from studyhall.search.study_file.config_error import ConfigError

OTHERS = [name for name, form in formats.FORMATS.items()
          if all(importlib.util.find_spec(each) for each in form.packages)]  # fmt: skip
CODE = """
    import keras

    @keras.saving.register_keras_serializable()
    class Doubled(keras.layers.Layer):
        def call(self, x):
            return 2 * x

    def build(trial, input_shape, outputs):
        inputs = keras.Input(input_shape)
        hidden = Doubled()(keras.layers.Flatten()(inputs))
        model = keras.Model(inputs, keras.layers.Dense(outputs, "softmax")(hidden))
        model.compile("adam", "sparse_categorical_crossentropy")
        return model
"""


def typed(studio, monkeypatch, command, *words):
    monkeypatch.chdir(studio.folder)
    monkeypatch.setenv("STUDYHALL_STORAGE", f"sqlite:///{studio.folder}/studyhall.db")
    return command(*words)


@pytest.fixture(scope="module")
def proven(shared_studio):
    """A study on digits, normalised in float64, whose best model is proven."""
    from studyhall.search.evaluation import proof

    study = shared_studio.study(
        study={"name": "iris", "trials": 1},
        data={"source": "sklearn:wine", "normalize": "standard"},
        space={"width": 8, "batch_norm": True, "dropout": 0.3},
    )
    shared_studio.finish(study)
    assert proof.finish(shared_studio.db, study)["proven"]
    return shared_studio, study


@pytest.mark.slow
def test_each_format_is_written_and_predicts_the_same(proven, monkeypatch, command, tmp_path):
    """By the command: processes convert, load anew and compare."""
    studio, _ = proven
    asked = [word for name in OTHERS for word in ("--format", name)]
    code, said, problem = typed(
        studio, monkeypatch, command, "best", "iris", "--export", tmp_path / "w", *asked, "--json"
    )
    assert code == 0, problem
    made = json.loads(said)["formats"]
    assert [each["format"] for each in made] == OTHERS and "savedmodel" in OTHERS
    for each in made:
        assert each["samples"] > 20 and each["difference"] < 1e-6
        assert each["path"] == str(tmp_path / "w" / formats.FORMATS[each["format"]].file)
    assert (tmp_path / "w" / "savedmodel" / "1" / "saved_model.pb").is_file()
    names = {path.name for path in (tmp_path / "w").iterdir()}
    assert names == {"best.json", *(formats.FORMATS[n].file.split("/")[0] for n in OTHERS)}


def test_it_is_converted_and_run_by_its_runtime(proven, monkeypatch, tmp_path):
    """As the command does it, but in this process."""
    studio, study = proven

    def here(_, name, *paths):
        serving.answer(name, *map(Path, paths))
        return subprocess.CompletedProcess([], 0, "", "")

    monkeypatch.setattr("studyhall.search.process.wire.answer", here)
    made = conversions.of_study(studio.db, study)
    for _ in range(2):  # the second takes the place of the first
        about = made.convert("savedmodel", tmp_path / "served" / "1")
    assert about["samples"] == 36 and about["difference"] < 1e-6
    assert about["value"] == pytest.approx(
        conversions.winner(studio.db, study)[1]["recorded"], rel=1e-4
    )
    assert [path.name for path in (tmp_path / "served").iterdir()] == ["1"]


def test_a_file_gets_the_model_alone(proven, monkeypatch, command, tmp_path):
    import keras

    studio, _ = proven
    target = tmp_path / "wine.keras"
    code, _, problem = typed(studio, monkeypatch, command, "best", "iris", "--export", target)
    assert code == 0, problem
    assert keras.models.load_model(target).count_params() > 0


@pytest.mark.slow
@pytest.mark.skipif("onnx" not in OTHERS, reason="needs the extra onnx")
def test_an_ending_names_the_format(proven, monkeypatch, command, tmp_path):
    studio, _ = proven
    code, said, problem = typed(
        studio, monkeypatch, command, "best", "iris", "--export", tmp_path / "wine.onnx"
    )
    assert code == 0, problem
    assert f"onnx  {tmp_path}/wine.onnx: 36 validation samples predicted as by the model" in said
    assert [path.name for path in tmp_path.iterdir()] == ["wine.onnx"]


def test_what_predicts_something_else_is_not_kept(proven, monkeypatch, tmp_path):
    studio, study = proven
    made = conversions.of_study(studio.db, study)
    (tmp_path / "savedmodel").mkdir()
    for off, said in ((0.01, r"36 of 36 predictions differ, by up to 0.01"), (np.nan, "differ")):
        wrong = made._expected + np.float32(off)
        made._served = lambda *_, wrong=wrong: wrong
        with pytest.raises(ConfigError, match=f"--format savedmodel: trial 0: .*{said}.*not kept"):
            made.convert("savedmodel", tmp_path / "savedmodel" / "1")
    made._served = lambda name, path, folder: made._expected[:, :1]
    with pytest.raises(ConfigError, match="predictions of shape"):
        made.convert("savedmodel", tmp_path / "savedmodel" / "1")
    trial, proof = conversions.winner(studio.db, study)
    other = {**proof, "recorded": proof["recorded"] + 0.1}
    monkeypatch.setattr(conversions, "winner", lambda *_: (trial, other))
    made = conversions.of_study(studio.db, study)
    made._served = lambda name, path, folder: made._expected
    with pytest.raises(ConfigError, match=r"its value is .* was recorded, of which rounding"):
        made.convert("savedmodel", tmp_path / "savedmodel" / "1")
    assert not any((tmp_path / "savedmodel").iterdir())


def test_what_cannot_be_converted_or_run_is_said(proven, monkeypatch, tmp_path):
    studio, study = proven
    made = conversions.of_study(studio.db, study)

    def fails(*_, **__):
        raise NotImplementedError("no such layer\nat all")

    monkeypatch.setattr(type(made._model), "export", fails)
    with pytest.raises(ConfigError, match=r"can't be converted: .*no such layer"):
        made.convert("savedmodel", tmp_path / "1")
    monkeypatch.setattr(type(made._model), "export", lambda self, path, **_: path.mkdir())
    ended = subprocess.CompletedProcess([], 1, "", "Traceback\nOSError: no SavedModel\n")
    monkeypatch.setattr("studyhall.search.process.wire.answer", lambda *_: ended)
    with pytest.raises(ConfigError, match="its runtime can't run it: OSError: no SavedModel"):
        made.convert("savedmodel", tmp_path / "1")
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
def test_own_classes_and_pictures_are_converted_too(studio, tmp_path):
    from studyhall.search.evaluation import proof

    mine = studio.study(CODE, study={"name": "own", "trials": 1}, space={"width": None})
    pictures = studio.study(
        study={"name": "pictures", "trials": 1},
        data={"source": "sklearn:digits", "samples": 300},
        model={"family": "cnn"},
        space={"width": 4, "flip": True},
    )
    for study in (mine, pictures):
        studio.finish(study)
        assert proof.finish(studio.db, study)["proven"]
        made = conversions.of_study(studio.db, study)
        for name in OTHERS:
            about = made.convert(name, tmp_path / study.name / formats.FORMATS[name].file)
            assert about["difference"] < 1e-5, (study.name, name)


def test_what_is_missing_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(formats.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError) as refused:
        formats.chosen(tmp_path, ["onnx", "litert", "coreml"])
    assert refused.value.problems == [
        "--format: received onnx, which needs onnx and tf2onnx and onnxruntime: "
        "pip install 'studyhall[onnx]'",
        "--format: received litert, which needs ai_edge_litert: pip install 'studyhall[litert]'",
        "--format: received 'coreml', expected one of keras, savedmodel, onnx, litert",
    ]
    with pytest.raises(ConfigError, match="received no --export"):
        formats.chosen(None, ["savedmodel"])
    with pytest.raises(ConfigError, match="expected a folder as --export"):
        formats.chosen(tmp_path / "x.keras", ["savedmodel"])
    assert formats.chosen(None, []) == formats.chosen(tmp_path, []) == ["keras"]
    assert formats.chosen(tmp_path, ["savedmodel", "keras"]) == ["savedmodel", "keras"]


@pytest.mark.parametrize("name", ["w.h5", "w.weights.H5", "w.pb", "w.pkl"])
def test_a_file_of_another_format_is_no_folder(tmp_path, name):
    with pytest.raises(ConfigError, match=r"--export: .* one of \.keras, \.onnx, \.tflite"):
        formats.chosen(tmp_path / name, [])
    assert formats.chosen(tmp_path / "digits-0.2", []) == ["keras"]


def test_serving_reads_blocks(monkeypatch, tmp_path):
    np.save(tmp_path / "x.npy", np.arange(600.0)[:, None])
    sizes = []

    def runtime(path):
        return lambda x: sizes.append(len(x)) or x * 2

    monkeypatch.setitem(serving._RUNTIMES, "savedmodel", runtime)
    serving.answer("savedmodel", tmp_path, tmp_path / "x.npy", tmp_path / "y.npy")
    assert sizes == [256, 256, 88] and np.load(tmp_path / "y.npy")[-1] == 1198.0
    assert conversions.FORMATS is formats.FORMATS
