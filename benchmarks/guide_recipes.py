"""The figures that the documents print of their systems, and each recipe for a small machine."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SLIDES = "university slides on model tuning"
OVERFITTING = "AI-school slides on overfitting and tf.keras"
SCRATCH = "'Keras from scratch, part 5'"
BOOK = "book chapter 'structuring DL projects and hyperparameter tuning'"
BLOG = "blog 'tuning methods'"

AS_IT_STANDS = "as the recipe stands"
CIFAR10 = "cifar10.npz"  # the recipes' CIFAR-10, where $STUDYHALL_DATA has its own copy
LOSSY = "CIFAR-10 from a lossy copy (JPEG of about 30 dB)"


@dataclass(frozen=True)
class System:
    """One system of the documents.

    Attributes:
        recipe: name of the recipe.
        document: where the system comes from.
        printed: what the document prints, by the fixed trial's name.
        shorter: keys of the study file, by table, that make it feasible on two CPU cores.
        here: what these change, in words.
        local: keys of the study file where the data come from $STUDYHALL_DATA.
        variation: tells a second run of one recipe from the first.
    """

    recipe: str
    document: str
    printed: Mapping[str, str]
    shorter: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    here: str = AS_IT_STANDS
    local: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    variation: str = ""

    @property
    def name(self) -> str:
        """Of the run, and of its study."""
        return f"{self.recipe}-{self.variation}" if self.variation else self.recipe

    @property
    def whole(self) -> str:
        """The sentence on a run in which nothing is shortened."""
        return f"{AS_IT_STANDS}; {LOSSY}" if self.local else AS_IT_STANDS


REVIEWS = {
    "original": "last validation loss 0.9725, accuracy 0.8298",
    "smaller": "0.7008, 0.8476",
    "bigger": "0.9431, 0.8794",
    "l2": "0.4292, 0.8688",
    "dropout": "0.5701 to 0.5788, 0.87",
}

SYSTEMS = (
    System(
        "blobs-mlp",
        BOOK,
        {"chapter": "accuracy 0.825 in training, 0.819 on the test set"},
        here="as the recipe stands; tested on 10,000 new points of the same clouds",
    ),
    System(
        "imdb-mlp",
        SCRATCH,
        REVIEWS,
    ),
    System(
        "imdb-mlp",
        SCRATCH,
        REVIEWS,
        {"space": {"epsilon": 1e-7}},
        "RMSprop's epsilon as Keras 3 has it: 1e-7, within the root",
        variation="keras-3",
    ),
    System(
        "imdb-mlp",
        SCRATCH,
        REVIEWS,
        {
            "data": {"source": "keras:imdb", "split": [0.64, 0.16, 0.2]},
            "space": {"epsilon": 1e-7},
        },
        "20,000 reviews to train on, 5,000 of the same films to validate, 25,000 to test; epsilon "
        "1e-7",
        variation="same-films",
    ),
    System(
        "mnist-mlp",
        BLOG,
        {
            "sigmoid, sgd": "accuracy 0.86 in training",
            "relu, 10 layers": "0.9997 in training, 0.959 on the test set",
            "relu, adam": "0.9998 in training, 0.967 on the test set",
        },
        {"training": {"epochs": 10}},
        "10 epochs in place of 20",
    ),
    System(
        "fashion-cnn",
        SLIDES,
        dict.fromkeys(("sgd", "adam", "rmsprop"), "nothing for these data"),
        {"data": {"samples": 10_000, "split": [0.6, 0.3, 0.1]}},
        "6,667 pictures to train on and 3,333 to validate, all 10,000 to test",
    ),
    System(
        "cifar10-cnn",
        SLIDES,
        {
            "sgd": "test accuracy 0.7396, loss 0.7642 (40 epochs)",
            "adam": "0.7192, 0.8005 (13 epochs)",
            "rmsprop": "0.7303, 0.7969",
        },
        {"data": {"samples": 10_000}, "training": {"epochs": 8}},
        f"8,000 pictures to train on in place of 40,000, 8 epochs; {LOSSY}",
        {"data": {"source": CIFAR10}},
    ),
    System(
        "cifar10-vgg",
        BOOK,
        {"six convolutions": "test accuracy 0.9026, loss 0.398 (125 epochs)"},
        {"data": {"samples": 5_000}, "training": {"epochs": 5}},
        f"4,500 pictures to train on in place of 45,000, 5 epochs; {LOSSY}",
        {"data": {"source": CIFAR10}},
    ),
    System(
        "catsdogs-mlp",
        OVERFITTING,
        {"slides": "about 0.60 on the test set"},
        {"study": {"trials": 10}, "training": {"epochs": 20}},
        f"10 trials of at most 20 epochs; 5,000 cats and dogs of 32×32 pixels; {LOSSY}",
        {"data": {"image_size": [32, 32]}},
    ),
)
