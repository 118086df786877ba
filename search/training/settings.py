"""How a model is to be trained."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import keras

from studyhall.spaces.optimization import Plateau


class UnknownMetric(ValueError):  # noqa: N818  not an error of the program
    """No metric of that name is measured; the message says which are."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        names = ", ".join(each.removeprefix("val_") for each in known if each.startswith("val_"))
        wanted = name.removeprefix("val_")
        super().__init__(f'[study] objective: received "{wanted}", expected one of {names}')


@dataclass(frozen=True)
class Settings:
    """How a model is to be trained.

    Attributes:
        epochs: Most epochs.
        batch_size: Samples per optimizer step; the last step of an epoch may have fewer.
        patience: Epochs without improvement until the training stops, or None.
        min_delta: What counts as an improvement of the value.
        seed: Of the order of the samples; weights and dropout have the model's own seeds.
        class_weight: Weight of each class in the loss, or None.
        plateau: Lowers the learning rate where the value no longer falls.
        data_loss: The loss that the value is measured with; default: the model's own, without
            penalties.
        engine: "keras" trains by Keras' own fit, whatever the model.
        xla: Whether compiled epochs go through XLA.
        objective: The metric that is an epoch's value.
        sign: What it is multiplied with, so that less is better.
    """

    epochs: int
    batch_size: int
    patience: int | None = None
    min_delta: float = 0.0
    seed: int = 0
    class_weight: dict[int, float] | None = None
    plateau: Plateau | None = None
    data_loss: keras.losses.Loss | None = None
    engine: str = "auto"
    xla: bool = False
    objective: str = "val_loss"
    sign: float = 1.0
