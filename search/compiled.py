"""Several epochs of a model as one compiled function."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context

from search import memory, progress
from search.feeding import Feed, Samples
from search.steps import Steps

TABLES = tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None, None), tf.float32)
SIZE = tf.TensorSpec((), tf.int32)


class Functions:
    """Compiled functions, each traced once for its kinds of arguments."""

    def __init__(self) -> None:
        self._traced: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self._traced)

    def __call__(self, function: Any, *kinds: Any, **options: Any) -> Any:
        """The compiled form of a function of tensors of these kinds."""
        name = repr((function.__qualname__, kinds))
        if name not in self._traced:
            with executor():
                compiled = tf.function(function, autograph=False, **options)
                self._traced[name] = compiled.get_concrete_function(*kinds)
            memory.forget_gradients()
        return self._traced[name]


class Whole:
    """Whole epochs over samples that are held as tensors.

    Args:
        steps: The arithmetic of the model.
    """

    def __init__(self, steps: Steps) -> None:
        self._steps, self._functions = steps, Functions()

    @property
    def traced(self) -> int:
        """How many functions have been traced."""
        return len(self._functions)

    def run(
        self, train: Samples, validation: Samples, orders: np.ndarray, rates: np.ndarray, size: int
    ) -> np.ndarray:
        """Several epochs, fewer if a rule stops the training.

        Args:
            train: Training samples.
            validation: Validation samples.
            orders: (epochs, samples) int32, the shuffled indexes of each epoch.
            rates: (epochs, steps) float32 learning rates; negative where it stays as it is.
            size: Samples per step.

        Returns:
            A row per epoch, as `Steps.row` returns it.
        """
        kinds = train.specification(), validation.specification(), *TABLES, SIZE
        function = self._functions(self._epochs, *kinds)
        tables = tf.constant(orders), tf.constant(rates)
        with executor():
            done, rows = function(train.tensors(), validation.tensors(), *tables, tf.constant(size))
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
        """How many epochs ran, at most `count`, and their rows."""
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


@contextmanager
def executor() -> Iterator[None]:
    """Run compiled functions in this thread alone where there is no accelerator.

    Steps of small models are hundreds of tiny operations: handing them to a pool of threads costs
    more than it wins. What is large still runs on all threads inside an operation.
    """
    single = not tf.config.list_logical_devices("GPU")
    scope = context.function_executor_type("SINGLE_THREADED_EXECUTOR") if single else nullcontext()
    with scope:
        yield
