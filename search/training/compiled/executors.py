"""The way in which TensorFlow executes the operations of a compiled function."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2

from studyhall.spaces import private_names

# Multiplications in the forward pass of a step from which parallel operations pay off. Below, a
# step is hundreds of tiny operations, for which scheduling on a thread pool costs more than work.
PARALLEL_MULTIPLICATIONS = 4_000_000
# With the single-threaded executor, an operation that runs others (a loop, a condition) blocks its
# thread until they are done. TensorFlow's default of one thread per core would then deadlock nested
# ones on small machines.
THREADS = 8


@contextmanager
def running(*, side_by_side: bool) -> Iterator[None]:
    """Trace and call functions with these options; on a GPU, with TensorFlow's defaults.

    Grappler is off: rewriting each new model's graph takes longer than it saves here.

    Args:
        side_by_side: Run independent operations in parallel.
    """
    if tf.config.list_logical_devices("GPU"):
        yield
        return
    here = private_names.find(private_names.CONTEXT)()
    before, options = here.function_call_options, private_names.find(private_names.CALL_OPTIONS)
    kind = None if side_by_side or not _ENOUGH_THREADS else "SINGLE_THREADED_EXECUTOR"
    here.function_call_options = options(kind, _AS_TRACED)
    try:
        yield
    finally:
        here.function_call_options = before


def _as_traced() -> config_pb2.ConfigProto:
    config = config_pb2.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    return config


_AS_TRACED = _as_traced()


def _enough_threads() -> bool:
    """Set the number of threads; return False if TensorFlow has already started its own."""
    wanted = max(THREADS, os.cpu_count() or 1)
    try:
        tf.config.threading.set_inter_op_parallelism_threads(wanted)
    except RuntimeError:
        return False
    return True


_ENOUGH_THREADS = _enough_threads()


def multiplications(model: Any, samples: int, features: float | None) -> float:
    """Estimate the multiplications of a forward pass.

    Args:
        model: Built.
        samples: Samples per batch.
        features: Mean number of non-zero features of a sparse sample; None for dense samples.
    """
    weighted = [layer for layer in model._flatten_layers() if hasattr(layer, "kernel")]
    counts = [float(np.prod(layer.kernel.shape)) * _places(layer) for layer in weighted]
    if features is not None and counts:
        counts[0] *= features / model.inputs[0].shape[-1]
    return samples * sum(counts)


def _places(layer: Any) -> float:
    """Return how often a layer applies its kernel to one sample."""
    inner = layer.output.shape[1:-1] if hasattr(layer, "output") else ()
    return float(np.prod([size or 1 for size in inner]))
