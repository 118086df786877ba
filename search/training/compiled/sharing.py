"""The conditions under which a compiled copy of a model may train other trials' models, too.

A copy is made from the configurations of a model's layers and takes over their variables; later it
takes over those of other models with equal configurations. That is right only if a layer depends on
nothing else. It holds for the Keras layers listed here: a test trains each of them both ways. It
doesn't hold for layers with further state (an adapted Normalization, the tables of a lookup, a
Lambda's closure), and it is unknown for the user's code. A model with any of these is compiled
without a copy, for its own training only.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import keras

from studyhall.spaces import own_classes

# By name, so that layers of future versions of Keras are compiled without a copy until tested.
_LAYERS = """
    Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D
    AdaptiveAveragePooling3D AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D Add
    AdditiveAttention AlphaDropout Attention Average AveragePooling1D AveragePooling2D
    AveragePooling3D BatchNormalization Bidirectional CategoryEncoding CenterCrop Concatenate
    Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose ConvLSTM1D ConvLSTM2D
    ConvLSTM3D ConvLSTMCell Cropping1D Cropping2D Cropping3D Dense DepthwiseConv1D DepthwiseConv2D
    Dot Dropout ELU EinsumDense Embedding Flatten Functional GRU GRUCell GaussianDropout
    GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D
    GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization
    GroupedQueryAttention Identity InputLayer LSTM LSTMCell LayerNormalization LeakyReLU Masking
    MaxPooling1D MaxPooling2D MaxPooling3D Maximum Minimum MultiHeadAttention Multiply PReLU
    Permute RMSNormalization RNN RandomBrightness RandomContrast RandomCrop RandomFlip
    RandomRotation RandomTranslation RandomZoom ReLU RepeatVector Rescaling Reshape
    SeparableConv1D SeparableConv2D Sequential SimpleRNN SimpleRNNCell Softmax SpatialDropout1D
    SpatialDropout2D SpatialDropout3D SpectralNormalization StackedRNNCells Subtract
    TimeDistributed UnitNormalization UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D
    ZeroPadding2D ZeroPadding3D
"""
_OPTIMIZERS = """
    Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lamb Lion LossScaleOptimizer Nadam RMSprop SGD
"""
_PLAIN = (bool, int, float, str, list, tuple)
_OWN_CODE = ("__lambda__", "function")  # class names under which Keras stores user functions


def hindrance(model: Any) -> str | None:
    """Return the reason why other trials can't share this model's compiled form, or None.

    Args:
        model: Built and compiled.
    """
    return next(_hindrances(model), None)


def overrides(model: Any, *steps: str) -> bool:
    """Return whether the class of a model overrides any of these methods of Keras."""
    return not all(own_classes.is_known(getattr(type(model), step)) for step in steps)


def further_numbers(thing: Any) -> dict[str, Any]:
    """Return plain public attributes that are missing in a configuration, such as Huber's delta.

    Args:
        thing: A layer, a loss or a metric; arguments of a wrapped function are included.
    """
    if isinstance(thing, keras.Model):  # its layers have them
        return {}
    known = {*thing.get_config(), "name", "built", "path"}
    wrapped = getattr(thing, "_fn_kwargs", {})
    plain = {key: value for key, value in vars(thing).items() if isinstance(value, _PLAIN)}
    return {
        key: value
        for key, value in {**wrapped, **plain}.items()
        if key not in known and not key.startswith("_")
    }


def hides_numbers(thing: Any) -> bool:
    """Return whether a loss or a metric wraps a function whose arguments can't be read."""
    wraps = hasattr(thing, "fn") or isinstance(thing, keras.metrics.MeanMetricWrapper)
    return wraps and not hasattr(thing, "_fn_kwargs")


def _hindrances(model: Any) -> Iterator[str]:
    for layer in model._flatten_layers():
        yield from _of_layer(layer)
    if _holds_code(_config(model)):
        yield "it contains user code"
    config = model._compile_config.config
    for key in ("loss", "metrics", "weighted_metrics"):
        for thing in keras.tree.flatten(config[key]):
            if not (thing is None or isinstance(thing, str) or _is_described(thing)):
                yield f"{key} {getattr(thing, 'name', thing)} is user code"
    for variable in model.variables:
        for thing in (variable.regularizer, variable.constraint):
            if thing is not None and not own_classes.is_known(thing):
                yield f"{type(thing).__name__} is user code"
    if type(model.optimizer).__name__ not in _OPTIMIZERS.split():
        yield f"the optimizer {type(model.optimizer).__name__} may depend on names"


def _of_layer(layer: Any) -> Iterator[str]:
    kind = type(layer).__name__
    if not own_classes.is_known(type(layer)):
        yield f"layer {layer.name} ({kind}) is user code"
    elif kind not in _LAYERS.split():
        yield f"layer {layer.name} ({kind}) may have state beyond its configuration and variables"
    for key, value in vars(layer).items():
        if key == "call" or (callable(value) and not own_classes.is_known(value)):
            yield f"layer {layer.name} contains user code: its {key.removeprefix('_')}"
    if getattr(layer, "lora_enabled", False) or type(layer.dtype_policy).__name__ != "DTypePolicy":
        yield f"layer {layer.name} is adapted or quantized"


def _is_described(thing: Any) -> bool:
    """Return whether a loss or a metric is Keras' own, as is the function it may wrap."""
    function = getattr(thing, "fn", getattr(thing, "_fn", None))  # what a wrapper wraps
    known = function is None or own_classes.is_known(function)
    return own_classes.is_known(thing) and known and not hides_numbers(thing)


def _config(model: Any) -> Any:
    """Return a model's configuration; if Keras can't create it, one that stands for user code."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about lambdas, as nothing is saved here
            return model.get_config()
    except (NotImplementedError, TypeError, ValueError):
        return {"class_name": "function"}


def _holds_code(config: Any) -> bool:
    """Return whether a configuration refers to code outside of Keras and studyhall."""
    if isinstance(config, list | tuple):
        return any(map(_holds_code, config))
    if not isinstance(config, dict):
        return False
    if "class_name" in config:
        module = str(config.get("module") or "keras").split(".")[0]
        registered = ">" in str(config.get("registered_name"))
        if config["class_name"] in _OWN_CODE or module not in own_classes.NOT_OWN or registered:
            return True
    return any(map(_holds_code, config.values()))
