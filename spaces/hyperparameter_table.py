"""The table of hyperparameters: name, meaning, legal values, source and default of each.

It is the reference of the ``[space]`` section. A default (``mlp=``, ``cnn=`` …) applies when the
study file doesn't mention the name. Together the defaults are the textbook configuration that a
study tries first.
"""

from __future__ import annotations

from studyhall.spaces.legal import Hyperparameter

SLIDES = "university slides on model tuning"
OVERFITTING = "AI-school slides on overfitting and tf.keras"
SCRATCH = "'Keras from scratch, part 5'"
BOOK = "book chapter 'structuring DL projects and hyperparameter tuning'"
BLOG = "blog 'tuning methods'"
KERAS = "Keras documentation"
SERIES = (
    "F. Chollet, 'Deep Learning with Python', chapter on timeseries: two layers of 32 GRU units"
)
TEMPORAL = (
    "Bai, Kolter and Koltun 2018, 'An empirical evaluation of generic convolutional and recurrent "
    "networks for sequence modeling'"
)

BUILT_IN_FAMILIES = ("mlp", "cnn", "sequence", "text")
TRANSFER = "Keras guide 'Transfer learning and fine-tuning'"
READING = (
    "Keras examples 'Text classification from scratch' and 'Text classification with Transformer'"
)

BACKBONES = "keras"  # the families keras:ResNet50 and others, in `only` and for defaults
COLUMNS = (*BUILT_IN_FAMILIES, BACKBONES)
IMAGES = ("mlp", "cnn", BACKBONES)  # the families that take images

# fmt: off
TABLE: tuple[Hyperparameter, ...] = (
    # Architecture
    Hyperparameter(
        "cell", "choice",
        "layers that read a sequence: gru or lstm units, or blocks of temporal convolutions",
        SERIES, words=("gru", "lstm", "conv"), sequence="gru", only=("sequence",),
    ),
    Hyperparameter(
        "encoder", "choice",
        "what reads a text: the mean of its words' embeddings, or transformer blocks before it",
        READING, words=("mean", "transformer"), text="mean", only=("text",),
    ),
    Hyperparameter(
        "vocabulary", "integer", "most frequent words of the training texts that are told apart",
        SCRATCH, legal="[1, inf)", most=10_000_000, usual="2000 … 20000, log", text=10_000,
        only=("text",),
    ),
    Hyperparameter(
        "length", "integer", "words that are read of a text; the rest is cut off", READING,
        legal="[1, inf)", most=100_000, usual="100, 250, 500", text=250, only=("text",),
    ),
    Hyperparameter(
        "embedding", "integer", "numbers by which each word of a text is represented", READING,
        legal="[1, inf)", most=100_000, usual="16 … 128, log", text=32, only=("text",),
    ),
    Hyperparameter(
        "heads", "integer", "attention heads of each transformer block", READING,
        legal="[1, inf)", most=1000, usual="2, 4", text=2, only=("text",),
    ),
    Hyperparameter(
        "depth", "integer",
        "number of hidden layers; blocks of convolutions in a cnn, or of a transformer", SLIDES,
        legal="[1, inf)", most=100, usual="1 … 4", mlp=2, cnn=2, text=1, only=BUILT_IN_FAMILIES,
    ),
    Hyperparameter(
        "width", "integer",
        "units per hidden layer; filters of the first block in a cnn, doubling per block", SCRATCH,
        legal="[1, inf)", most=1_000_000, usual="16 … 512, log", mlp=128, cnn=32, sequence=32,
        text=32, only=BUILT_IN_FAMILIES, per_layer=True,
    ),
    Hyperparameter(
        "activation", "choice",
        "activation function of every hidden layer; in a sequence, of temporal convolutions", BOOK,
        mlp="relu", cnn="relu", per_layer=True,
        words=("relu", "leaky_relu", "elu", "gelu", "selu", "tanh", "sigmoid", "prelu", "maxout"),
    ),
    Hyperparameter(
        "batch_norm", "switch",
        "batch normalization between a layer and its activation; in a sequence, of convolutions; "
        "in a text, after the mean",
        BOOK, mlp=False, cnn=False, only=BUILT_IN_FAMILIES, per_layer=True,
    ),
    Hyperparameter(
        "convolutions", "integer", "3×3 convolutions per block of a cnn", BOOK,
        legal="[1, inf)", most=100, usual="1 … 3", cnn=2, only=("cnn",),
    ),
    Hyperparameter(
        "head_width", "integer",
        "units of the dense layer between a cnn's blocks, or a backbone, and its output; 0 = none",
        SLIDES, legal="[0, inf)", most=1_000_000, usual="0 … 512", cnn=128, keras=0,
        only=("cnn", BACKBONES),
    ),
    Hyperparameter(
        "frozen", "float",
        "share of a backbone's layers, from the input on, that are not trained; default 1, or 0 "
        "without pretrained weights", TRANSFER, legal="[0, 1]", usual="0.5 … 1", only=(BACKBONES,),
    ),
    Hyperparameter(
        "fine_tuning_rate", "float",
        "learning rate of a backbone's layers that are trained, as a share of learning_rate; "
        "default 0.1, or 1 without pretrained weights", TRANSFER,
        legal="(0, inf)", usual="0.01 … 1, log", only=(BACKBONES,),
    ),
    Hyperparameter(
        "resolution", "integer",
        "height and width to which a backbone's pictures are resized, in the model; default: none, "
        "they stay as they are", TRANSFER, legal="[1, inf)", most=10_000, usual="64, 96, 128, 224",
        only=(BACKBONES,),
    ),
    Hyperparameter(
        "bidirectional", "switch", "gru and lstm units read a sequence in both directions", SERIES,
        sequence=False, only=("sequence",),
    ),
    Hyperparameter(
        "kernel_size", "integer",
        "steps of a sequence in each temporal convolution; their distance doubles per block",
        TEMPORAL, legal="[1, inf)", most=100_000, usual="2 … 8", sequence=3, only=("sequence",),
    ),
    # Optimization
    Hyperparameter(
        "optimizer", "choice", "algorithm that turns gradients into weight updates", BOOK,
        mlp="adam", cnn="adam", training=True,
        words=("sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop", "adam", "adamw"),
    ),
    Hyperparameter(
        "learning_rate", "float", "initial learning rate, before any decay", BOOK,
        legal="(0, inf)", usual="1e-6 … 0.1, log", mlp=1e-3, cnn=1e-3, training=True,
    ),
    Hyperparameter(
        "momentum", "float",
        "share of the last update in the next; default 0.9 with momentum and nesterov, else 0",
        SLIDES, legal="[0, 1)", usual="0 … 0.99", training=True,
    ),
    Hyperparameter(
        "beta_1", "float", "decay of the running mean of the gradients (adam, adamw)", BOOK,
        legal="[0, 1)", usual="0.8 … 0.99", mlp=0.9, cnn=0.9, training=True,
    ),
    Hyperparameter(
        "beta_2", "float", "decay of the running mean of their squares (adam, adamw)", BOOK,
        legal="[0, 1)", usual="0.9 … 0.9999", mlp=0.999, cnn=0.999, training=True,
    ),
    Hyperparameter(
        "epsilon", "float",
        "keeps updates finite where gradients vanish (adagrad, adadelta, rmsprop, adam, adamw); "
        "default 1e-7; rmsprop adds it inside the root, so that 1e-14 equals 1e-7 in Keras 2.2",
        BOOK,
        legal="(0, inf)", usual="1e-8 … 1e-3, log", training=True,
    ),
    Hyperparameter(
        "weight_decay", "float", "decoupled weight decay per step (adamw); default 0.004", KERAS,
        legal="[0, inf)", usual="1e-5 … 0.1, log", training=True,
    ),
    Hyperparameter(
        "decay", "choice", "schedule by which the learning rate decreases", BOOK,
        mlp="none", cnn="none", training=True,
        words=("none", "inverse_time", "step", "exponential", "cosine", "plateau"),
    ),
    Hyperparameter(
        "decay_rate", "float",
        "inverse_time: lr = lr0 / (1 + decay_rate·updates), default 0.001; step (default 0.5), "
        "exponential (0.1) and plateau (0.1): factor per decay_epochs; cosine (0): final learning "
        "rate as a share of lr0", BOOK,
        legal="[0, 1)", usual="1e-6 … 1e-2, log, for inverse_time; otherwise 0.1 … 0.9",
        training=True,
    ),
    Hyperparameter(
        "decay_epochs", "integer",
        "epochs per factor decay_rate: step (default 5), exponential (8); plateau (5): epochs "
        "without improvement before a reduction; cosine (all epochs): length of the decay", BOOK,
        legal="[1, inf)", usual="3 … 20", training=True,
    ),
    Hyperparameter(
        "warmup_epochs", "integer",
        "epochs in which the learning rate rises to its full value, before any decay", KERAS,
        legal="[0, inf)", usual="0 … 5", mlp=0, cnn=0, training=True,
    ),
    Hyperparameter(
        "batch_size", "integer", 'samples per step; "all" = the whole training set', BOOK,
        legal="[1, inf)", words=("all",), usual="32, 64, 128, 256, 512, 1024", mlp=32, cnn=32,
        training=True,
    ),
    Hyperparameter(
        "clip_norm", "float", "largest global norm of the gradients; 0 = no clipping", KERAS,
        legal="[0, inf)", usual="0.1 … 10, log", mlp=0.0, cnn=0.0, training=True,
    ),
    # Regularization
    Hyperparameter(
        "dropout", "float", "share of units dropped after every hidden layer (block, in a cnn)",
        SLIDES, legal="[0, 1)", usual="0 … 0.75", mlp=0.2, cnn=0.25, per_layer=True,
    ),
    Hyperparameter(
        "head_dropout", "float",
        "share of units dropped after a cnn's dense layer; default: that of the last block",
        SLIDES, legal="[0, 1)", usual="0 … 0.75", only=("cnn",),
    ),
    Hyperparameter(
        "l1", "float", "L1 penalty on the weights of hidden layers", OVERFITTING,
        legal="[0, inf)", usual="1e-7 … 1e-2, log", mlp=0.0, cnn=0.0,
    ),
    Hyperparameter(
        "l2", "float", "L2 penalty on the weights of hidden layers", SCRATCH,
        legal="[0, inf)", usual="1e-7 … 1e-2, log", mlp=0.0, cnn=0.0,
    ),
    Hyperparameter(
        "label_smoothing", "float", "share of the target spread over all classes", KERAS,
        legal="[0, 1)", usual="0 … 0.2", mlp=0.0, cnn=0.0, training=True,
    ),
    Hyperparameter(
        "class_weights", "choice",
        "weight of a sample in the training loss: balanced = rare classes count more", KERAS,
        words=("none", "balanced"), mlp="none", cnn="none", training=True,
    ),
    # Augmentation: training images only
    Hyperparameter(
        "flip", "switch", "images mirrored at random; true = horizontal", BOOK,
        words=("horizontal", "vertical", "both"), mlp=False, cnn=False, only=IMAGES,
    ),
    Hyperparameter(
        "rotation", "float", "images rotated by up to this many degrees, either way", BOOK,
        legal="[0, 180]", usual="0 … 15", mlp=0.0, cnn=0.0, only=IMAGES,
    ),
    Hyperparameter(
        "shift", "float", "images moved by up to this share of their width and height", BOOK,
        legal="[0, 1)", usual="0 … 0.1", mlp=0.0, cnn=0.0, only=IMAGES,
    ),
    Hyperparameter(
        "zoom", "float", "images enlarged or shrunk by up to this share", SLIDES,
        legal="[0, 1)", usual="0 … 0.2", mlp=0.0, cnn=0.0, only=IMAGES,
    ),
)
# fmt: on
