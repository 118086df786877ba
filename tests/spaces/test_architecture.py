"""The families mlp and cnn: the guide's own networks, and what can't be built."""

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

from studyhall.spaces import architecture, hyperparameters

pytestmark = pytest.mark.part(40)

IMAGE = (8, 8, 1)
ACTIVATIONS = hyperparameters.find("activation").words


def build(family="mlp", input_shape=(4,), outputs=3, task="multiclass", **values):
    keras.utils.set_random_seed(0)
    return architecture.build(family, values, input_shape, outputs, task)


def names(model):
    return [layer.name for layer in model.layers]


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


# The guide's own networks


def test_blobs_network_of_the_book():
    model = build(input_shape=(2,), depth=1, width=25, dropout=0, l2=0)
    assert kinds(model) == ["InputLayer", "Dense", "Activation", "Dense"]
    assert model.count_params() == 2 * 25 + 25 + 25 * 3 + 3
    assert model.layers[-1].activation is keras.activations.softmax


def test_cifar10_network_of_the_slides():
    head = {"head_width": 512, "head_dropout": 0.5}
    model = build("cnn", (32, 32, 3), 10, convolutions=1, width=32, dropout=0.25, **head)
    assert model.count_params() == 2_122_186
    assert [layer.rate for layer in model.layers if "dropout" in layer.name] == [0.25, 0.25, 0.5]


def test_vgg_of_the_book():
    values = {"depth": 3, "width": 32, "batch_norm": True, "l2": 1e-4, "head_width": 0}
    model = build("cnn", (32, 32, 3), 10, dropout=[0.2, 0.3, 0.4], **values)
    filters = [layer.filters for layer in model.layers if layer.name.startswith("conv")]
    assert filters == [32, 32, 64, 64, 128, 128]
    assert [layer.rate for layer in model.layers if "dropout" in layer.name] == [0.2, 0.3, 0.4]


def test_pyramid_of_widths():
    model = build(depth=3, width=[256, 128, 64], outputs=2)
    units = [layer.units for layer in model.layers if layer.name.startswith("dense")]
    assert units == [256, 128, 64]


# Layers and their order


@pytest.mark.parametrize(("family", "shape"), [("mlp", (4,)), ("mlp", (4, 2)), ("cnn", IMAGE)])
def test_a_regression_in_the_units_of_its_targets(family, shape):
    x = np.random.default_rng(0).normal(size=(9, *shape)).astype(np.float32)
    plain = build(family, shape, 2, "regression", dropout=0, depth=1)
    keras.utils.set_random_seed(0)
    units = np.array([7.0, -3.0]), np.array([2.0, 10.0])
    values = {"dropout": 0, "depth": 1}
    scaled = architecture.build(family, values, shape, 2, "regression", units)
    assert np.allclose(scaled(x), plain(x) * units[1] + units[0], atol=1e-4)


@pytest.mark.parametrize("shape", [(4,), (3, 4)])
@pytest.mark.parametrize("family", ["mlp", "sequence"])
def test_a_vector_is_learned_for_each_number_of_an_embedded_category(family, shape):
    if family == "sequence" and len(shape) == 1:
        shape = (2, *shape)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(9, *shape)).astype(np.float32)
    x[..., 1], x[..., 3] = rng.integers(0, 300, x.shape[:-1]), rng.integers(0, 7, x.shape[:-1])
    model = architecture.build(family, {}, shape, 2, "regression", embedded={1: 300, 3: 7})
    other = x.copy()
    other[..., 3] = 6 - x[..., 3]
    assert np.allclose(model(x), model(other))  # vectors begin as zeros

    vectors = model.get_layer("embedding_4")
    vectors.embeddings.assign(rng.normal(size=vectors.embeddings.shape))
    assert not np.allclose(model(x), model(other))
    inside = keras.Model(model.input, model.get_layer("features").output)(x)
    assert inside.shape == (*x.shape[:-1], 2 + 2 * architecture.EMBEDDING)
    assert np.allclose(inside[..., :2], x[..., [0, 2]])
    found = np.asarray(vectors.embeddings)[x[..., 3].astype(int)]
    assert np.allclose(inside[..., -architecture.EMBEDDING :], found)


@pytest.mark.parametrize("precision", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_numbers_of_values_are_exact_in_any_precision(precision):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        model = architecture.build("mlp", {}, (2,), 1, "regression", embedded={0: 100_001})
    finally:
        keras.config.set_dtype_policy(before)
    vectors = model.get_layer("embedding_1")
    marked = np.random.default_rng(0).integers(2048, 100_000, 9)
    vectors.embeddings.assign(np.isin(np.arange(100_001), marked)[:, None] * np.ones(8))
    numbers = np.concatenate([marked, [each for each in marked + 1 if each not in marked]])
    x = np.stack([numbers, np.zeros(len(numbers))], axis=1).astype(np.float32)
    found = np.asarray(keras.Model(model.input, vectors.output)(x), np.float32)[:, 0]
    assert found.tolist() == np.isin(numbers, marked).tolist()


def test_batch_norm_comes_before_the_activation_and_dropout_after_it():
    model = build(depth=1, batch_norm=True, dropout=0.5)
    assert names(model) == ["input", "dense_1", "batch_norm_1", "relu_1", "dropout_1", "output"]


def test_a_cnn_block():
    model = build("cnn", IMAGE, depth=1, batch_norm=True, head_width=0)
    assert names(model) == [
        *("input", "conv_1_1", "batch_norm_1_1", "relu_1_1"),
        *("conv_1_2", "batch_norm_1_2", "relu_1_2"),
        *("pool_1", "dropout_1", "flatten", "output"),
    ]


def test_batch_norm_activation_and_dropout_per_layer():
    values = {"batch_norm": [True, False], "activation": ["tanh", "elu"], "dropout": [0.0, 0.3]}
    assert names(build(depth=2, **values)) == [
        *("input", "dense_1", "batch_norm_1", "tanh_1"),
        *("dense_2", "elu_2", "dropout_2", "output"),
    ]


def test_the_penalty_is_on_hidden_layers_only():
    model = build(depth=2, l1=0.1, l2=0.2)
    penalties = {layer.name: layer.kernel_regularizer for layer in model.layers if layer.weights}
    assert penalties.pop("output") is None
    assert len(penalties) == 2
    assert {(float(each.l1), float(each.l2)) for each in penalties.values()} == {(0.1, 0.2)}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("family", "input_shape"), [("mlp", (4,)), ("cnn", IMAGE)])
def test_every_activation_trains_and_is_kerass_own(activation, family, input_shape):
    model = build(family, input_shape, activation=activation, width=4, depth=1, batch_norm=True)
    assert all(type(layer).__module__.startswith("keras.") for layer in model.layers)
    x = np.random.default_rng(0).normal(size=(6, *input_shape)).astype("float32")
    before = [weight.numpy() for weight in model.trainable_weights]
    model.compile("sgd", "sparse_categorical_crossentropy", run_eagerly=True)
    assert np.isfinite(model.train_on_batch(x, np.array([0, 1, 2] * 2)))
    for old, new in zip(before, model.trainable_weights, strict=True):
        assert not np.array_equal(old, new.numpy()) or "head" in new.path or "bias" in new.path


def test_leaky_relu_leaks_a_hundredth():
    layer = build(activation="leaky_relu", depth=1).get_layer("leaky_relu_1")
    assert layer(np.array([[-1.0, 2.0]])).numpy() == pytest.approx(np.array([[-0.01, 2.0]]))


def test_prelu_learns_one_slope_per_filter():
    model = build("cnn", IMAGE, activation="prelu", width=4, depth=1, head_width=0)
    assert model.get_layer("prelu_1_1").alpha.shape == (1, 1, 4)


def test_maxout_is_the_larger_of_two_pieces():
    model = build(activation="maxout", depth=1, width=5, dropout=0)
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    pieces = [model.get_layer(f"dense_1_{piece}")(x).numpy() for piece in "ab"]
    hidden = keras.Model(model.input, model.get_layer("maxout_1").output)
    assert hidden(x).numpy() == pytest.approx(np.maximum(*pieces))


@pytest.mark.parametrize(
    ("activation", "initializer"),
    [("relu", "HeUniform"), ("tanh", "GlorotUniform"), ("selu", "LecunNormal")],
)
def test_initial_weights_suit_the_activation(activation, initializer):
    layer = build(activation=activation, depth=1).get_layer("dense_1")
    assert type(layer.kernel_initializer).__name__ == initializer


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_deep_network_starts_with_signals_of_a_sane_size(activation):
    model = build(input_shape=(100,), activation=activation, depth=10, width=100, dropout=0)
    x = np.random.default_rng(0).normal(size=(200, 100)).astype("float32")
    last = keras.Model(model.input, model.layers[-2].output)(x).numpy()
    assert 0.05 < np.sqrt((last**2).mean()) < 5


# From trial to trial


def test_models_of_one_architecture_are_alike_by_name_and_configuration():
    values = {"dropout": 0.3, "rotation": 5.0, "activation": "maxout", "batch_norm": True}
    one, other = (build("cnn", IMAGE, **values) for _ in range(2))
    assert one.get_config() == other.get_config()
    assert [weight.path for weight in one.weights] == [weight.path for weight in other.weights]


def test_the_seed_decides_the_initial_weights():
    one, same = build(), build()
    keras.utils.set_random_seed(1)
    other = architecture.build("mlp", {}, (4,), 3, "multiclass")
    weights = [model.get_layer("dense_1").kernel.numpy() for model in (one, same, other)]
    assert np.array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


def test_an_exported_model_gives_the_same_numbers(tmp_path):
    model = build("cnn", IMAGE, activation="maxout", flip="both", zoom=0.1, l2=1e-3)
    model.save(tmp_path / "model.keras")
    x = np.random.default_rng(0).normal(size=(2, *IMAGE)).astype("float32")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert np.array_equal(again(x).numpy(), model(x).numpy())


# Tasks and inputs


@pytest.mark.parametrize(
    ("task", "outputs", "total"),
    [("binary", 1, None), ("multiclass", 4, 1.0), ("multilabel", 4, None)],
)
def test_classifiers_give_probabilities(task, outputs, total):
    model = build(outputs=outputs, task=task)
    given = model(10 * np.random.default_rng(0).normal(size=(20, 4))).numpy()
    assert given.shape == (20, outputs)
    assert ((given >= 0) & (given <= 1)).all()
    assert total is None or given.sum(axis=1) == pytest.approx(total)


def test_a_regression_gives_any_number():
    given = build(outputs=2, task="regression")(100 * np.eye(4)).numpy()
    assert given.shape == (4, 2)
    assert (given < 0).any()


def test_an_mlp_flattens_images_and_varies_them_in_training_only():
    model = build("mlp", (8, 8), rotation=15, dropout=0)
    assert names(model)[:4] == ["input", "image", "rotation", "flatten"]
    x = np.random.default_rng(0).normal(size=(2, 8, 8)).astype("float32")
    again = keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    for each in (model, again):
        assert np.array_equal(each(x).numpy(), each(x, training=False).numpy())
        assert np.allclose(each(x).numpy(), each.predict_on_batch(x))
        assert not np.array_equal(each(x).numpy(), each(x, training=True).numpy())


def test_fit_trains_on_varied_images_and_evaluates_plain_ones():
    model = build("mlp", IMAGE, dropout=0, rotation=180)
    model.compile(keras.optimizers.SGD(0.0), "sparse_categorical_crossentropy")
    x = np.random.default_rng(0).normal(size=(32, *IMAGE)).astype("float32")
    y = np.arange(32) % 3
    history = model.fit(x, y, epochs=3, verbose=0, validation_data=(x, y)).history
    assert len({*history["loss"]}) == 3
    assert len({*history["val_loss"]}) == 1


@pytest.mark.parametrize("family", ["mlp", pytest.param("cnn", marks=pytest.mark.slow)])
def test_the_textbook_configuration_learns_digits(family):
    images, labels = load_digits(return_X_y=True)
    x = (images / 16).reshape(-1, *IMAGE).astype("float32")
    values = hyperparameters.textbook(family)
    model = build(family, IMAGE, 10, **values)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[:1200], labels[:1200], batch_size=values["batch_size"], epochs=6, verbose=0)
    assert model.evaluate(x[1200:], labels[1200:], verbose=0)[1] > 0.88


def test_grey_images_without_a_channel_are_images():
    assert build("cnn", (8, 8)).output_shape == (None, 3)


# What can't be built


def test_a_cnn_needs_images():
    with pytest.raises(architecture.ArchitectureError, match=r"needs images .* \(64,\).*mlp"):
        build("cnn", (64,))


def test_augmentation_needs_images():
    with pytest.raises(
        architecture.ArchitectureError, match=r"flip_horizontal, zoom: needs images.*\(4,\)"
    ):
        build(flip=True, zoom=0.1)


@pytest.mark.parametrize(("shape", "most"), [((8, 8, 1), 3), ((28, 28, 1), 4), ((7, 100, 3), 2)])
def test_pooling_ends_where_nothing_is_left(shape, most):
    build("cnn", shape, depth=most, width=2)
    reason = rf"depth = {most + 1}: images of {shape[0]}×{shape[1]} .* {most} times"
    with pytest.raises(architecture.ArchitectureError, match=reason):
        build("cnn", shape, depth=most + 1, width=2)
