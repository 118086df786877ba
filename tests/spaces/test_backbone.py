"""Backbones: pictures prepared as Keras does, what is frozen stays still, weights and rates."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.datasets import load_sample_images

from studyhall.spaces import applications, architecture, backbone
from studyhall.spaces.applications import Application
from studyhall.spaces.failures import ArchitectureError

pytestmark = pytest.mark.part(34)

SMALL = "keras:MobileNet(alpha=0.25)"
APPLICATION = applications.read(SMALL)
SIDE = 32
PHOTOS = np.stack([photo[100:132, 200:232] for photo in load_sample_images().images])  # 0 to 255


def build(family: str = SMALL, side: int = SIDE, **values: Any) -> keras.Model:
    pretrained = values.pop("pretrained", None)
    shape = values.pop("shape", (side, side, 3))
    return architecture.build(family, values, shape, 3, "multiclass", None, pretrained)


def drawn(seed: int = 5) -> list[Any]:
    """Weights that are none of a fresh network's: also those of batch normalization."""
    model = backbone._made(APPLICATION)
    rng = np.random.default_rng(seed)
    return [
        rng.uniform(0.1, 0.9, each.shape).astype("float32") for each in backbone._variables(model)
    ]


@pytest.mark.parametrize("name", applications.NAMES)
def test_pixels_are_prepared_as_by_the_applications_own_function(name: str) -> None:
    module = inspect.getmodule(getattr(keras.applications, name))
    assert module is not None
    own = getattr(keras.applications, module.__name__.rpartition(".")[2])
    expected = np.asarray(own.preprocess_input(PHOTOS.astype("float32")))
    inputs = layers.Input(PHOTOS.shape[1:])
    model = keras.Model(inputs, backbone.prepared(Application(name), inputs))
    found = model.predict_on_batch(PHOTOS.astype("float32") / 255)
    np.testing.assert_allclose(found, expected, atol=2e-4 * float(np.abs(expected).max()) / 255)


def test_grey_pictures_are_three_equal_colours() -> None:
    model = build(shape=(SIDE, SIDE, 1))
    grey = PHOTOS[..., :1] / 255
    same = build()
    same.set_weights(model.get_weights())
    np.testing.assert_allclose(model(grey), same(np.repeat(grey, 3, -1)), atol=1e-6)


def test_resized_within_the_model() -> None:
    model = build(side=8, resolution=SIDE)
    expected = keras.ops.image.resize(PHOTOS[:, :8, :8] / 255, (SIDE, SIDE))
    same = build()
    same.set_weights(model.get_weights())
    np.testing.assert_allclose(model(PHOTOS[:, :8, :8] / 255), same(expected), atol=1e-5)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"shape": (4,)}, r"needs pictures \(height, width, 1 or 3\), received samples of shape"),
        ({"shape": (32, 32, 4)}, r"of shape \(32, 32, 4\)"),
        ({"side": 31}, "pictures of 31×31: keras:MobileNet takes 32×32 and more; resolution = 32"),
        ({"resolution": 16}, "pictures of 16×16"),
    ],
)
def test_what_it_can_not_take(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ArchitectureError, match=said):
        build(**values)


def of_backbone(model: keras.Model) -> list[keras.Layer]:
    """The layers with weights, without the head's."""
    return [layer for layer in model.layers if layer.weights and layer.name not in backbone.HEAD]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_the_share_of_frozen_layers_begins_at_the_input(share: float) -> None:
    weights = of_backbone(build(frozen=share))
    trained = [bool(layer.trainable_weights) for layer in weights]
    assert trained == sorted(trained) and trained.count(False) == round(share * len(trained))


def test_by_default_pretrained_layers_are_frozen_and_random_ones_trained() -> None:
    assert not any(layer.trainable_weights for layer in of_backbone(build(pretrained=drawn())))
    assert all(layer.trainable_weights for layer in of_backbone(build()))


def test_batch_normalization_of_pretrained_layers_is_never_trained() -> None:
    model = build(pretrained=drawn(), frozen=0.0)
    norms = [each for each in model.layers if isinstance(each, layers.BatchNormalization)]
    assert norms and not any(each.trainable for each in norms)
    assert all(isinstance(e, layers.BatchNormalization) or e.trainable for e in of_backbone(model))


def test_what_is_frozen_is_in_training_what_it_is_in_prediction() -> None:
    model = build("keras:EfficientNetB0", pretrained=None, frozen=1.0, dropout=0.0)
    expected = model(PHOTOS / 255, training=False)
    before = [keras.ops.convert_to_numpy(each) for each in model.non_trainable_variables]
    np.testing.assert_allclose(model(PHOTOS / 255, training=True), expected, atol=1e-6)
    after = [keras.ops.convert_to_numpy(each) for each in model.non_trainable_variables]
    seeds = [each for each in model.non_trainable_variables if "seed" in each.path]
    assert len(seeds) < len(before)
    for one, other, variable in zip(before, after, model.non_trainable_variables, strict=True):
        assert "seed" in variable.path or np.array_equal(one, other), variable.path


def test_the_weights_of_a_file(tmp_path: Path) -> None:
    wanted, model = drawn(), backbone._made(APPLICATION)
    for variable, value in zip(backbone._variables(model), wanted, strict=True):
        variable.assign(value)
    model.save_weights(tmp_path / "own.weights.h5")
    found = backbone.weights(APPLICATION, "own.weights.h5", tmp_path)
    assert found is not None
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)
    built = build(pretrained=found, side=48)
    held = [keras.ops.convert_to_numpy(w) for each in of_backbone(built) for w in each.weights]
    for one, other in zip(held, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_means_of_a_pretrained_normalization_are_those_it_computes_with() -> None:
    application = applications.read("keras:EfficientNetB0")
    model = backbone._made(application)
    rng = np.random.default_rng(0)
    values = [rng.uniform(0.5, 1.0, v.shape).astype(v.dtype) for v in backbone._variables(model)]
    built = build("keras:EfficientNetB0", pretrained=values)
    (norm,) = (each for each in built.layers if isinstance(each, layers.Normalization))
    x = np.ones((1, 2, 2, 3), np.float32)
    mean, variance = (keras.ops.convert_to_numpy(w) for w in (norm.adapt_mean, norm.adapt_variance))
    np.testing.assert_allclose(norm(x)[0, 0, 0], (1 - mean) / np.sqrt(variance), rtol=1e-5)
    assert not np.allclose(mean, 0)


@pytest.mark.sampled(1)
@pytest.mark.parametrize(
    "name",
    [
        "MobileNetV2",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("EfficientNetB0", "EfficientNetV2B0", "ResNet50")
        ),
    ],
)
@pytest.mark.parametrize("source", ["imagenet", "own.weights.h5"])
@pytest.mark.filterwarnings("ignore:.input_shape. is undefined")
def test_pretrained_features_are_those_of_the_network_as_keras_fetches_it(
    name: str, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is fetched here: Keras finds a file whose weights are drawn in place of its own."""
    make = getattr(keras.applications, name)
    model = make(weights=None, include_top=False, input_shape=(SIDE, SIDE, 3))
    rng = np.random.default_rng(3)
    for variable in backbone._variables(model):
        noise = rng.uniform(0.9, 1.1, variable.shape)
        variable.assign(keras.ops.convert_to_numpy(variable) * noise.astype(variable.dtype))
    for norm in (each for each in model.layers if isinstance(each, layers.Normalization)):
        if norm.weights:  # as in ImageNet's own
            norm.weights[0].assign(backbone.MEAN)
            norm.weights[1].assign(np.square(backbone.DEVIATION))
    model.save_weights(tmp_path / "own.weights.h5")
    module = inspect.getmodule(make)
    fetched = lambda *_, **__: str(tmp_path / "own.weights.h5")  # noqa: E731
    monkeypatch.setattr(module.file_utils, "get_file", fetched)  # type: ignore[union-attr]
    theirs = make(weights="imagenet", include_top=False, input_shape=(SIDE, SIDE, 3))
    own = keras.applications.__dict__[module.__name__.rpartition(".")[2]]  # type: ignore[union-attr]
    expected = theirs(own.preprocess_input(PHOTOS.astype("float32")))
    found = backbone.weights(Application(name), source, tmp_path)
    built = build(f"keras:{name}", pretrained=found)
    features = keras.Model(built.input, built.get_layer("head_mean").input)
    np.testing.assert_allclose(features(PHOTOS / 255), expected, rtol=1e-3, atol=1e-4)


def test_imagenet_without_a_network_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(keras.config, "keras_home", lambda: str(tmp_path), raising=False)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(backbone.WeightsError, match=r'^"imagenet" \(URL fetch failure'):
        backbone.weights(APPLICATION, "imagenet", tmp_path)


@pytest.mark.parametrize("content", [None, b"", b"no weights", "another"])
def test_files_that_are_no_such_weights(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "own.weights.h5"
    if content == "another":
        keras.Sequential([layers.Input((3,)), layers.Dense(2)]).save_weights(path)
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(backbone.WeightsError, match=r'^"own\.weights\.h5"'):
        backbone.weights(APPLICATION, "own.weights.h5", tmp_path)


@pytest.mark.sampled(1)
@pytest.mark.parametrize("kind", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta"])
def test_the_backbones_layers_take_smaller_steps(kind: str) -> None:
    steps = {}
    for share in (1.0, 0.25):
        keras.utils.set_random_seed(0)
        model = build(frozen=0.0, dropout=0.0, fine_tuning_rate=share)
        before = [keras.ops.convert_to_numpy(each) for each in model.trainable_variables]
        without = {"weight_decay": 0.0} if kind == "AdamW" else {}  # which is the same for all
        optimizer = getattr(keras.optimizers, kind)(0.01, **without)
        optimizer = backbone.fine_tuning(optimizer, model, {"fine_tuning_rate": share}, None)
        optimizer.apply(
            [keras.ops.ones_like(v) for v in model.trainable_variables], model.trainable_variables
        )
        after = [keras.ops.convert_to_numpy(each) for each in model.trainable_variables]
        steps[share] = [other - one for one, other in zip(before, after, strict=True)]
    paths = [each.path for each in model.trainable_variables]
    for path, one, other in zip(paths, steps[1.0], steps[0.25], strict=True):
        expected = one if path.startswith("output") else one * 0.25
        np.testing.assert_allclose(other, expected, atol=1e-6, err_msg=path)


def test_without_anything_to_slow_the_optimizer_is_keras_own() -> None:
    adam = keras.optimizers.Adam()
    assert backbone.fine_tuning(adam, build(frozen=1.0), {}, []) is adam
    assert backbone.fine_tuning(adam, build(frozen=0.0), {}, None) is adam
    assert backbone.fine_tuning(adam, build(frozen=0.0), {}, []) is not adam


@pytest.mark.slow
@pytest.mark.parametrize("name", applications.NAMES)
def test_every_application_is_built_and_saved(name: str, tmp_path: Path) -> None:
    keras.utils.clear_session()
    side = applications.read(f"keras:{name}").smallest
    model = build(f"keras:{name}", side=side, frozen=0.5, head_width=4, activation="prelu")
    assert 0 < len(model.trainable_variables) < len(model.variables)
    x = np.random.default_rng(0).random((2, side, side, 3)).astype("float32")
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_allclose(again(x), model(x), rtol=1e-5, atol=1e-6)
