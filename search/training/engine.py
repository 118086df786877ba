"""Trainings: a compiled Keras model and settings in, one `Epoch` after another out.

Most models train as whole compiled epochs (`whole`, `compiled`): in a function that later trials
use again where the model can be copied (`sharing`, `twin`), else in one of their own (`unshared`).
The others train by Keras' own fit (`plain`). Either way a training can be saved between epochs and
goes on elsewhere as if nothing had happened.
"""

from __future__ import annotations

import hashlib
import logging
import math
import random
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from studyhall.search.training import checkpoint, memory, progress
from studyhall.search.training.checkpoint import CheckpointError
from studyhall.search.training.compiled.cache import OF_THIS_PROCESS, CompiledModels
from studyhall.search.training.compiled.likeness import CopyDiffersError
from studyhall.search.training.compiled.path import WholeEpochs
from studyhall.search.training.compiled.signature import NotCompilableError
from studyhall.search.training.epoch import Epoch
from studyhall.search.training.feeding import Samples, TrainingData
from studyhall.search.training.keras_fit import PlainEpochs
from studyhall.search.training.settings import Settings
from studyhall.spaces import randomness

__all__ = ["CheckpointError", "Engine", "Epoch", "Settings", "Training", "seed_everything"]

CALL_S = 0.05  # as many epochs per call as fit into this, so that reports stay lively
MOST_EPOCHS = 64  # per call
PREDICTED = 1024  # samples at once
LATENCY_BATCH, LATENCY_TIMES = 32, 20

_log = logging.getLogger("studyhall")


class TrainingPath(Protocol):
    """One way to train: compiled epochs, or Keras' own fit."""

    seconds: dict[str, float]

    def run(self, first: int, count: int) -> list[Epoch]:
        """Train epochs first … first + count - 1, or until a rule stops the training."""

    def progress(self) -> np.ndarray:
        """`progress.RulesState` after the last epoch."""

    def state(self) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Everything else that the next epoch depends on, and the best weights."""

    def restore(self, facts: dict[str, Any], state: list[np.ndarray], done: np.ndarray) -> None:
        """Take a state over."""

    def best_weights(self) -> list[np.ndarray]:
        """Weights of the best epoch, in the order of the model's."""

    def layout(self) -> list[tuple[Any, ...]]:
        """Shape and type of each array of the state."""


class Engine:
    """Trains models on one training and validation set; keeps what later trials can use again.

    One per worker process and fold.

    Args:
        train: (x, y), prepared: x an array (N, …) or a scipy CSR matrix (N, features).
        validation: Likewise.
        resident_bytes: Data up to this size is held as tensors; what is larger streams from the
            arrays. Default: what this machine has to spare.
        models: Where compiled models are looked for and kept. Default: with all of this process.
    """

    def __init__(
        self,
        train: tuple[Any, Any],
        validation: tuple[Any, Any],
        *,
        resident_bytes: int | None = None,
        models: CompiledModels = OF_THIS_PROCESS,
    ) -> None:
        samples = Samples(*train), Samples(*validation)
        limit = memory.spare_bytes() if resident_bytes is None else resident_bytes
        stream = sum(part.bytes() for part in samples) > limit
        self._data, self._models = TrainingData(*samples, stream=stream), models
        self._said: set[str] = set()
        memory.settle()

    def training(self, model: keras.Model, settings: Settings) -> Training:
        """A training that has not begun; the first epoch starts when it is asked for.

        Args:
            model: Compiled, as its builder returned it. It holds the best weights in the end.
            settings: How to train it.
        """
        try:
            return Training(model, settings, self._compiled(model, settings))
        except NotCompilableError as reason:
            self._say(f"training by Keras' own fit: {reason}")
            training = Training(model, settings, PlainEpochs(self._data, model, settings))
            training.copy_differs = str(reason) if isinstance(reason, CopyDiffersError) else None
            return training

    def validated(self, model: keras.Model) -> np.ndarray:
        """What a model says of the validation samples: (N, outputs), float32."""
        samples = self._data.validation
        starts = range(0, samples.number, PREDICTED)
        rows = [model(samples.dense(slice(at, at + PREDICTED)), training=False) for at in starts]
        return np.concatenate([np.asarray(row, np.float32) for row in rows])

    def latency_ms(self, model: keras.Model) -> float:
        """Milliseconds that a prediction takes per sample, in batches: the median of several."""
        batch = self._data.validation.dense(slice(0, LATENCY_BATCH))
        predict = tf.function(lambda x: model(x, training=False), autograph=False)
        x = tf.constant(batch)
        predict(x)  # traces
        took = []
        for _ in range(LATENCY_TIMES):
            began = time.perf_counter()
            np.asarray(predict(x))
            took.append(time.perf_counter() - began)
        return float(np.median(took)) * 1000 / len(batch)

    def _compiled(self, model: keras.Model, settings: Settings) -> WholeEpochs:
        if settings.engine == "keras":
            raise NotCompilableError('engine = "keras" asks for it')
        path = WholeEpochs(self._models, self._data, model, settings)
        if (hindrance := path.hindrance) is not None:
            self._say(f"compiled anew for each trial: {hindrance}")
        return path

    def _say(self, message: str) -> None:
        if message not in self._said:
            self._said.add(message)
            _log.info(message)


class Training:
    """One model's training, epoch by epoch.

    Attributes:
        history: All epochs so far, up to the one that was yielded last.
        stopped: None while it may go on; "epochs", "patience" or "diverged" after its last epoch.
        copy_differs: How its compiled copy differed, where it is therefore trained by Keras' fit.
    """

    def __init__(self, model: keras.Model, settings: Settings, path: TrainingPath) -> None:
        self.model, self.settings = model, settings
        self.history: list[Epoch] = []
        self.stopped: str | None = None
        self.copy_differs: str | None = None
        self._path = path
        self._trained: list[Epoch] = []
        self._saving_s = 0.0

    @property
    def best(self) -> Epoch | None:
        """The epoch of the lowest value so far; None before any that is a number."""
        finite = [epoch for epoch in self.history if not math.isnan(epoch.value)]
        return min(finite, key=lambda epoch: epoch.value, default=None)

    @property
    def seconds(self) -> dict[str, float]:
        """Wall time by what it was spent on: build, trace, train, validate, checkpoint."""
        return {**self._path.seconds, "checkpoint": self._saving_s}

    @property
    def ahead(self) -> int:
        """How many epochs are trained that have not been yielded yet."""
        return len(self._trained) - len(self.history)

    def epochs(self, after: int = 0) -> Iterator[Epoch]:
        """Train, and yield each epoch once, in order.

        Args:
            after: Epochs up to this one are known already: they are not yielded, though those
                that came after the checkpoint are trained again. What a restored training had
                finished beyond it comes first.
        """
        self.history = []
        while self._advance():
            epoch = self._trained[len(self.history)]
            self.history.append(epoch)
            self._note_end(epoch)
            if epoch.number > after:
                yield epoch

    def save(self) -> bytes:
        """Everything that is needed to go on from here, in any process."""
        began = time.perf_counter()
        facts, state = self._path.state()
        header = {
            "facts": facts,
            "training": self._name(),
            "progress": self._path.progress().tolist(),
            "history": [asdict(epoch) for epoch in self._trained],
        }
        blob = checkpoint.pack(header, state)
        self._saving_s += time.perf_counter() - began
        return blob

    def restore(self, blob: bytes) -> None:
        """Go on from where another training of the same model and settings was saved.

        Raises:
            CheckpointError: Corrupt, or of another model; nothing has changed then.
        """
        began = time.perf_counter()
        header, state = checkpoint.unpack(blob)
        if header["training"] != self._name():
            raise CheckpointError("the checkpoint is of another model")
        self._path.restore(header["facts"], state, np.array(header["progress"]))
        self._trained = [Epoch(**epoch) for epoch in header["history"]]
        self._saving_s += time.perf_counter() - began

    def best_model(self) -> keras.Model:
        """The caller's own model with the weights of the best epoch; ends the training."""
        for weight, best in zip(self.model.weights, self._path.best_weights(), strict=True):
            weight.assign(best)
        if self.model.optimizer is not None:  # or Keras would warn when it loads the saved model
            self.model.optimizer.build(self.model.trainable_variables)
        return self.model

    def _advance(self) -> bool:
        """Whether there is a further epoch to yield; trains when none is left over."""
        if len(self._trained) > len(self.history):
            return True
        done, state = len(self._trained), progress.RulesState(*self._path.progress())
        if done >= self.settings.epochs or state.stopped != progress.RUNNING:
            return False
        self._trained += self._path.run(done + 1, self._at_once(self.settings.epochs - done))
        return True

    def _name(self) -> str:
        """Equal for trainings that can take over each other's state."""
        settings = (self.settings.seed, self.settings.batch_size)
        parts = repr((type(self._path).__name__, settings, self._path.layout()))
        return hashlib.sha256(parts.encode()).hexdigest()

    def _at_once(self, left: int) -> int:
        """Epochs for the next call: one, until it is known how long one takes."""
        if not self._trained:
            return 1
        fitting = CALL_S / max(self._trained[-1].seconds, 1e-6)
        return max(1, min(int(fitting), left, MOST_EPOCHS))

    def _note_end(self, epoch: Epoch) -> None:
        if epoch.number < len(self._trained):
            return
        state = progress.RulesState(*self._path.progress())
        last = "epochs" if epoch.number >= self.settings.epochs else None
        self.stopped = progress.STOPPED.get(float(state.stopped), last)


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and Keras, before a model is built; its automatic names begin anew.

    `keras.utils.set_random_seed` would also clear the compiled functions' kernels.
    """
    random.seed(seed)
    np.random.seed(seed % 2**32)
    randomness.put_back(None)
    memory.number_names_anew()
