"""Memory: how much the training data may take, and what TensorFlow would never give back.

A process that builds and traces one model after another grows by several MB each time, whatever
`keras.utils.clear_session` does, for three reasons: every traced custom gradient (Keras' softmax
has one) stays in a global registry and holds its whole graph; every new variable name adds a
kernel of its own to a cache; and Keras numbers names through (dense_1, dense_2, …).
"""

from __future__ import annotations

import collections
import ctypes
import gc
import os

import keras
import psutil
import tensorflow as tf

from studyhall.spaces import private_names

_trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None  # glibc

GPU_BYTES = 4 * 2**30  # of training data, beside a model and its activations
SHARE = 4  # of what is available: the arrays themselves, other folds and workers need theirs


def spare_bytes() -> int:
    """Memory that may hold training data as tensors."""
    if tf.config.list_logical_devices("GPU"):
        return GPU_BYTES
    return int(psutil.virtual_memory().available) // SHARE


def settle() -> None:
    """Keep what is there now out of every later search for garbage: 0.2 s each with TensorFlow."""
    gc.freeze()


def forget_gradients() -> None:
    """Let go of the graphs of custom gradients; their functions must be fully traced."""
    registry = private_names.find(private_names.GRADIENTS)
    known = getattr(registry, "_registry", {})
    for name in [name for name in known if name.startswith("CustomGradient-")]:
        del known[name]


def release() -> None:
    """Give back what dropped models held; what others have compiled takes 0.2 s to start again."""
    forget_gradients()
    gc.collect()
    context = private_names.find(private_names.CONTEXT)
    if context is not None:
        context().clear_kernel_cache()
    if _trim is not None:  # graphs are made of small blocks; freed, they would stay in the process
        _trim(0)


def number_names_anew() -> None:
    """Let automatic names of layers, metrics and variables begin at the first again."""
    set_state = private_names.find(private_names.SET_STATE)
    if set_state is None:
        keras.utils.clear_session(free_memory=False)  # and what is compiled starts again slowly
        return
    set_state("object_name_uids", collections.defaultdict(int))
