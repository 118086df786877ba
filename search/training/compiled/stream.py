"""The training on samples that don't fit in memory: they are read ahead and fed in blocks."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from studyhall.search.training import progress, tensors
from studyhall.search.training.compiled.epochs import Functions, Plan
from studyhall.search.training.compiled.steps import Steps, Sums
from studyhall.search.training.feeding import Samples
from studyhall.search.training.tensors import Feed

BLOCK_BYTES = 32 * 2**20  # size of a block of samples


class Streamed:
    """The training of whole epochs block by block, with the same results as `epochs.Whole`.

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
        """Train several epochs; see `epochs.Whole.run`."""
        rows = []
        for order, rates in zip(plan.orders, plan.rates, strict=True):
            rows.append(self._epoch(train, validation, order, rates, plan))
            if self._steps.progress[1] != progress.RUNNING:
                break
        return np.stack(rows)

    def _epoch(
        self, train: Samples, validation: Samples, order: np.ndarray, rates: np.ndarray, plan: Plan
    ) -> np.ndarray:
        call = partial(self._call, plan.side_by_side)
        began, per_block = time.time(), rows_per_block(train, plan.size)
        per_step, size = per_block // plan.size, tf.constant(plan.size)
        sums = Sums.zero()
        call(self._reset)
        for number, block in enumerate(tensors.blocks(train, order, per_block)):
            part = rates[number * per_step : (number + 1) * per_step]
            sums = call(self._train, block, tf.constant(part), size, sums)
        trained = call(self._trained, sums)
        halfway, sums = time.time(), Sums.zero()
        call(self._reset)
        for block in tensors.blocks(validation, np.arange(validation.number), per_block):
            sums = call(self._validate, block, sums)
        times = tf.constant(began, tf.float64), tf.constant(halfway, tf.float64)
        return call(self._row, trained, sums, *times).numpy()  # type: ignore[no-any-return]

    def _call(self, side_by_side: bool, function: Any, *arguments: Any) -> Any:
        kinds = tf.nest.map_structure(_kind, arguments)
        options: dict[str, Any] = {"kinds": kinds, "side_by_side": side_by_side}
        return self._functions.call(function, *arguments, **options)

    def _reset(self) -> Any:
        self._steps.reset()
        return tf.constant(True)

    def _train(self, block: Feed, rates: Any, size: Any, sums: Sums) -> Sums:
        samples = tf.range(tensors.rows(block))
        return self._steps.train(block, samples, rates, size, sums)

    def _trained(self, sums: Sums) -> dict[str, Any]:
        return self._steps.measured(sums, "")

    def _validate(self, block: Feed, sums: Sums) -> Sums:
        return self._steps.validate(block, sums)

    def _row(self, trained: dict[str, Any], sums: Sums, began: Any, halfway: Any) -> Any:
        validated = self._steps.measured(sums, "val_")
        return self._steps.row({**trained, **validated}, began, halfway)


def rows_per_block(samples: Samples, size: int) -> int:
    """Return the samples per block: whole batches of about `BLOCK_BYTES`."""
    per_batch = max(1, samples.bytes() * size // max(1, samples.number))
    return size * max(1, BLOCK_BYTES // per_batch)


def _kind(tensor: Any) -> tf.TensorSpec:
    shape = (None, *tensor.shape[1:]) if tensor.shape.rank else ()
    return tf.TensorSpec(shape, tensor.dtype)
