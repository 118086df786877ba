"""Penalties, augmentation, losses and class weights."""

import keras
import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from studyhall.spaces import regularization
from studyhall.spaces.failures import ArchitectureError

IMAGES = (6, 6, 1)


# Penalties


@pytest.mark.parametrize(
    ("values", "penalty"),
    [({"l1": 0.5}, 0.5 * 6), ({"l2": 0.5}, 0.5 * 14), ({"l1": 1, "l2": 2.0}, 6 + 28)],
)
def test_penalties_are_kerass(values, penalty):
    weights = np.array([1.0, -2.0, 3.0], "float32")
    assert float(regularization.regularizer(values)(weights)) == pytest.approx(penalty)


def test_no_penalty_is_none():
    assert regularization.regularizer({}) is None
    assert regularization.regularizer({"l1": 0.0, "l2": 0}) is None


# Augmentation


def varied(point=(1, 0), **values):
    """Training images, with one bright point, as augmentation varies them."""
    steps = regularization.augmentation(values, IMAGES)
    keras.utils.set_random_seed(0)
    images = np.zeros((64, *IMAGES), "float32")
    images[:, *point] = 1.0
    trained = images
    for layer in steps:
        trained = layer(trained, training=True)
    return steps[0], images, np.asarray(trained)


def test_no_augmentation_adds_no_layers():
    assert regularization.augmentation({"flip": False, "rotation": 0, "zoom": 0.0}, IMAGES) == []


@pytest.mark.parametrize(
    ("flip", "places"),
    [
        (True, {(1, 0), (1, 5)}),
        ("horizontal", {(1, 0), (1, 5)}),
        ("vertical", {(1, 0), (4, 0)}),
        ("both", {(1, 0), (1, 5), (4, 0), (4, 5)}),
    ],
)
def test_flips_mirror_images_at_random(flip, places):
    _, _, flipped = varied(flip=flip)
    assert {tuple(map(int, np.argwhere(image)[0][:2])) for image in flipped} == places


def test_rotation_is_in_degrees():
    layer, images, turned = varied(rotation=15)
    assert layer.get_config()["factor"] == pytest.approx((-15 / 360, 15 / 360))
    assert not np.array_equal(images, turned)


def test_shifts_move_by_a_share_of_the_size():
    layer, _, moved = varied(point=(3, 3), shift=0.2)
    for axis in (0, 1):
        places = {int(np.argmax(image.max(axis=axis))) for image in moved}
        assert places == {2, 3, 4}  # by 0.2 of 6 pixels at most
    assert layer.get_config()["height_factor"] == layer.get_config()["width_factor"] == 0.2


def test_zoom_keeps_the_proportions():
    layer, images, zoomed = varied(zoom=0.2)
    assert layer.get_config()["height_factor"] == 0.2
    assert layer.get_config()["width_factor"] is None
    assert not np.array_equal(images, zoomed)


@pytest.mark.parametrize("values", [{"flip": True}, {"rotation": 9}, {"shift": 0.1}, {"zoom": 0.1}])
def test_augmentation_varies_training_only_and_images_only(values):
    layer, images, trained = varied(**values)
    assert not np.array_equal(images, trained)
    assert np.array_equal(images, layer(images, training=False).numpy())
    with pytest.raises(ArchitectureError, match=rf"{layer.name}: needs images.*\(64,\)"):
        regularization.augmentation(values, (64,))


# Losses


def probabilities(classes=4, samples=50):
    logits = np.random.default_rng(0).normal(size=(samples, classes)).astype("float32")
    targets = np.random.default_rng(1).integers(0, classes, samples).astype("int32")
    return targets, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_multiclass_loss_takes_class_numbers_smoothed_as_keras_does_one_hot(smoothing):
    targets, given = probabilities()
    one_hot = keras.losses.CategoricalCrossentropy(label_smoothing=smoothing)
    expected = float(one_hot(np.eye(4, dtype="float32")[targets], given))
    loss = regularization.loss("multiclass", smoothing)
    assert float(loss(targets, given)) == pytest.approx(expected, rel=1e-6)
    assert float(loss(targets[:, None], given)) == pytest.approx(expected, rel=1e-6)


def test_smoothed_loss_weighs_samples_and_survives_saving():
    targets, given = probabilities()
    weights = np.linspace(0, 1, len(targets))
    loss = regularization.loss("multiclass", 0.2)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    one_hot = keras.losses.CategoricalCrossentropy(label_smoothing=0.2)
    expected = one_hot(np.eye(4, dtype="float32")[targets], given, sample_weight=weights)
    assert float(again(targets, given, sample_weight=weights)) == pytest.approx(float(expected))
    assert again.get_config() == loss.get_config()


def test_smoothed_loss_trains_like_keras():
    targets, _ = probabilities()
    x = np.random.default_rng(2).normal(size=(50, 3)).astype("float32")
    losses = []
    for loss, y in (
        (regularization.loss("multiclass", 0.1), targets),
        (keras.losses.CategoricalCrossentropy(label_smoothing=0.1), np.eye(4)[targets]),
    ):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation="softmax")])
        model.compile(keras.optimizers.SGD(0.5), loss)
        losses.append(model.fit(x, y, epochs=3, verbose=0, shuffle=False).history["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_binary_and_multilabel_loss_smooth_too():
    targets, given = np.array([[0.0], [1.0]]), np.array([[0.2], [0.7]])
    for task in ("binary", "multilabel"):
        expected = keras.losses.BinaryCrossentropy(label_smoothing=0.1)(targets, given)
        assert float(regularization.loss(task, 0.1)(targets, given)) == float(expected)
    flat = regularization.loss("binary")(np.array([0, 1]), given)
    assert float(flat) == pytest.approx(-np.log([0.8, 0.7]).mean(), rel=1e-5)


def test_regression_is_squared_error_and_has_nothing_to_smooth():
    assert float(regularization.loss("regression")(np.array([1.0]), np.array([3.0]))) == 4.0
    with pytest.raises(ArchitectureError, match=r"label_smoothing = 0\.1: a regression"):
        regularization.loss("regression", 0.1)


# Class weights


def test_balanced_weights_are_scikit_learns():
    y = np.array([0] * 70 + [1] * 20 + [3] * 10, "int32")
    weights = regularization.class_weights({"class_weights": "balanced"}, y)
    expected = compute_class_weight("balanced", classes=np.array([0, 1, 3]), y=y)
    assert weights == pytest.approx(dict(zip([0, 1, 3], expected, strict=True)))


def test_no_class_weights():
    assert regularization.class_weights({}, np.array([0, 1])) is None
    assert regularization.class_weights({"class_weights": "none"}, np.array([0.5])) is None


@pytest.mark.parametrize("y", [np.array([0.5, 1.5]), np.eye(3, dtype="int32")])
def test_class_weights_need_classes(y):
    with pytest.raises(ArchitectureError, match="class_weights"):
        regularization.class_weights({"class_weights": "balanced"}, y)
