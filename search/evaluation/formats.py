"""The formats in which a proven model can be exported besides `.keras`; importable without Keras.

Each has a converter, which Keras' `Model.export` calls, and a runtime, which loads the result.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from studyhall.search.study_file.config_error import ConfigError


@dataclass(frozen=True)
class Format:
    """A format of exported models.

    Attributes:
        keras_name: its name in `Model.export`.
        file: what is written into the folder of an export.
        packages: the packages of its converter and its runtime.
        extra: the extra of studyhall that installs them.
        single: whether everything is computed in float32: its runtime knows no float64.
    """

    keras_name: str
    file: str
    packages: tuple[str, ...] = ()
    extra: str = ""
    single: bool = False


FORMATS = {
    # TensorFlow Serving looks for numbered versions in the folder that it is given.
    "savedmodel": Format("tf_saved_model", "savedmodel/1"),
    "onnx": Format("onnx", "model.onnx", ("onnx", "tf2onnx", "onnxruntime"), "onnx"),
    "litert": Format("litert", "model.tflite", ("ai_edge_litert",), "litert", single=True),
}
KERAS = "keras"
OTHERS = (".h5", ".hdf5", ".pb", ".pt", ".pth", ".pkl", ".pickle", ".joblib", ".ckpt", ".tf")
ENDINGS = {".keras": KERAS, ".onnx": "onnx", ".tflite": "litert"}


def chosen(export: Path | None, asked: Iterable[str]) -> list[str]:
    """Return the formats to export, by `--format` or the ending of the exported file.

    Raises:
        ConfigError: one is unknown or can't be had, or there is nowhere to write it to.
    """
    names = list(dict.fromkeys(asked))
    if export is not None and export.suffix.lower() in OTHERS:
        expected = f"a folder, or a file that ends in one of {', '.join(ENDINGS)}"
        raise ConfigError([f"--export: received {export}, expected {expected}"])
    ending = None if export is None else ENDINGS.get(export.suffix.lower())
    if names and export is None:
        raise ConfigError(["--format: received no --export, expected where to write the model"])
    if names and ending is not None:
        raise ConfigError([f"--format: received a file, {export}, expected a folder as --export"])
    problems = [line for name in names or [ending or KERAS] if (line := _problem(name))]
    if problems:
        raise ConfigError([f"--format: {line}" for line in problems])
    return names or [ending or KERAS]


def _problem(name: str) -> str:
    if name == KERAS:
        return ""
    if name not in FORMATS:
        return f"received {name!r}, expected one of {', '.join([KERAS, *FORMATS])}"
    form = FORMATS[name]
    missing = [each for each in form.packages if importlib.util.find_spec(each) is None]
    if not missing:
        return ""
    needed = " and ".join(missing)
    return f"received {name}, which needs {needed}: pip install 'studyhall[{form.extra}]'"
