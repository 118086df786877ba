"""Whole epochs of a Keras model as one compiled function: shuffled steps, then validation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context

from search import feeding, progress
from search.feeding import Feed
from search.twin import Twin


class Sums(NamedTuple):
    """What a pass over samples adds up (float32): loss and data loss times samples, samples."""

    loss: Any
    data_loss: Any
    samples: Any


class Epochs:
    """The compiled functions of one twin.

    Args:
        twin: The model that they train.
        data_loss: (y, predictions) -> mean loss of the data alone.
        chunk: Validation samples that are predicted at once.
        features: Columns of a sparse feed.
        densify: Whether sparse samples become dense before they enter the model.
    """

    def __init__(
        self, twin: Twin, data_loss: Any, *, chunk: int, features: int | None, densify: bool
    ) -> None:
        self._model, self._optimizer = twin.model, twin.optimizer
        self._rate, self._data_loss = twin.learning_rate, data_loss
        self._chunk, self._features, self._densify = chunk, features, densify
        weights = [weight.value for weight in self._model.weights]
        self.weights = weights
        self.best = [tf.Variable(tf.zeros_like(w), trainable=False) for w in weights]
        self.progress = tf.Variable(progress.start(), trainable=False)
        self.rules = tf.Variable(np.zeros(len(progress.Rules._fields)), trainable=False)
        self.names: list[str] = []
        self._functions: dict[str, Any] = {}

    def run(
        self, train: Feed, validation: Feed, orders: np.ndarray, rates: np.ndarray, size: int
    ) -> tuple[int, np.ndarray]:
        """Several epochs, fewer if a rule stops the training.

        Args:
            train: Training samples.
            validation: Validation samples.
            orders: (epochs, samples) int32, the shuffled indexes of each epoch.
            rates: (epochs, steps) float32 learning rates; negative where it stays as it is.
            size: Samples per step.

        Returns:
            How many epochs ran, and (epochs, columns) float64: `names`, then three timestamps.
        """
        arguments = (tf.constant(orders), tf.constant(rates), tf.constant(size))
        with executor():
            done, rows = self._function(train, validation)(train, validation, *arguments)
        return int(done), rows.numpy()

    def _function(self, train: Feed, validation: Feed) -> Any:
        """Traced once for any number of samples, epochs and steps, and any batch size."""
        specifications = feeding.specification(train), feeding.specification(validation)
        name = repr(specifications)
        if name not in self._functions:
            tables = tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None, None), tf.float32)
            size = tf.TensorSpec((), tf.int32)
            function = tf.function(self._epochs, autograph=False)
            self._functions[name] = function.get_concrete_function(*specifications, *tables, size)
        return self._functions[name]

    def _epochs(
        self, train: Feed, validation: Feed, orders: Any, rates: Any, batch_size: Any
    ) -> tuple[Any, Any]:
        count = tf.shape(orders)[0]
        rows = tf.TensorArray(tf.float64, size=count, element_shape=(None,))

        def going(epoch: Any, rows: Any) -> Any:
            return (epoch < count) & (self.progress[1] == progress.RUNNING)

        def one(epoch: Any, rows: Any) -> Any:
            row = self._epoch(train, validation, orders[epoch], rates[epoch], batch_size)
            return epoch + 1, rows.write(epoch, row)

        done, rows = tf.while_loop(going, one, [tf.constant(0), rows], parallel_iterations=1)
        return done, rows.stack()

    def _epoch(self, train: Feed, validation: Feed, order: Any, rates: Any, size: Any) -> Any:
        began = tf.timestamp()
        self._reset_metrics()
        rates = tf.where(rates < 0, self._rate, rates)
        with tf.control_dependencies([began]):
            sums = self._train(train, order, rates, size)
        measured = self._measured(sums, "")
        with tf.control_dependencies(list(measured.values())):
            trained = tf.timestamp()
            self._reset_metrics()
        with tf.control_dependencies([trained]):
            sums = self._validate(validation)
        measured |= self._measured(sums, "val_")
        return self._row(measured, [began, trained])

    def _train(self, feed: Feed, order: Any, rates: Any, size: Any) -> Sums:
        samples, steps = tf.size(order), tf.size(rates)

        def step(number: Any, *sums: Any) -> Any:
            chosen = order[number * size : tf.minimum((number + 1) * size, samples)]
            self._rate.assign(rates[number])
            return number + 1, *self._step(*self._take(feed, chosen), Sums(*sums))

        def going(number: Any, *sums: Any) -> Any:
            return (number < steps) & tf.math.is_finite(sums[0])

        _, *sums = tf.while_loop(going, step, [tf.constant(0), *_zeros()], parallel_iterations=1)
        return Sums(*sums)

    def _step(self, x: Any, y: Any, weights: Any, sums: Sums) -> Sums:
        """One optimizer step, as Keras' own train_step does it."""
        model, trainable = self._model, self._model.trainable_variables
        with tf.GradientTape() as tape:
            predicted = model(x, training=True)
            loss = model.compute_loss(x, y, predicted, weights, training=True)
        self._optimizer.apply(tape.gradient(loss, trainable), trainable)
        return self._counted(y, predicted, weights, loss, sums)

    def _validate(self, feed: Feed) -> Sums:
        samples = tf.shape(feed["y"])[0]

        def step(start: Any, *sums: Any) -> Any:
            stop = tf.minimum(start + self._chunk, samples)
            x, y, _ = self._take(feed, tf.range(start, stop))
            predicted = self._model(x, training=False)
            loss = self._model.compute_loss(x, y, predicted, None, training=False)
            return stop, *self._counted(y, predicted, None, loss, Sums(*sums))

        start = [tf.constant(0), *_zeros()]
        _, *sums = tf.while_loop(lambda at, *_: at < samples, step, start, parallel_iterations=1)
        return Sums(*sums)

    def _take(self, feed: Feed, order: Any) -> tuple[Any, Any, Any]:
        x, y, weights = feeding.take(feed, order, self._features)
        return (tf.sparse.to_dense(x) if self._densify else x), y, weights

    def _counted(self, y: Any, predicted: Any, weights: Any, loss: Any, sums: Sums) -> Sums:
        if self._model._compile_metrics is not None:
            self._model._compile_metrics.update_state(y, predicted, weights)
        samples = tf.cast(tf.shape(y)[0], tf.float32)
        data_loss = tf.cast(self._data_loss(y, predicted), tf.float32)
        total = sums.loss + tf.cast(loss, tf.float32) * samples
        return Sums(total, sums.data_loss + data_loss * samples, sums.samples + samples)

    def _measured(self, sums: Sums, prefix: str) -> dict[str, Any]:
        """The metrics of a pass, by name."""
        results = {
            f"{prefix}loss": sums.data_loss / sums.samples,
            f"keras_{prefix}loss": sums.loss / sums.samples,
        }
        for metric in self._metrics():
            value = metric.result()
            named = value if isinstance(value, dict) else {metric.name: value}
            results |= {f"{prefix}{name}": tf.reduce_mean(it) for name, it in named.items()}
        return {name: tf.cast(value, tf.float64) for name, value in results.items()}

    def _row(self, measured: dict[str, Any], times: list[Any]) -> Any:
        """The epoch's row, after the rules had their say and the best weights are kept."""
        finite = tf.math.is_finite(measured["keras_loss"])
        value = tf.where(finite, measured["val_loss"], tf.constant(np.nan, tf.float64))
        used = self._rate.read_value()
        state, best, rate = progress.advance(self.progress, self.rules, value, used)
        self.progress.assign(state)
        self._rate.assign(rate)
        tf.cond(best, self._keep, lambda: tf.constant(False))
        measured = {"value": value, **measured, "learning_rate": tf.cast(used, tf.float64)}
        self.names = list(measured)
        with tf.control_dependencies([state]):
            return tf.stack([*measured.values(), *times, tf.timestamp()])

    def _keep(self) -> Any:
        for best, weight in zip(self.best, self.weights, strict=True):
            best.assign(weight)
        return tf.constant(True)

    def _metrics(self) -> list[Any]:
        return [metric for metric in self._model.metrics if metric is not self._model._loss_tracker]

    def _reset_metrics(self) -> None:
        for metric in self._metrics():
            metric.reset_state()


def _zeros() -> list[Any]:
    return [tf.constant(0.0) for _ in Sums._fields]


@contextmanager
def executor() -> Iterator[None]:
    """Run compiled functions in this thread alone where there is no accelerator.

    Steps of small models are hundreds of tiny operations: handing them to a pool of threads costs
    more than it wins. What is large still runs on all threads inside an operation.
    """
    single = not tf.config.list_logical_devices("GPU")
    scope = context.function_executor_type("SINGLE_THREADED_EXECUTOR") if single else nullcontext()
    with scope:
        yield
