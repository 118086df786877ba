"""The guide's situations, trained for real: settings, data, and the verdicts that fit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from studyhall.search.diagnosis.rules import (
    CUT_SHORT,
    DIVERGED,
    GOOD,
    OVERFIT,
    TOO_EARLY,
    TOO_LONG,
    UNDERFIT,
    UNSTABLE,
)

SOURCES = {
    "digits": "sklearn:digits",
    "breast cancer": "sklearn:breast_cancer",
    "moons": "sklearn:moons(noise=0.3)",
}
SOUND = {"depth": 2, "width": 64, "dropout": 0.2, "learning_rate": 1e-3}  # what they depart from
OVERFITTING = (OVERFIT, TOO_LONG)


@dataclass(frozen=True)
class Situation:
    """A training with a known fault.

    Args:
        name: in words.
        expected: verdicts that are right.
        values: hyperparameters that differ from `SOUND`.
        noise: share of the labels that are drawn anew, in training and validation set alike.
        samples: how many there are, if not all.
        split: the shares of training, validation and test set.
        on: names of `SOURCES` in which the fault shows.
        family: the network; a recurrent one reads a picture's rows one after the other.
    """

    name: str
    expected: tuple[str, ...]
    values: Mapping[str, Any] = field(default_factory=dict)
    epochs: int = 40
    patience: int | None = None
    noise: float = 0.0
    samples: int | None = None
    split: tuple[float, float, float] = (0.6, 0.2, 0.2)
    on: tuple[str, ...] = tuple(SOURCES)
    family: str = "mlp"


NETWORKS: dict[str, Mapping[str, Any]] = {  # and what each has in place of `SOUND`
    "mlp": SOUND,
    "cnn": {"depth": 2, "width": 16, "convolutions": 1, "head_width": 32, "learning_rate": 1e-3},
    "sequence": {"cell": "gru", "depth": 1, "width": 32, "learning_rate": 1e-3},
}


def _short(name: str, expected: tuple[str, ...], rate: float, *counts: int) -> list[Situation]:
    """A training of few epochs by each network."""
    return [
        Situation(
            f"{name}: {epochs} epochs, {family}", expected, {"learning_rate": rate}, epochs,
            on=("digits",), family=family,
        )
        for epochs in counts
        for family in NETWORKS
    ]  # fmt: skip


SHORT = (
    *_short("falls at every step", (TOO_EARLY,), 3e-4, 3),
    *_short("falls at every step", (CUT_SHORT,), 3e-4, 5, 8, 12),
    *_short("hardly moves", (CUT_SHORT,), 1e-5, 5, 8, 12),
    *_short("truly unstable", (UNSTABLE, DIVERGED), 0.5, 5, 8, 12),
    Situation(
        "rises: 12 epochs, 80 samples", OVERFITTING,
        {"width": 256, "dropout": 0.0, "learning_rate": 0.003}, 12, noise=0.3, samples=80,
        on=("digits",),
    ),
)  # fmt: skip
SITUATIONS = (
    Situation("as it should be", (GOOD,), epochs=200, patience=10),
    Situation(
        "too small: one unit", (UNDERFIT,),
        {"width": 1, "depth": 1, "dropout": 0.0, "learning_rate": 0.01}, 80, on=("digits", "moons"),
    ),
    Situation(
        "regularised to death: dropout 0.75, L2 0.03", (UNDERFIT,), {"dropout": 0.75, "l2": 0.03},
        80, on=("digits", "breast cancer"),
    ),
    Situation(
        "too wide: 3 × 512 units, 300 samples", OVERFITTING,
        {"width": 512, "depth": 3, "dropout": 0.0}, 200, noise=0.1, samples=300,
    ),
    Situation(
        "too long: 300 epochs", (TOO_LONG,), {"width": 256, "depth": 3, "dropout": 0.0}, 300,
        noise=0.1,
    ),
    Situation(
        "no regularisation, early stopping", OVERFITTING, {"width": 256, "dropout": 0.0}, 60, 10,
        noise=0.1, on=("digits", "breast cancer"),
    ),
    Situation(
        "label noise: 30 %", OVERFITTING, {"width": 128, "dropout": 0.0}, 80, noise=0.3,
        on=("digits", "breast cancer"),
    ),
    Situation(
        "tiny data: 48 training samples", OVERFITTING, {"dropout": 0.0}, 100, samples=240,
        split=(0.2, 0.6, 0.2), on=("digits", "breast cancer"),
    ),
    Situation("learning rate × 100", (UNSTABLE, DIVERGED), {"learning_rate": 0.1}),
    Situation("learning rate ÷ 100", (CUT_SHORT,), {"learning_rate": 1e-5}),
)  # fmt: skip
