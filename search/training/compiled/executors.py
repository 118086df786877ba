"""How TensorFlow runs the operations of a compiled function."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2

from studyhall.spaces import private_names

# Multiplications of a step, forwards, from which on operations side by side win. Below, a step is
# hundreds of tiny operations, and handing them to a pool of threads costs more than they do.
PARALLEL_MULTIPLICATIONS = 4_000_000
# One by one, an operation that runs others (a loop, a condition) keeps its thread until they are
# done. With one thread per core, as TensorFlow has, nested ones wait for ever on small machines.
THREADS = 8


@contextmanager
def running(*, side_by_side: bool) -> Iterator[None]:
    """Trace and call functions under these options; on a GPU TensorFlow's own serve.

    Graphs are not rewritten: that takes longer than it wins here, at every new model.

    Args:
        side_by_side: Whether independent operations run at the same time.
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
    """Ask for threads; False where TensorFlow runs already and keeps those that it has."""
    wanted = max(THREADS, os.cpu_count() or 1)
    try:
        tf.config.threading.set_inter_op_parallelism_threads(wanted)
    except RuntimeError:
        return False
    return True


_ENOUGH_THREADS = _enough_threads()


def multiplications(model: Any, samples: int, features: float | None) -> float:
    """Of a forward pass, about.

    Args:
        model: Built.
        samples: In a batch.
        features: Of a sparse sample, on average, that are not 0; None for dense samples.
    """
    weighted = [layer for layer in model._flatten_layers() if hasattr(layer, "kernel")]
    counts = [float(np.prod(layer.kernel.shape)) * _places(layer) for layer in weighted]
    if features is not None and counts:
        counts[0] *= features / model.inputs[0].shape[-1]
    return samples * sum(counts)


def _places(layer: Any) -> float:
    """How often a layer applies its kernel to one sample."""
    inner = layer.output.shape[1:-1] if hasattr(layer, "output") else ()
    return float(np.prod([size or 1 for size in inner]))
