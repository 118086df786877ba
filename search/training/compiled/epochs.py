"""The compiled function that trains several epochs of a model in one call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from studyhall.search.training import memory, progress, tensors
from studyhall.search.training.compiled import executors
from studyhall.search.training.compiled.steps import Steps
from studyhall.search.training.feeding import Samples
from studyhall.search.training.tensors import Feed

TABLES = tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None, None), tf.float32)
SIZE = tf.TensorSpec((), tf.int32)


@dataclass(frozen=True)
class Plan:
    """The inputs of some epochs.

    Attributes:
        orders: (epochs, samples) int32, the shuffled indexes of each epoch.
        rates: (epochs, steps) float32 learning rates; negative to keep the current rate.
        size: Samples per step.
        side_by_side: Run independent operations of a step in parallel.
    """

    orders: np.ndarray
    rates: np.ndarray
    size: int
    side_by_side: bool


class Functions:
    """The compiled functions of a model, each traced once per signature of its arguments."""

    def __init__(self) -> None:
        self._traced: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self._traced)

    @property
    def operations(self) -> int:
        """The number of operations in all their graphs."""
        return sum(_operations(function.graph) for function in self._traced.values())

    def call(
        self, function: Any, *arguments: Any, kinds: Any, side_by_side: bool, **options: Any
    ) -> Any:
        """Call the compiled form of a function of tensors.

        Args:
            function: Function to compile, unless it has been compiled before.
            arguments: Its arguments.
            kinds: Their signatures.
            side_by_side: As in `Plan`.
            options: Options of `tf.function`.
        """
        name = repr((function.__qualname__, kinds, side_by_side))
        with executors.running(side_by_side=side_by_side):
            if name not in self._traced:
                compiled = tf.function(function, autograph=False, **options)
                self._traced[name] = compiled.get_concrete_function(*kinds)
                memory.forget_gradients()
            return self._traced[name](*arguments)


def _operations(graph: Any) -> int:
    functions = getattr(graph, "_functions", {}).values()
    inner = [
        it.graph for it in functions if getattr(it, "graph", None)
    ]  # functions that belong to built-in operations have no graph
    return len(graph.get_operations()) + sum(map(_operations, inner))


class Whole:
    """The training of whole epochs on samples that are held as tensors.

    Args:
        steps: Operations of the model's training steps.
    """

    def __init__(self, steps: Steps) -> None:
        self._steps, self._functions = steps, Functions()

    @property
    def traced(self) -> int:
        """The number of functions that have been traced."""
        return len(self._functions)

    @property
    def operations(self) -> int:
        """The number of operations in all traced functions."""
        return self._functions.operations

    def run(self, train: Samples, validation: Samples, plan: Plan) -> np.ndarray:
        """Train several epochs, fewer if a rule stops the training.

        Args:
            train: Training samples.
            validation: Validation samples.
            plan: Orders and learning rates of the epochs.

        Returns:
            One row per epoch, as returned by `Steps.row`.
        """
        kinds = tensors.specification(train), tensors.specification(validation), *TABLES, SIZE
        tables = tf.constant(plan.orders), tf.constant(plan.rates), tf.constant(plan.size)
        feeds = tensors.of(train), tensors.of(validation)
        options: dict[str, Any] = {"kinds": kinds, "side_by_side": plan.side_by_side}
        done, rows = self._functions.call(self._epochs, *feeds, *tables, **options)
        return rows.numpy()[: int(done)]  # type: ignore[no-any-return]

    def _epochs(
        self, train: Feed, validation: Feed, orders: Any, rates: Any, size: Any
    ) -> tuple[Any, Any]:
        return self._several(
            self._steps, train, validation, (orders, rates, size), tf.shape(orders)[0]
        )

    @staticmethod
    def _several(
        steps: Steps, train: Feed, validation: Feed, plan: tuple[Any, Any, Any], count: Any
    ) -> tuple[Any, Any]:
        """Return the number of epochs that ran, at most `count`, and their rows."""
        orders, rates, size = plan
        most = tf.shape(orders)[0] if orders.shape[0] is None else orders.shape[0]
        rows = tf.TensorArray(tf.float64, size=most, element_shape=(steps.columns,))

        def going(epoch: Any, rows: Any) -> Any:
            return (epoch < count) & (steps.progress[1] == progress.RUNNING)

        def one(epoch: Any, rows: Any) -> Any:
            row = steps.epoch(train, validation, orders[epoch], rates[epoch], size)
            return epoch + 1, rows.write(epoch, row)

        done, rows = tf.while_loop(going, one, [tf.constant(0), rows], parallel_iterations=1)
        return done, rows.stack()
