"""The value of a reloaded model: the same quantity that its training recorded, computed again.

The same loss or metric gets the same targets, in the same batches where batching matters. A value
from the user's own `test_step` is computed by a freshly compiled model with the reloaded weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np
import optuna
from numpy.typing import NDArray

from studyhall.search.data import trees
from studyhall.search.data.parts import Fold, Part
from studyhall.search.data.stream_parts import StreamPart
from studyhall.search.evaluation import intervals, model_scores, worst
from studyhall.search.evaluation.scores import Scores
from studyhall.search.study_file import objectives
from studyhall.search.study_file.losses import AS_GIVEN
from studyhall.search.training import feeding, fit_input, model_losses, validation_batch
from studyhall.search.training.compiled import sharing
from studyhall.search.training.feeding import Samples
from studyhall.search.training.keras_fit import VALIDATION_BATCH
from studyhall.search.trial import exporting, forms, modelling
from studyhall.search.trial.blueprints import Blueprint
from studyhall.search.trial.modelling import Built
from studyhall.storage.queries.records import TrialRecord

Batch = tuple[Any, ...]  # targets, predictions[, weights]


class ValuationError(RuntimeError):
    """An error: the value can't be computed again; the message is the reason."""


class NotMeasuredError(ValuationError):
    """An error: a model by itself has no such value, which code beside its training has given."""


class Valuation:
    """The computation of the values of a trial's models.

    Args:
        plan: blueprint of the study.
        trial: trial whose model is rebuilt and compiled, as only its code knows its loss.
        objective: what is computed; default: the study's first objective.
    """

    def __init__(self, plan: Blueprint, trial: TrialRecord, objective: str | None = None) -> None:
        fixed = optuna.trial.FixedTrial(trial.params, trial.number)
        self.plan = plan
        self.objective = objective or plan.objectives[0]
        self.built: Built = modelling.build(plan, fixed, plan.data.split.size)

    @property
    def loss(self) -> Any:
        """The loss that the trial's model was trained with, as `compile` takes it."""
        return self.built.data_loss or self.built.model.loss

    def value(self, model: keras.Model, fold: Fold, part: Part) -> float:
        """Return the value of the objective for a reloaded model.

        Args:
            model: takes raw samples.
            fold: fold that it was trained on.
            part: samples and targets to evaluate it on.

        Raises:
            NotMeasuredError: only callbacks of the training have measured it.
            ValuationError: the reloaded model is unlike that of the trial.
        """
        name = objectives.recorded(self.objective).removeprefix("val_")
        if name == "loss":
            by_step = self._evaluated if self._by_step else self._loss_of
            return by_step(name, model, fold, part)
        own = sharing.overrides(self.built.model, "test_step", "compute_metrics")
        found = {} if own else self._measured(model, part)
        return found[name] if name in found else self._evaluated(name, model, fold, part)

    def value_of(self, outputs: NDArray[Any], part: Part) -> float | None:
        """Return the value of the study's first objective for outputs of another kind of model.

        Args:
            outputs: (N, outputs) probabilities or numbers, as models of a built-in family return.
            part: samples and targets, in the same order.

        Returns:
            None if only the user's own code could tell it.
        """
        if self.plan.builder is not None:
            return None
        name = objectives.recorded(self.plan.objectives[0]).removeprefix("val_")
        pairs = self._pairs(
            part, lambda some: keras.ops.convert_to_tensor(outputs[some], "float32")
        )
        if name == "loss":
            return data_loss(self.built.data_loss, pairs)
        metrics = model_losses.metrics_of(self.built.model)
        return None if metrics is None else measured(metrics, pairs).get(name)

    def scores(self, part: Part, outputs: NDArray[Any]) -> Scores:
        """Return the scores of a model's outputs for a part; see `scoring.scored`."""
        return model_scores.scored(self.plan.data, self.built.form, self.loss, part, outputs)

    def losses(self, part: Part, outputs: NDArray[Any] | None) -> NDArray[np.float64] | None:
        """Return the loss of each sample (N,); None if the loss tells only means over batches.

        Args:
            part: samples and targets.
            outputs: outputs of the model for these samples; None if they are not known.
        """
        loss = self.built.data_loss
        if outputs is None or loss is None or part.weights is not None:
            return None
        found = []
        for y, predicted in self._pairs(
            part, lambda some: keras.ops.convert_to_tensor(outputs[some])
        ):
            each = np.asarray(keras.ops.convert_to_numpy(loss.call(y, predicted)), np.float64)
            if each.ndim == 0 or len(each) != len(predicted):
                return None
            found.append(each.reshape(len(each), -1).mean(axis=1))
        return np.concatenate(found)

    def scored(self, model: keras.Model, part: Part) -> tuple[Scores, Any]:
        """Return the scores of a model for a part, and its outputs; None for several targets."""
        if self.plan.data.task == AS_GIVEN:
            return model_scores.unknown(self.plan.data, part), None
        outputs = exporting.predict(model, part.x)
        return self.scores(part, outputs), outputs

    def tested(
        self, model: keras.Model, fold: Fold, *, with_loss: bool = False
    ) -> tuple[Scores, list[dict[str, Any]]]:
        """Return scores on the test set, and the samples with the worst predictions.

        If the outputs can't be scored, return the value of the objective instead.

        Args:
            model: takes raw samples.
            fold: fold that it was trained on.
            with_loss: add the mean loss and its interval.
        """
        data, part = self.plan.data, self.plan.data.test
        found, outputs = self.scored(model, part)
        if "no_scores" in found:
            value = self.value(model, fold, part)
            return {**found, "objective": self.objective, "value": value}, []
        if with_loss and (losses := self.losses(part, outputs)) is not None:
            found |= told_loss(losses, found)
        predicted = exporting.probabilities(data.task, self.loss, outputs)
        return found, worst.samples(data.task, data.classes, part.x, part.y, predicted)

    @property
    def _by_step(self) -> bool:
        """True if the value was the validation loss of `model.fit` itself."""
        known = self.built.data_loss or model_losses.of(self.built.model)
        return known is None or sharing.overrides(self.built.model, "test_step", "compute_loss")

    def _loss_of(self, name: str, model: keras.Model, fold: Fold, part: Part) -> float:
        loss = self.built.data_loss or model_losses.of(self.built.model)
        return data_loss(loss, self._batches(model, part))

    def _measured(self, model: keras.Model, part: Part) -> dict[str, float]:
        """Return the metrics of the compiled model, by name."""
        metrics = model_losses.metrics_of(self.built.model)
        return {} if metrics is None else measured(metrics, self._batches(model, part))

    def _batches(self, model: keras.Model, part: Any) -> Iterator[Batch]:
        """Yield batches of targets, predictions and weights, in order."""
        if isinstance(part, StreamPart):
            return _read(model, part)
        return self._pairs(
            part, lambda some: model(exporting.taken(model, part.x[some]), training=False)
        )

    def _pairs(self, part: Part, predicted: Callable[[slice], Any]) -> Iterator[Batch]:
        """Yield targets, what is predicted of these samples, and weights, as in a validation."""
        size = validation_batch.of(self.built.model) or exporting.BATCH
        whole = forms.targets(part, self.built.form, len(self.plan.data.classes))
        y = keras.tree.lists_to_tuples(whole) if keras.tree.is_nested(whole) else whole
        for start in range(0, len(part), size):
            some = slice(start, start + size)
            weights = () if part.weights is None else (trees.plain(part.weights[some]),)
            given = keras.tree.map_structure(lambda leaf, some=some: leaf[some], (y, *weights))
            target, *weight = keras.tree.map_structure(keras.ops.convert_to_tensor, given)
            yield target, predicted(some), *weight

    def _evaluated(self, name: str, model: keras.Model, fold: Fold, part: Part) -> float:
        """Return a value from `evaluate` of the trial's model with the reloaded weights."""
        own = self.built.model
        own.set_weights(_weights(model, own))
        pair = forms.pair(fold, part, self.built.form, len(self.plan.data.classes))
        samples = Samples(*pair) if isinstance(pair, tuple) else pair
        size = validation_batch.of(own) or VALIDATION_BATCH
        some = fit_input.of(samples, size, stream=True).same()
        with fit_input.ending():
            found = own.evaluate(some, verbose=0, return_dict=True)
        if name not in found:
            known = ", ".join(found)
            raise NotMeasuredError(f"{name} is no longer measured, only {known}")
        return float(found[name])


def _read(model: keras.Model, part: StreamPart) -> Iterator[Batch]:
    """Yield targets, predictions and weights of the batches of a stream."""
    for x, y, *weights in fit_input.OfStream(part.stream):
        yield y, model(x, training=False), *weights


def told_loss(losses: NDArray[np.float64], scores: Scores) -> Scores:
    """Return the mean ``loss``, and the ``intervals`` of the scores with that of the loss."""
    ends = intervals.of_mean(losses)
    known = {**scores.get("intervals", {}), **({} if ends is None else {"loss": list(ends)})}
    return {"loss": float(losses.mean()), "intervals": known}


def data_loss(loss: Any, batches: Iterable[Batch]) -> float:
    """Return the mean loss over samples, without penalties.

    Args:
        loss: function of targets, predictions and weights, as Keras calls it in training.
        batches: targets, predictions and, if samples have them, weights of each batch.
    """
    total, samples = 0.0, 0
    for y, predicted, *weights in batches:
        count = feeding.rows_of(y)
        total += float(keras.ops.mean(loss(y, predicted, *weights))) * count
        samples += count
    return total / samples


def measured(metrics: keras.metrics.Metric, batches: Iterable[Batch]) -> dict[str, float]:
    """Return the metrics of predictions, by name.

    Args:
        metrics: metrics of a compiled model.
        batches: targets, predictions and, if samples have them, weights of each batch.
    """
    metrics.reset_state()
    for y, predicted, *weights in batches:
        metrics.update_state(y, predicted, *weights)
    return {name: float(keras.ops.mean(found)) for name, found in metrics.result().items()}


def _weights(reloaded: keras.Model, model: keras.Model) -> list[NDArray[Any]]:
    """Return the trained weights from an exported model, whose normalisation precedes them."""
    shapes = [tuple(weight.shape) for weight in model.weights]
    for part in (reloaded, *reloaded.layers):
        if [tuple(weight.shape) for weight in part.weights] == shapes:
            return [np.asarray(weight) for weight in part.weights]
    raise ValuationError("the reloaded model has different weights than the trained one")
