"""Whether a loss or a metric depends on how the samples are divided into batches.

Keras averages the losses of batches, weighted by their samples. For most losses that is the mean
over the samples, however they are batched; for a sum, for losses that compare the samples of a
batch with each other, and perhaps for a function of the user's own it is not. Such models are
validated in batches of one size, in training and wherever their value is computed again, so that
the values of two trials can be compared and a reloaded model can be held to what was recorded.
"""

from __future__ import annotations

from typing import Any

import keras

BATCH = 32  # samples: the default of Keras' own `evaluate`

_MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")
_OF_WHOLE_BATCHES = ("dice", "tversky", "circle")  # losses, by the names of their functions


def validation_batch(model: keras.Model) -> int | None:
    """Samples per validation batch where their number matters, else None.

    Args:
        model: Compiled. A subclass doesn't say its outputs.
    """
    inputs = getattr(model, "inputs", None)
    if inputs and inputs[0].shape[0] is not None:  # it takes no other number
        return int(inputs[0].shape[0])
    compiled = getattr(model, "_compile_config", None)
    if compiled is None:  # this version of Keras hides it
        return BATCH
    config = compiled.config
    losses = keras.tree.flatten(config["loss"])
    metrics = keras.tree.flatten([config["metrics"], config["weighted_metrics"]])
    by_sample = all(map(_is_mean_loss, losses)) and all(map(_is_mean_metric, metrics))
    masked = any(len(output.shape) > 2 for output in getattr(model, "outputs", None) or [])
    return None if by_sample and not masked else BATCH


def _is_mean_loss(loss: Any) -> bool:
    if isinstance(loss, keras.losses.Loss):
        name = type(loss).__name__.lower()
        return _is_keras(type(loss)) and loss.reduction in _MEANS and name not in _OF_WHOLE_BATCHES
    return loss is None or _is_mean_function(loss)


def _is_mean_metric(metric: Any) -> bool:
    if isinstance(metric, keras.metrics.MeanMetricWrapper):
        function = getattr(metric, "_fn", None)  # None: this version of Keras hides it
        return _is_keras(type(metric)) and function is not None and _is_mean_function(function)
    if isinstance(metric, keras.metrics.Metric):
        return _is_keras(type(metric))
    return metric is None or _is_mean_function(metric)


def _is_mean_function(function: Any) -> bool:
    """Whether Keras computes it sample by sample: by its name, or the function itself."""
    name = function if isinstance(function, str) else getattr(function, "__name__", "")
    return name not in _OF_WHOLE_BATCHES and (isinstance(function, str) or _is_keras(function))


def _is_keras(thing: Any) -> bool:
    return str(thing.__module__).split(".")[0] in ("keras", "spaces", "search")
