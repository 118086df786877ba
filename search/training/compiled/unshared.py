"""A user's own model in compiled epochs, as it stands: no copy, and no other trial's."""

from __future__ import annotations

from typing import Any

import numpy as np

from studyhall.search.training.compiled import optimizers, updates
from studyhall.spaces import randomness


class Unshared:
    """Trains the very model that it is given; what a `twin.Twin` is to models that can be copied.

    Args:
        model: Built and compiled.
        sparse: Whether its samples are sparse; its layers then get dense ones.
    """

    def __init__(self, model: Any, *, sparse: bool) -> None:
        self.model, self.densify = model, sparse
        self.optimizer = optimizers.copied(model.optimizer)
        self.optimizer.build(model.trainable_variables)
        self._seeds = randomness.seeds()  # of layers that draw without a seed

    @property
    def learning_rate(self) -> Any:
        """The variable that each step's learning rate is read from."""
        return updates.inner(self.optimizer)._learning_rate.value

    def load(self, model: Any, learning_rate: float) -> None:
        """Begin its training.

        Args:
            model: The same.
            learning_rate: Of the first step.
        """
        self.learning_rate.assign(np.float32(learning_rate))

    def variables(self) -> list[Any]:
        """Everything that training changes, as TensorFlow variables, in a fixed order."""
        held = (*self.model.variables, *self.optimizer.variables, self._seeds)
        return [variable.value for variable in held]
