"""Every public layer of Keras, in trials that use compiled functions again where they may."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

layers = keras.layers
SAMPLES = 32
# Kinds of samples.
VECTOR, SEQUENCE, IMAGE, VOLUME = (6,), (5, 4), (8, 8, 3), (4, 4, 4, 2)
FILM, SERIES, SOUND = (3, 6, 6, 2), (3, 6, 2), (64, 1)
INTEGERS, WORDS = "integers", "words"

Layer = Any
Case = tuple[Any, Callable[[int], Layer]]  # kind of samples; what makes the layer of a trial


def adapted(layer: Layer, trial: int, kind: Any) -> Layer:
    """Other data in each trial: state that no configuration tells apart."""
    x = samples(kind, seed=100 + trial)
    layer.adapt(x.reshape(-1) if kind is WORDS else x)
    return layer


def frozen(layer: Layer, trial: int) -> Layer:
    layer.trainable = trial != 1
    return layer


def two(merge: Layer) -> Callable[[Any], Any]:
    """A merging layer between the input and something learned from it."""
    return lambda x: merge([x, layers.Dense(x.shape[-1])(x)])


def attention(layer: Layer, **more: Any) -> Callable[[Any], Any]:
    return lambda x: layer([x, layers.Dense(x.shape[-1])(x)], **more)


def queried(layer: Layer) -> Callable[[Any], Any]:
    return lambda x: layer(x, layers.Dense(x.shape[-1])(x))


def embedded(layer: Layer) -> Callable[[Any], Any]:
    """Behind a layer that gives whole numbers."""
    return lambda x: layers.Embedding(16, 3)(layer(x))


def flat_sound(layer: Layer) -> Callable[[Any], Any]:
    return lambda x: layer(layers.Flatten()(x))


# Rounded otherwise, or drawn anew at each call, where nothing is traced.
TRACED = ("RandomElasticTransform", "AugMix", "Discretization")
# Of Keras before 3.11.
NOT_YET = {
    "RandAugment": "two fits of one process differ: they shuffle a list that all of them share",
    "TextVectorization": "fit fails, too: no Flatten takes sequences of unknown length",
}
# Of another structure in the second trial, and of the first one's again in the third.
CHANGING = (
    *("Activation", "BatchNormalization", "Bidirectional", "Conv1D", "Conv2D", "Dense"),
    *("EinsumDense", "Embedding", "LSTM", "LSTMCell", "SimpleRNN", "TimeDistributed"),
)
RATES = (0.1, 0.5, 0.3)
# Layers that share a model with those of their row that take the same kind of samples.
# Without weights, chance or anything that varies:
PLAIN = (
    *("AdaptiveAveragePooling1D", "AdaptiveAveragePooling2D", "AdaptiveAveragePooling3D"),
    *("AdaptiveMaxPooling1D", "AdaptiveMaxPooling2D", "AdaptiveMaxPooling3D"),
    *("AveragePooling1D", "AveragePooling2D", "AveragePooling3D"),
    *("CenterCrop", "Cropping1D", "Cropping2D", "Cropping3D", "Flatten"),
    *("GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalAveragePooling3D"),
    *("GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalMaxPooling3D", "Identity", "InputLayer"),
    *("MaxPooling1D", "MaxPooling2D", "MaxPooling3D", "Permute", "Pipeline", "RepeatVector"),
    *("Reshape", "Resizing", "Softmax", "UnitNormalization"),
    *("UpSampling1D", "UpSampling2D", "UpSampling3D"),
    *("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D"),
)
# With weights or chance, in models that use again what the first of them has compiled:
AGAIN = (
    *("Add", "Average", "Concatenate", "Dot", "Maximum", "Minimum", "Multiply", "Subtract"),
    *("Dropout", "LayerNormalization", "PReLU", "RMSNormalization", "SpectralNormalization"),
    *("Conv1DTranspose", "DepthwiseConv1D", "SeparableConv1D", "SpatialDropout1D"),
    *("Conv2DTranspose", "DepthwiseConv2D", "SeparableConv2D", "SpatialDropout2D"),
    *("Conv3D", "Conv3DTranspose", "SpatialDropout3D"),
    *("GroupedQueryAttention", "Masking", "RNN", "SimpleRNNCell", "StackedRNNCells"),
    *("Equalization", "GroupNormalization", "RandomCrop", "RandomFlip"),
)
# With a hyperparameter that is compiled into each model:
VARIED = (
    *("ActivityRegularization", "AlphaDropout", "ELU", "GaussianDropout", "GaussianNoise"),
    *("LeakyReLU", "RandomBrightness", "RandomContrast", "RandomRotation", "RandomTranslation"),
    *("RandomZoom", "ReLU", "Rescaling"),
    *("AdditiveAttention", "Attention", "GRU", "GRUCell", "MultiHeadAttention"),
)
# Possibly with state of their own, so that every model is compiled anew:
ANEW = (
    *("AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "CutMix", "MixUp"),
    *("MelSpectrogram", "STFTSpectrogram", "Solarization"),
    *("RandomColorDegeneration", "RandomColorJitter", "RandomErasing", "RandomGaussianBlur"),
    *("RandomGrayscale", "RandomHue", "RandomInvert", "RandomPerspective", "RandomPosterization"),
    *("RandomSaturation", "RandomSharpness", "RandomShear"),
    *("HashedCrossing", "Hashing", "IntegerLookup", "ReversibleEmbedding"),
    *("Lambda", "Normalization", "TFSMLayer"),
)
ROWS = {"plain": PLAIN, "again": AGAIN, "varied": VARIED, "anew": ANEW}
CASES: dict[str, Case] = {
    "Activation": (VECTOR, lambda n: layers.Activation(("relu", "tanh", "relu")[n])),
    "ActivityRegularization": (
        VECTOR,
        lambda n: layers.ActivityRegularization(l1=0.01 * n, l2=0.1),
    ),
    "AdaptiveAveragePooling1D": (SEQUENCE, lambda n: layers.AdaptiveAveragePooling1D(2)),
    "AdaptiveAveragePooling2D": (IMAGE, lambda n: layers.AdaptiveAveragePooling2D(2)),
    "AdaptiveAveragePooling3D": (VOLUME, lambda n: layers.AdaptiveAveragePooling3D(2)),
    "AdaptiveMaxPooling1D": (SEQUENCE, lambda n: layers.AdaptiveMaxPooling1D(2)),
    "AdaptiveMaxPooling2D": (IMAGE, lambda n: layers.AdaptiveMaxPooling2D(2)),
    "AdaptiveMaxPooling3D": (VOLUME, lambda n: layers.AdaptiveMaxPooling3D(2)),
    "Add": (VECTOR, lambda n: two(layers.Add())),
    "AdditiveAttention": (
        SEQUENCE,
        lambda n: attention(layers.AdditiveAttention(dropout=RATES[n])),
    ),
    "AlphaDropout": (VECTOR, lambda n: layers.AlphaDropout(RATES[n])),
    "Attention": (
        SEQUENCE,
        lambda n: attention(layers.Attention(use_scale=True, dropout=RATES[n])),
    ),
    "AugMix": (IMAGE, lambda n: layers.AugMix(value_range=(0, 1))),
    "AutoContrast": (IMAGE, lambda n: layers.AutoContrast(value_range=(0, 1))),
    "Average": (VECTOR, lambda n: two(layers.Average())),
    "AveragePooling1D": (SEQUENCE, lambda n: layers.AveragePooling1D(2)),
    "AveragePooling2D": (IMAGE, lambda n: layers.AveragePooling2D(2)),
    "AveragePooling3D": (VOLUME, lambda n: layers.AveragePooling3D(2)),
    "BatchNormalization": (VECTOR, lambda n: frozen(layers.BatchNormalization(), n)),
    "Bidirectional": (SEQUENCE, lambda n: layers.Bidirectional(layers.LSTM(3 + n % 2))),
    "CategoryEncoding": (INTEGERS, lambda n: layers.CategoryEncoding(8, output_mode="multi_hot")),
    "CenterCrop": (IMAGE, lambda n: layers.CenterCrop(4, 4)),
    "Concatenate": (VECTOR, lambda n: two(layers.Concatenate())),
    "ContrastLimitedAdaptiveHistogramEqualization": (
        IMAGE,
        lambda n: layers.ContrastLimitedAdaptiveHistogramEqualization(
            value_range=(0, 1), tile_grid_size=(2, 2)
        ),
    ),
    "Conv1D": (SEQUENCE, lambda n: layers.Conv1D(3 + n % 2, 2, kernel_regularizer="l2")),
    "Conv1DTranspose": (SEQUENCE, lambda n: layers.Conv1DTranspose(3, 2)),
    "Conv2D": (IMAGE, lambda n: layers.Conv2D(3 + n % 2, 2, kernel_constraint="max_norm")),
    "Conv2DTranspose": (IMAGE, lambda n: layers.Conv2DTranspose(3, 2)),
    "Conv3D": (VOLUME, lambda n: layers.Conv3D(3, 2)),
    "Conv3DTranspose": (VOLUME, lambda n: layers.Conv3DTranspose(3, 2)),
    "ConvLSTM1D": (SERIES, lambda n: layers.ConvLSTM1D(2, 2, dropout=0.1 * n)),
    "ConvLSTM2D": (FILM, lambda n: layers.ConvLSTM2D(2, 2)),
    "ConvLSTM3D": ((2, 3, 3, 3, 1), lambda n: layers.ConvLSTM3D(2, 2)),
    "Cropping1D": (SEQUENCE, lambda n: layers.Cropping1D(1)),
    "Cropping2D": (IMAGE, lambda n: layers.Cropping2D(1)),
    "Cropping3D": (VOLUME, lambda n: layers.Cropping3D(1)),
    "CutMix": (IMAGE, lambda n: layers.CutMix()),
    "Dense": (VECTOR, lambda n: frozen(layers.Dense(4 + n, activity_regularizer="l1"), n)),
    "DepthwiseConv1D": (SEQUENCE, lambda n: layers.DepthwiseConv1D(2)),
    "DepthwiseConv2D": (IMAGE, lambda n: layers.DepthwiseConv2D(2)),
    "Discretization": (
        VECTOR,
        lambda n: embedded(adapted(layers.Discretization(num_bins=4), n, VECTOR)),
    ),
    "Dot": (VECTOR, lambda n: two(layers.Dot(axes=-1))),
    "Dropout": (VECTOR, lambda n: layers.Dropout(RATES[n])),
    "ELU": (VECTOR, lambda n: layers.ELU(RATES[n])),
    "EinsumDense": (VECTOR, lambda n: layers.EinsumDense("ab,bc->ac", 3 + n % 2)),
    "Embedding": (
        INTEGERS,
        lambda n: lambda x: layers.LSTM(3)(layers.Embedding(8, 3, mask_zero=n > 0)(x)),
    ),
    "Equalization": (IMAGE, lambda n: layers.Equalization(value_range=(0, 1))),
    "Flatten": (IMAGE, lambda n: layers.Flatten()),
    "GRU": (SEQUENCE, lambda n: layers.GRU(3, dropout=RATES[n], recurrent_dropout=0.1)),
    "GRUCell": (SEQUENCE, lambda n: layers.RNN(layers.GRUCell(3, dropout=RATES[n]))),
    "GaussianDropout": (VECTOR, lambda n: layers.GaussianDropout(RATES[n])),
    "GaussianNoise": (VECTOR, lambda n: layers.GaussianNoise(RATES[n])),
    "GlobalAveragePooling1D": (SEQUENCE, lambda n: layers.GlobalAveragePooling1D()),
    "GlobalAveragePooling2D": (IMAGE, lambda n: layers.GlobalAveragePooling2D()),
    "GlobalAveragePooling3D": (VOLUME, lambda n: layers.GlobalAveragePooling3D()),
    "GlobalMaxPooling1D": (SEQUENCE, lambda n: layers.GlobalMaxPooling1D()),
    "GlobalMaxPooling2D": (IMAGE, lambda n: layers.GlobalMaxPooling2D()),
    "GlobalMaxPooling3D": (VOLUME, lambda n: layers.GlobalMaxPooling3D()),
    "GroupNormalization": (IMAGE, lambda n: layers.GroupNormalization(3)),
    "GroupedQueryAttention": (SEQUENCE, lambda n: queried(layers.GroupQueryAttention(2, 2, 1))),
    "HashedCrossing": (
        INTEGERS,
        lambda n: lambda x: layers.Embedding(8, 3)(layers.HashedCrossing(8)((x[:, :1], x[:, 1:2]))),
    ),
    "Hashing": (INTEGERS, lambda n: embedded(layers.Hashing(8, salt=n))),
    "Identity": (VECTOR, lambda n: layers.Identity()),
    "InputLayer": (VECTOR, lambda n: layers.Identity()),  # each of these models has one
    "IntegerLookup": (
        INTEGERS,
        lambda n: embedded(layers.IntegerLookup(vocabulary=[n, n + 1, n + 2])),
    ),
    "LSTM": (SEQUENCE, lambda n: layers.LSTM(3 + n % 2, recurrent_regularizer="l2")),
    "LSTMCell": (SEQUENCE, lambda n: layers.RNN(layers.LSTMCell(3), go_backwards=n == 1)),
    "Lambda": (VECTOR, lambda n: layers.Lambda(lambda x: x * (n + 1.0))),
    "LayerNormalization": (VECTOR, lambda n: layers.LayerNormalization()),
    "LeakyReLU": (VECTOR, lambda n: layers.LeakyReLU(RATES[n])),
    "Masking": (SEQUENCE, lambda n: lambda x: layers.LSTM(3)(layers.Masking(0.0)(x))),
    "MaxPooling1D": (SEQUENCE, lambda n: layers.MaxPooling1D(2)),
    "MaxPooling2D": (IMAGE, lambda n: layers.MaxPooling2D(2)),
    "MaxPooling3D": (VOLUME, lambda n: layers.MaxPooling3D(2)),
    "Maximum": (VECTOR, lambda n: two(layers.Maximum())),
    "MelSpectrogram": (
        SOUND,
        lambda n: flat_sound(
            layers.MelSpectrogram(
                num_mel_bins=4, fft_length=32, sequence_stride=8, sampling_rate=64, min_freq=1
            )
        ),
    ),
    "Minimum": (VECTOR, lambda n: two(layers.Minimum())),
    "MixUp": (IMAGE, lambda n: layers.MixUp()),
    "MultiHeadAttention": (
        SEQUENCE,
        lambda n: queried(layers.MultiHeadAttention(2, 2, dropout=RATES[n])),
    ),
    "Multiply": (VECTOR, lambda n: two(layers.Multiply())),
    "Normalization": (VECTOR, lambda n: adapted(layers.Normalization(), n, VECTOR)),
    "PReLU": (VECTOR, lambda n: layers.PReLU(alpha_initializer="uniform")),
    "Permute": (SEQUENCE, lambda n: layers.Permute((2, 1))),
    "Pipeline": (
        IMAGE,
        lambda n: layers.Pipeline([layers.Rescaling(0.5), layers.CenterCrop(4, 4)]),
    ),
    "RMSNormalization": (VECTOR, lambda n: layers.RMSNormalization()),
    "RNN": (SEQUENCE, lambda n: layers.RNN([layers.SimpleRNNCell(3), layers.GRUCell(2)])),
    "RandAugment": (IMAGE, lambda n: layers.RandAugment(value_range=(0, 1))),
    "RandomBrightness": (IMAGE, lambda n: layers.RandomBrightness(RATES[n], value_range=(0, 1))),
    "RandomColorDegeneration": (IMAGE, lambda n: layers.RandomColorDegeneration(0.5)),
    "RandomColorJitter": (
        IMAGE,
        lambda n: layers.RandomColorJitter((0, 1), 0.2, 0.2, 0.2, 0.2),
    ),
    "RandomContrast": (IMAGE, lambda n: layers.RandomContrast(RATES[n], value_range=(0, 1))),
    "RandomCrop": (
        IMAGE,
        lambda n: lambda x: layers.GlobalAveragePooling2D()(layers.RandomCrop(6, 6)(x)),
    ),
    "RandomElasticTransform": (IMAGE, lambda n: layers.RandomElasticTransform()),
    "RandomErasing": (IMAGE, lambda n: layers.RandomErasing()),
    "RandomFlip": (IMAGE, lambda n: layers.RandomFlip("horizontal")),
    "RandomGaussianBlur": (IMAGE, lambda n: layers.RandomGaussianBlur()),
    "RandomGrayscale": (IMAGE, lambda n: layers.RandomGrayscale()),
    "RandomHue": (IMAGE, lambda n: layers.RandomHue(0.3, value_range=(0, 1))),
    "RandomInvert": (IMAGE, lambda n: layers.RandomInvert(0.5, value_range=(0, 1))),
    "RandomPerspective": (IMAGE, lambda n: layers.RandomPerspective()),
    "RandomPosterization": (IMAGE, lambda n: layers.RandomPosterization(4, value_range=(0, 1))),
    "RandomRotation": (IMAGE, lambda n: layers.RandomRotation(RATES[n])),
    "RandomSaturation": (IMAGE, lambda n: layers.RandomSaturation(0.4, value_range=(0, 1))),
    "RandomSharpness": (IMAGE, lambda n: layers.RandomSharpness(0.5, value_range=(0, 1))),
    "RandomShear": (IMAGE, lambda n: layers.RandomShear(0.3, 0.3)),
    "RandomTranslation": (IMAGE, lambda n: layers.RandomTranslation(RATES[n], 0.1)),
    "RandomZoom": (IMAGE, lambda n: layers.RandomZoom(RATES[n])),
    "ReLU": (VECTOR, lambda n: layers.ReLU(negative_slope=RATES[n])),
    "RepeatVector": (VECTOR, lambda n: layers.RepeatVector(2)),
    "Rescaling": (VECTOR, lambda n: layers.Rescaling(1.0 + n, offset=0.5)),
    "Reshape": (VECTOR, lambda n: layers.Reshape((2, 3))),
    "Resizing": (IMAGE, lambda n: layers.Resizing(4, 4)),
    "ReversibleEmbedding": (INTEGERS, lambda n: layers.ReversibleEmbedding(8, 3)),
    "STFTSpectrogram": (
        SOUND,
        lambda n: layers.STFTSpectrogram(mode="real", frame_length=16, frame_step=8, fft_length=16),
    ),
    "SeparableConv1D": (SEQUENCE, lambda n: layers.SeparableConv1D(3, 2)),
    "SeparableConv2D": (IMAGE, lambda n: layers.SeparableConv2D(3, 2)),
    "SimpleRNN": (SEQUENCE, lambda n: layers.SimpleRNN(3, return_sequences=n == 1)),
    "SimpleRNNCell": (SEQUENCE, lambda n: layers.RNN(layers.SimpleRNNCell(3))),
    "Softmax": (VECTOR, lambda n: layers.Softmax()),
    "Solarization": (IMAGE, lambda n: layers.Solarization(value_range=(0, 1))),
    "SpatialDropout1D": (SEQUENCE, lambda n: layers.SpatialDropout1D(RATES[n])),
    "SpatialDropout2D": (IMAGE, lambda n: layers.SpatialDropout2D(RATES[n])),
    "SpatialDropout3D": (VOLUME, lambda n: layers.SpatialDropout3D(RATES[n])),
    "SpectralNormalization": (VECTOR, lambda n: layers.SpectralNormalization(layers.Dense(4))),
    "StackedRNNCells": (
        SEQUENCE,
        lambda n: layers.RNN(layers.StackedRNNCells([layers.GRUCell(3), layers.LSTMCell(2)])),
    ),
    "StringLookup": (
        WORDS,
        lambda n: embedded(layers.StringLookup(vocabulary=[f"w{n}", "w3", "w4"])),
    ),
    "Subtract": (VECTOR, lambda n: two(layers.Subtract())),
    "TFSMLayer": (VECTOR, lambda n: layers.TFSMLayer(saved(n), call_endpoint="serve")),
    "TextVectorization": (
        WORDS,
        lambda n: (
            lambda x: embedded(
                adapted(layers.TextVectorization(output_sequence_length=4, max_tokens=8), n, WORDS)
            )(keras.ops.squeeze(x[:, :1], -1))
        ),
    ),
    "TimeDistributed": (SEQUENCE, lambda n: layers.TimeDistributed(layers.Dense(2 + n % 2))),
    "UnitNormalization": (VECTOR, lambda n: layers.UnitNormalization()),
    "UpSampling1D": (SEQUENCE, lambda n: layers.UpSampling1D(2)),
    "UpSampling2D": (IMAGE, lambda n: layers.UpSampling2D(2)),
    "UpSampling3D": (VOLUME, lambda n: layers.UpSampling3D(2)),
    "ZeroPadding1D": (SEQUENCE, lambda n: layers.ZeroPadding1D(1)),
    "ZeroPadding2D": (IMAGE, lambda n: layers.ZeroPadding2D(1)),
    "ZeroPadding3D": (VOLUME, lambda n: layers.ZeroPadding3D(1)),
}
NOT_BUILDABLE = {
    "MaxNumBoundingBoxes": "takes a dictionary of images and boxes",
    "Layer": "without a computation of its own",
    "Wrapper": "without a computation of its own",
    "FlaxLayer": "needs the JAX backend",
    "JaxLayer": "needs the JAX backend",
    "TorchModuleWrapper": "needs the PyTorch backend",
}


def public_layers() -> dict[str, type]:
    """Each class once, though it may have several names."""
    found = [value for _, value in sorted(vars(layers).items()) if isinstance(value, type)]
    return {each.__name__: each for each in found if issubclass(each, layers.Layer)}


def samples(kind: Any, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    if kind in (INTEGERS, WORDS):
        numbers = generator.integers(seed % 3, 7 + seed % 2, (SAMPLES, 4)).astype(np.int32)
        return numbers if kind is INTEGERS else np.char.add("w", numbers.astype(str)).astype(object)
    return generator.random((SAMPLES, *kind)).astype(np.float32)


def targets(x: np.ndarray) -> np.ndarray:
    return np.random.default_rng(9).normal(size=(len(x), 1)).astype(np.float32)


def saved(number: int) -> str:
    """A SavedModel that multiplies."""

    class Times(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec((None, 6))])  # type: ignore[untyped-decorator]
        def serve(self, x: Any) -> Any:
            return x * float(number + 1)

    path = str(Path(FOLDER[0]) / f"times{number}")
    tf.saved_model.save(Times(), path)
    return path


FOLDER: list[Path] = []


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> None:
    FOLDER[:] = [tmp_path]


def model_of(case: Case, trial: int) -> keras.Model:
    kind, make = case
    x = samples(kind)
    inputs = keras.Input(x.shape[1:], dtype="string" if kind is WORDS else str(x.dtype))
    hidden = make(trial)(inputs)
    flat = layers.Flatten()(hidden) if len(hidden.shape) != 2 else hidden
    model = keras.Model(inputs, layers.Dense(1)(flat))
    model.compile(keras.optimizers.SGD(0.01, momentum=0.5), "mse", metrics=["mae"])
    return model


def test_every_layer_of_keras_is_known_here() -> None:
    assert set(public_layers()) - {*CASES, *NOT_BUILDABLE} == set()


def side_by_side(names: Sequence[str]) -> Callable[[int], Layer]:
    """Layers each on the model's input."""

    def make(trial: int) -> Callable[[Any], Any]:
        made = [CASES[name][1](trial) for name in names if name in public_layers()]
        return lambda x: layers.Concatenate()([layers.Flatten()(layer(x)) for layer in made])

    return make


def of_one_kind() -> Iterator[Any]:
    """The rows, divided by the kind of samples."""
    for row, names in ROWS.items():
        for kind in sorted({str(CASES[name][0]) for name in names}):
            found = [name for name in names if str(CASES[name][0]) == kind]
            slow = [pytest.mark.slow] if row in ("anew", "varied") else []
            yield pytest.param(found, id=f"{row} {kind}", marks=slow)


@pytest.mark.slow
@pytest.mark.sampled(1)
@pytest.mark.parametrize("names", [*of_one_kind()])
def test_layers_side_by_side_train_as_by_fit(comparison: Any, names: list[str]) -> None:
    kind = CASES[names[0]][0]
    x, case = samples(kind), (kind, side_by_side(names))
    comparison(lambda trial: model_of(case, trial), x, targets(x)).run(trials=2)


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in CHANGING else pytest.mark.slow)
        for name in sorted({*CASES}.difference(*ROWS.values()))
    ],
)
def test_a_layer_trains_as_by_fit(comparison: Any, name: str) -> None:
    if name not in public_layers():
        pytest.skip(f"Keras {keras.__version__} has no such layer yet")
    if name in NOT_YET and tuple(map(int, keras.__version__.split(".")[:2])) < (3, 11):
        pytest.skip(NOT_YET[name])
    x = samples(CASES[name][0])
    comparison(
        lambda trial: model_of(CASES[name], trial), x, targets(x), eager=name not in TRACED
    ).run(trials=3 if name in CHANGING else 2)
