"""The validation batch size of models whose loss or metrics depend on the division into batches.

Keras averages the losses of batches, weighted by their sizes. For most losses that is the mean over
the samples, whatever the batches. It is not for a sum, for losses that compare the samples of a
batch with each other, and perhaps for user-defined functions. Such models are validated in batches
of one fixed size, both in training and when a value is computed again, so that values of trials are
comparable and a reloaded model can be checked against the recorded value.
"""

from __future__ import annotations

from typing import Any

import keras

from studyhall.search.training.own_measures import OwnLoss, OwnMetric
from studyhall.spaces.own_classes import is_known

BATCH = 32  # samples: the default of `model.evaluate`

_MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")
_OF_WHOLE_BATCHES = ("dice", "tversky", "circle")  # losses, by the names of their functions


def of(model: keras.Model) -> int | None:
    """Return the number of samples per validation batch if it matters, else None.

    Args:
        model: Compiled. A subclassed model may lack `outputs`.
    """
    inputs = getattr(model, "inputs", None)
    if inputs and inputs[0].shape[0] is not None:  # the model is built for one batch size only
        return int(inputs[0].shape[0])
    if len(getattr(model, "outputs", None) or [0]) > 1:  # Keras averages their losses over batches
        return BATCH
    compiled = getattr(model, "_compile_config", None)
    if compiled is None:  # a private attribute, which this version of Keras lacks
        return BATCH
    config = compiled.config
    losses = keras.tree.flatten(config["loss"])
    metrics = keras.tree.flatten([config["metrics"], config["weighted_metrics"]])
    by_sample = all(map(_is_mean_loss, losses)) and all(map(_is_mean_metric, metrics))
    masked = any(len(output.shape) > 2 for output in getattr(model, "outputs", None) or [])
    # Keras averages masked outputs over the unmasked steps of a batch, not sample by sample.
    return None if by_sample and not masked else BATCH


def _is_mean_loss(loss: Any) -> bool:
    if isinstance(loss, OwnLoss):
        return False
    if isinstance(loss, keras.losses.Loss):
        name = type(loss).__name__.lower()
        return is_known(type(loss)) and loss.reduction in _MEANS and name not in _OF_WHOLE_BATCHES
    return loss is None or _is_mean_function(loss)


def _is_mean_metric(metric: Any) -> bool:
    if isinstance(metric, OwnMetric):
        return False
    if isinstance(metric, keras.metrics.MeanMetricWrapper):
        function = getattr(metric, "_fn", None)  # private; None if this version of Keras lacks it
        return is_known(type(metric)) and function is not None and _is_mean_function(function)
    if isinstance(metric, keras.metrics.Metric):
        return is_known(type(metric))
    return metric is None or _is_mean_function(metric)


def _is_mean_function(function: Any) -> bool:
    """Return whether Keras computes a function, given as such or by name, sample by sample."""
    name = function if isinstance(function, str) else getattr(function, "__name__", "")
    return name not in _OF_WHOLE_BATCHES and (isinstance(function, str) or is_known(function))
