"""The operations of an epoch in TensorFlow: optimizer steps, validation, and the stopping rules.

They work for any number of samples and any batch size, so that they are traced only once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from studyhall.search.training import progress, tensors
from studyhall.search.training.compiled import updates
from studyhall.search.training.compiled.twin import Twin
from studyhall.search.training.compiled.unshared import Unshared
from studyhall.search.training.settings import UnknownMetric
from studyhall.search.training.tensors import Feed


class Sums(NamedTuple):
    """The sums of a pass over samples (float32): loss and data loss times samples, and samples."""

    loss: Any
    data_loss: Any
    samples: Any

    @classmethod
    def zero(cls) -> Sums:
        """Return sums of 0."""
        return cls(*(tf.constant(0.0) for _ in cls._fields))


class Steps:
    """The operations that the compiled functions of one twin consist of.

    Args:
        twin: The model that they train.
        data_loss: (y, predictions) -> mean loss of the data alone; None for the model's own.
        features: Columns of sparse samples, else None.
        objective: The metric that is an epoch's value, and its factor, such that lower values are
            better.

    Raises:
        UnknownMetric: There is no such metric.

    Attributes:
        best: Weights of the best epoch.
        progress: `progress.RulesState`, float64.
        rules: `progress.Rules`, float64.
        chunk: Validation samples per prediction, int32.
        names: Names of a row's columns; three timestamps follow.
    """

    def __init__(
        self,
        twin: Twin | Unshared,
        data_loss: Any,
        features: int | None,
        objective: tuple[str, float] = ("val_loss", 1.0),
    ) -> None:
        self._model, self._optimizer = twin.model, twin.optimizer
        self._rate, self._data_loss = twin.learning_rate, data_loss
        self._features, self._densify = features, twin.densify
        self._weights = [weight.value for weight in self._model.weights]
        self.best = [_like(weight) for weight in self._weights]
        self.chunk = tf.Variable(1, trainable=False)
        self.progress = tf.Variable(progress.start(), trainable=False)
        self.rules = tf.Variable(np.zeros(len(progress.Rules._fields)), trainable=False)
        passes = [*self.measured(Sums.zero(), ""), *self.measured(Sums.zero(), "val_")]
        self.names = ["value", *passes, "learning_rate"]
        self._objective, self._sign = objective
        if self._objective not in passes:
            raise UnknownMetric(self._objective, passes)
        self.columns = len(self.names) + len(("began", "halfway", "ended"))

    def epoch(self, train: Feed, validation: Feed, order: Any, rates: Any, size: Any) -> Any:
        """Run a whole epoch.

        Args:
            train: Training samples.
            validation: Validation samples.
            order: (samples,) int32, their shuffled indexes.
            rates: (steps,) float32 learning rates; negative to keep the current rate.
            size: Samples per step.

        Returns:
            Its row, as returned by `row`.
        """
        # The dependencies make TensorFlow read the clock between training and validation.
        began = self._now([])
        with tf.control_dependencies([began]):
            self.reset()
            trained = self.measured(self.train(train, order, rates, size, Sums.zero()), "")
        halfway = self._now(list(trained.values()))
        with tf.control_dependencies([halfway]):
            self.reset()
            validated = self.measured(self.validate(validation, Sums.zero()), "val_")
        return self.row({**trained, **validated}, began, halfway)

    def reset(self) -> None:
        """Reset the metrics before a pass over samples."""
        for metric in self._metrics():
            metric.reset_state()

    def train(self, feed: Feed, order: Any, rates: Any, size: Any, sums: Sums) -> Sums:
        """Run optimizer steps over samples in an order; stop once the loss is not finite.

        Args:
            feed: Training samples, or a block of them.
            order: (samples,) int32 indexes into the feed.
            rates: (steps,) float32 learning rates; negative to keep the current rate.
            size: Samples per step.
            sums: Sums of earlier blocks, to which these are added.
        """
        samples, steps = tf.size(order), tf.size(rates)
        rates = tf.where(rates < 0, self._rate, rates)

        def step(number: Any, *sums: Any) -> Any:
            chosen = order[number * size : tf.minimum((number + 1) * size, samples)]
            return number + 1, *self.step(feed, chosen, tf.gather(rates, number), Sums(*sums))

        def going(number: Any, *sums: Any) -> Any:
            return (number < steps) & tf.math.is_finite(sums[0])

        start = [tf.constant(0), *sums]
        return Sums(*tf.while_loop(going, step, start, parallel_iterations=1)[1:])

    def step(self, feed: Feed, chosen: Any, rate: Any, sums: Sums) -> Sums:
        """Run one optimizer step, as Keras' `train_step` does."""
        model, trainable = self._model, self._model.trainable_variables
        x, y, weights = self._take(feed, chosen)
        by_class = "weights" in feed
        self._rate.assign(rate)
        with tf.GradientTape() as tape:
            predicted = self._predicted(x, training=True)
            own_loss = model._compile_loss(y, predicted, weights)
            loss = tf.add_n([own_loss, *map(_penalty, model.losses)])
            scaled = self._optimizer.scale_loss(loss)
        updates.apply(self._optimizer, tape.gradient(scaled, trainable), trainable)
        # With class weights the model's own loss is weighted; the data loss is measured without.
        measured = (None, None) if by_class else (weights, own_loss)
        data_loss = self._data(y, predicted, *measured)
        return self._counted(y, predicted, weights, loss, data_loss, sums)

    def validate(self, feed: Feed, sums: Sums) -> Sums:
        """Add up losses and metrics over all samples of a feed."""
        samples = tensors.rows(feed)

        def step(start: Any, *sums: Any) -> Any:
            stop = tf.minimum(start + self.chunk, samples)
            return stop, *self.check(feed, tf.range(start, stop), Sums(*sums))

        first = [tf.constant(0), *sums]
        going = lambda start, *_: start < samples  # noqa: E731
        return Sums(*tf.while_loop(going, step, first, parallel_iterations=1)[1:])

    def check(self, feed: Feed, chosen: Any, sums: Sums) -> Sums:
        """Add up losses and metrics over some samples, as Keras' `test_step` does."""
        x, y, weights = self._take(feed, chosen)
        predicted = self._predicted(x, training=False)
        own_loss = self._model._compile_loss(y, predicted, weights)
        loss = tf.add_n([own_loss, *map(_penalty, self._model.losses)])
        data_loss = self._data(y, predicted, weights, own_loss)
        return self._counted(y, predicted, weights, loss, data_loss, sums)

    def _data(self, y: Any, predicted: Any, weights: Any, own_loss: Any) -> Any:
        """Return the loss of the data alone; the model's own if that is the same."""
        if self._data_loss is None and own_loss is not None:
            return own_loss
        return (self._data_loss or self._model._compile_loss)(y, predicted, weights)

    def _predicted(self, x: Any, *, training: bool) -> Any:
        predicted = self._model(x, training=training)
        for each, known in zip(keras.tree.flatten(predicted), self._model.outputs, strict=True):
            each.set_shape(known.shape)  # lost where widths are left open
        return predicted

    def _take(self, feed: Feed, chosen: Any) -> tuple[Any, Any, Any]:
        x, y, weights = tensors.take(feed, chosen, self._features)
        return (tf.sparse.to_dense(x) if self._densify else x), y, weights

    def _counted(
        self, y: Any, predicted: Any, weights: Any, loss: Any, data_loss: Any, sums: Sums
    ) -> Sums:
        if self._model._compile_metrics is not None:
            self._model._compile_metrics.update_state(y, predicted, weights)
        samples = tf.cast(tensors.rows({"y": y}), tf.float32)
        losses = (tf.cast(it, tf.float32) * samples for it in (loss, data_loss))
        return Sums(*(total + it for total, it in zip(sums, (*losses, samples), strict=True)))

    def measured(self, sums: Sums, prefix: str) -> dict[str, Any]:
        """Return the metrics of a pass by name, float64."""
        results = {
            f"{prefix}loss": sums.data_loss / sums.samples,
            f"keras_{prefix}loss": sums.loss / sums.samples,
        }
        for metric in self._metrics():
            value = metric.result()
            named = value if isinstance(value, dict) else {metric.name: value}
            results |= {f"{prefix}{name}": _mean(it) for name, it in named.items()}
        return {name: tf.cast(value, tf.float64) for name, value in results.items()}

    def row(self, measured: dict[str, Any], began: Any, halfway: Any) -> Any:
        """Return the epoch's row, after applying the stopping rules and keeping best weights."""
        finite = tf.math.is_finite(measured["keras_loss"])
        value = tf.where(
            finite, self._sign * measured[self._objective], tf.constant(np.nan, tf.float64)
        )
        used = self._rate.value()
        state, best, rate = progress.advance(
            self.progress, self.rules, value, used, progress.tensorflow()
        )
        self.progress.assign(state)
        self._rate.assign(rate)
        tf.cond(best, self._keep, lambda: tf.constant(False))
        columns = [value, *measured.values(), tf.cast(used, tf.float64)]
        return tf.stack([*columns, began, halfway, self._now([state])])

    def _now(self, after: list[Any]) -> Any:
        with tf.control_dependencies(after):
            return tf.timestamp()

    def _keep(self) -> Any:
        for best, weight in zip(self.best, self._weights, strict=True):
            best.assign(weight)
        return tf.constant(True)

    def _metrics(self) -> list[Any]:
        return [metric for metric in self._model.metrics if metric is not self._model._loss_tracker]


# Scalars are returned directly: in small models each operation saved makes tracing faster.
def _penalty(loss: Any) -> Any:
    loss = tf.cast(loss, tf.float32)
    return loss if loss.shape.rank == 0 else tf.reduce_sum(loss)


def _mean(metric: Any) -> Any:
    return metric if metric.shape.rank == 0 else tf.reduce_mean(metric)


def _like(weight: Any) -> Any:
    return tf.Variable(tf.zeros_like(weight), shape=weight.shape, trainable=False)
