"""The predictions of an exported model by its own runtime, in a process without Keras."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 256  # samples at a time

Predict = Callable[[NDArray[Any]], NDArray[Any]]


def answer(form: str, model: Path, samples: Path, predictions: Path) -> None:
    """Load a model and predict.

    Args:
        form: its format, of `formats.FORMATS`.
        model: its file or folder.
        samples: an `.npy` file of raw samples, (N, …), in the type that the model takes.
        predictions: the `.npy` file to write, (N, outputs).
    """
    x = np.load(samples, allow_pickle=False)
    predict = _RUNTIMES[form](model)
    blocks = [predict(x[start : start + BLOCK]) for start in range(0, len(x), BLOCK)]
    np.save(predictions, np.concatenate(blocks), allow_pickle=False)


def _savedmodel(path: Path) -> Predict:
    import tensorflow as tf

    loaded = tf.saved_model.load(str(path))
    serve = loaded.signatures["serving_default"]  # as TensorFlow Serving calls it
    (name,) = serve.structured_input_signature[1]

    def predict(x: NDArray[Any]) -> NDArray[Any]:
        assert loaded is not None  # it owns the variables: the signature alone does not keep them
        (outputs,) = serve(**{name: tf.constant(x)}).values()
        return np.asarray(outputs)

    return predict


def _onnx(path: Path) -> Predict:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (taken,) = session.get_inputs()
    return lambda x: np.asarray(session.run(None, {taken.name: x})[0])


def _litert(path: Path) -> Predict:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from ai_edge_litert.interpreter import Interpreter
    interpreter = Interpreter(model_path=str(path))
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def predict(x: NDArray[Any]) -> NDArray[Any]:
        interpreter.resize_tensor_input(taken["index"], x.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(taken["index"], x)
        interpreter.invoke()
        return np.array(interpreter.get_tensor(given["index"]))

    return predict


_RUNTIMES: dict[str, Callable[[Path], Predict]] = {
    "savedmodel": _savedmodel,
    "onnx": _onnx,
    "litert": _litert,
}
