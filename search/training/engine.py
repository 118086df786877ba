"""The training engine: holds the data, and chooses how a compiled Keras model is trained on them.

Most models train in whole compiled epochs (`compiled.path`): in a function that later trials reuse
if the model can be copied (`sharing`, `twin`), else in one of their own (`unshared`). The others
train by `model.fit` (`keras_fit`), and so does every model with another backend than TensorFlow.
"""

from __future__ import annotations

import logging
import random
import time
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from studyhall.search.training import backend, feeding, fit_input, memory
from studyhall.search.training.compiled.refusals import CopyDiffersError, NotCompilableError
from studyhall.search.training.feeding import BatchStream, Samples, TrainingData
from studyhall.search.training.keras_fit import PlainEpochs
from studyhall.search.training.settings import Settings
from studyhall.search.training.training import Training, TrainingPath
from studyhall.spaces import randomness

if TYPE_CHECKING:
    from studyhall.search.training.compiled.cache import CompiledModels

PREDICTED = 1024  # samples per prediction
LATENCY_BATCH, LATENCY_TIMES = 32, 20

_log = logging.getLogger("studyhall")


class Engine:
    """The trainer of models on one training and validation set; reuses compiled models.

    Use one per worker process and fold.

    Args:
        train: (x, y) or (x, y, weights), prepared: x an array (N, …), a scipy CSR matrix
            (N, features), rows on disk, or a tree of arrays, as `Samples` takes them; or a
            `BatchStream`.
        validation: Likewise.
        resident_bytes: Data up to this size are held as tensors; larger data are streamed from the
            arrays. Default: a share of this machine's available memory.
        models: Cache of compiled models. Default: that of this process.
    """

    def __init__(
        self,
        train: tuple[Any, ...] | BatchStream,
        validation: tuple[Any, ...] | BatchStream,
        *,
        resident_bytes: int | None = None,
        models: CompiledModels | None = None,
    ) -> None:
        first, second = (Samples(*p) if isinstance(p, tuple) else p for p in (train, validation))
        samples = [part for part in (first, second) if isinstance(part, Samples)]
        limit = memory.spare_bytes() if resident_bytes is None else resident_bytes
        large = sum(part.bytes() for part in samples) > limit
        stream = large or any(part.on_disk for part in samples)
        self._data, self._models = TrainingData(first, second, stream=stream), models
        self._said: set[str] = set()
        # Data are loaded by now: they need not be searched for garbage after each trial.
        memory.settle()

    def training(self, model: keras.Model, settings: Settings) -> Training:
        """Return a training that has not begun; its first epoch runs when it is iterated.

        Args:
            model: Compiled, as its builder returned it. It holds the best weights in the end.
            settings: Settings of the training.
        """
        try:
            return Training(model, settings, self._compiled(model, settings))
        except NotCompilableError as reason:
            self._say(f"training by Keras' own fit: {reason}")
            training = Training(model, settings, PlainEpochs(self._data, model, settings))
            training.copy_differs = str(reason) if isinstance(reason, CopyDiffersError) else None
            return training

    def validated(self, model: keras.Model) -> np.ndarray:
        """Return a model's outputs for the validation samples: (N, outputs), float32."""
        samples = self._data.validation
        starts = range(0, samples.number, PREDICTED)
        rows = [model(samples.dense(slice(at, at + PREDICTED)), training=False) for at in starts]
        arrays = map(keras.ops.convert_to_numpy, rows)
        return np.concatenate([np.asarray(array, np.float32) for array in arrays])

    def latency_ms(self, model: keras.Model) -> float:
        """Return the milliseconds per sample of a prediction in batches: a median of several."""
        validation = fit_input.of(self._data.validation, LATENCY_BATCH, stream=True)
        ((batch, *_),) = validation.first()
        predict = backend.forward(model)
        x = keras.tree.map_structure(keras.ops.convert_to_tensor, batch)
        _outputs(predict(x))  # traces, which must not be timed
        took = []
        for _ in range(LATENCY_TIMES):
            began = time.perf_counter()
            _outputs(predict(x))
            took.append(time.perf_counter() - began)
        return float(np.median(took)) * 1000 / feeding.rows_of(batch)

    def _compiled(self, model: keras.Model, settings: Settings) -> TrainingPath:
        if settings.callbacks is not None:
            raise NotCompilableError("[training] callbacks need it")
        if not all(isinstance(each, Samples) for each in (self._data.train, self._data.validation)):
            raise NotCompilableError("the data are a stream")
        if settings.engine == "keras":
            raise NotCompilableError('requested by engine = "keras"')
        if backend.name() != backend.TENSORFLOW:
            raise NotCompilableError(f"compiled epochs need TensorFlow, not {backend.name()}")
        from studyhall.search.training.compiled import cache
        from studyhall.search.training.compiled.path import WholeEpochs

        path = WholeEpochs(self._models or cache.OF_THIS_PROCESS, self._data, model, settings)
        if (hindrance := path.hindrance) is not None:
            self._say(f"compiled separately for each trial: {hindrance}")
        return path

    def _say(self, message: str) -> None:
        if message not in self._said:
            self._said.add(message)
            _log.info(message)


def _outputs(predicted: Any) -> Any:
    return keras.tree.map_structure(keras.ops.convert_to_numpy, predicted)


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and Keras before a model is built, and restart Keras' automatic names.

    `keras.utils.set_random_seed` would also clear the kernels of compiled functions.
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)
    backend.seed(seed)
    randomness.put_back(None)
    memory.number_names_anew()
