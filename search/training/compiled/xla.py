"""The compilation of whole epochs by XLA: fixed shapes, once per architecture and batch size.

Milliseconds per epoch without and with XLA, and seconds of compilation: Adam, batches of 32,
alternating in one process (2026-11-27, 2 CPU cores):

    mlp 2 x 25,  600 x 2 samples          1.5    0.6    1.4
    mlp 2 x 64,  1,080 x 64 samples       3.7    2.3    1.9
    mlp 2 x 64,  20,000 x 20 samples     59     45      0.9
    mlp 2 x 256, 5,000 x 784 samples    139     70      1.6
    cnn 16, 32,  1,000 x 28 x 28         54    626      2.3

So it pays for mlps of fixed widths and depth, or for long trials, and never for a cnn on a CPU. A
search over widths would compile each of them, which is wasted on pruned trials: so the user
decides.
"""

from __future__ import annotations

import logging
import time
from typing import Any

import numpy as np
import tensorflow as tf

from studyhall.search.training import feeding, progress, tensors
from studyhall.search.training.compiled.epochs import Plan, Whole
from studyhall.search.training.compiled.steps import Steps, Sums
from studyhall.search.training.feeding import Samples
from studyhall.search.training.tensors import Feed

AT_ONCE = 8  # epochs per call: a fixed number, as XLA compiles anew for another one

_log = logging.getLogger("studyhall")


class StaticSteps(Steps):
    """The operations of an epoch with all shapes known.

    Args:
        steps: The operations for any shapes; their variables are shared.
        chunk: Validation samples per prediction.
    """

    def __init__(self, steps: Steps, chunk: int) -> None:
        vars(self).update(vars(steps))
        self._static_chunk = chunk

    def train(self, feed: Feed, order: Any, rates: Any, size: Any, sums: Sums) -> Sums:
        """Run optimizer steps, see `Steps.train`; a smaller last batch is a step of its own."""
        full, rest = divmod(int(order.shape[0]), size)
        rates = tf.where(rates < 0, self._rate, rates)

        def step(number: Any, *sums: Any) -> Any:
            chosen = tf.slice(order, [number * size], [size])
            return number + 1, *self.step(feed, chosen, rates[number], Sums(*sums))

        def going(number: Any, *sums: Any) -> Any:
            return (number < full) & tf.math.is_finite(sums[0])

        first = [tf.constant(0), *sums]
        sums = Sums(*tf.while_loop(going, step, first, parallel_iterations=1)[1:])
        return self.step(feed, order[full * size :], rates[full], sums) if rest else sums

    def validate(self, feed: Feed, sums: Sums) -> Sums:
        """Add up losses and metrics over all samples; see `Steps.validate`."""
        samples = feeding.rows_of(feed["y"])
        chunk = min(self._static_chunk, samples)
        full, rest = divmod(samples, chunk)

        def step(number: Any, *sums: Any) -> Any:
            chosen = number * chunk + tf.range(chunk)
            return number + 1, *self.check(feed, chosen, Sums(*sums))

        first = [tf.constant(0), *sums]
        loop = tf.while_loop(lambda n, *_: n < full, step, first, parallel_iterations=1)
        sums = Sums(*loop[1:])
        return self.check(feed, tf.range(samples - rest, samples), sums) if rest else sums

    def _now(self, after: list[Any]) -> Any:
        return tf.constant(0.0, tf.float64)  # XLA has no clock


class Fused(Whole):
    """The training of whole epochs through XLA, or as `Whole` if XLA can't compile the model.

    Args:
        steps: Operations of the model's training steps, for any shapes.
        chunk: Validation samples per prediction.
    """

    def __init__(self, steps: Steps, chunk: int) -> None:
        super().__init__(steps)
        self._static = StaticSteps(steps, chunk)
        self._compilable = True

    def run(self, train: Samples, validation: Samples, plan: Plan) -> np.ndarray:
        """Train several epochs; see `Whole.run`. Each epoch gets an equal share of the time."""
        feeds = tensors.of(train), tensors.of(validation)
        if not (self._compilable and self._compiles(feeds, plan)):
            return super().run(train, validation, plan)
        rows = []
        for start in range(0, len(plan.orders), AT_ONCE):
            rows.append(self._call(feeds, plan, slice(start, start + AT_ONCE)))
            if self._steps.progress[1] != progress.RUNNING:
                break
        return np.concatenate(rows)

    def _compiles(self, feeds: Any, plan: Plan) -> bool:
        """Return whether XLA can compile the model, by a call that trains no epochs."""
        try:
            self._call(feeds, plan, slice(0))
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
            _log.info(f"XLA can't compile this model: {str(error).splitlines()[0]}")
            self._compilable = False
        return self._compilable

    def _call(self, feeds: Any, plan: Plan, epochs: slice) -> np.ndarray:
        began, orders, rates = time.time(), plan.orders[epochs], plan.rates[epochs]
        tables = [_padded(orders), _padded(rates), tf.constant(len(orders))]
        kinds = tf.nest.map_structure(tf.TensorSpec.from_tensor, (*feeds, *tables))
        options: dict[str, Any] = {"kinds": (*kinds, plan.size), "side_by_side": True}
        arguments = (*feeds, *tables, plan.size)
        done, rows = self._functions.call(self._fixed, *arguments, **options, jit_compile=True)
        return _timed(rows.numpy()[: int(done)], began)

    def _fixed(
        self, train: Feed, validation: Feed, orders: Any, rates: Any, count: Any, size: int
    ) -> tuple[Any, Any]:
        return self._several(self._static, train, validation, (orders, rates, size), count)


def _padded(table: np.ndarray) -> Any:
    """Return a table padded to `AT_ONCE` rows."""
    return tf.constant(np.pad(table, [(0, AT_ONCE - len(table)), (0, 0)]))


def _timed(rows: np.ndarray, began: float) -> np.ndarray:
    """Return rows with timestamps that divide the time since ``began`` equally."""
    rows, now = rows.copy(), time.time()
    ends = np.linspace(began, now, len(rows) + 1)
    rows[:, -3], rows[:, -2], rows[:, -1] = ends[:-1], ends[1:], ends[1:]
    return rows
