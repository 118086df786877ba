"""The compiled training of a user's own model, without a copy, for a single trial."""

from __future__ import annotations

from typing import Any

import numpy as np

from studyhall.search.training.compiled import optimizers, updates
from studyhall.spaces import randomness


class Unshared:
    """A model that trains itself, with the interface of `twin.Twin`, for one that can't be copied.

    Args:
        model: Built and compiled.
        sparse: The samples are sparse; the model then gets them made dense.
    """

    def __init__(self, model: Any, *, sparse: bool) -> None:
        self.model, self.densify = model, sparse
        self.optimizer = optimizers.copied(model.optimizer)
        self.optimizer.build(model.trainable_variables)
        self._seeds = randomness.seeds()  # of layers that draw without a seed

    @property
    def learning_rate(self) -> Any:
        """The variable that holds the current learning rate."""
        return updates.inner(self.optimizer)._learning_rate.value

    def load(self, model: Any, learning_rate: float) -> None:
        """Set the first learning rate; the model needs no copying.

        Args:
            model: The model given at creation.
            learning_rate: Learning rate of the first step.
        """
        self.learning_rate.assign(np.float32(learning_rate))

    def variables(self) -> list[Any]:
        """Return everything that training changes, as TensorFlow variables, in a fixed order."""
        held = (*self.model.variables, *self.optimizer.variables, self._seeds)
        return [variable.value for variable in held]
