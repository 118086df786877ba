"""The settings of a model's training."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import keras

from studyhall.spaces.optimization import Plateau
from studyhall.spaces.training_code import Callbacks


class UnknownMetric(ValueError):  # noqa: N818  not an error of the program
    """An error: the named metric is not measured; the message lists those that are."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        names = ", ".join(each.removeprefix("val_") for each in known if each.startswith("val_"))
        wanted = name.removeprefix("val_")
        super().__init__(f'[study] objective: received "{wanted}", expected one of {names}')


@dataclass(frozen=True)
class Settings:
    """The settings of a model's training.

    Attributes:
        epochs: Largest number of epochs.
        batch_size: Samples per optimizer step; the last step of an epoch may have fewer.
        patience: Epochs without improvement until the training stops, or None.
        min_delta: Smallest change of the value that counts as an improvement.
        seed: Seed of the sample order; weights and dropout have the model's own seeds.
        class_weight: Weight of each class in the loss, or None.
        plateau: Lowers the learning rate when the value stops improving, or None.
        data_loss: Loss that the value is measured by; default: the model's own, without
            penalties.
        engine: "auto", or "keras" to train any model by `model.fit`.
        xla: Compile epochs with XLA.
        loss_weight: Factor of the model's own loss, with which it was compiled; losses are recorded
            without it.
        objective: Metric that is an epoch's value.
        sign: Factor of the metric, such that lower values are better.
        callbacks: Makes callbacks of the user's for a training, or None.
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
    loss_weight: float = 1.0
    objective: str = "val_loss"
    sign: float = 1.0
    callbacks: Callbacks | None = None
