"""The memory of a worker: a limit for training data, and the release of what backends leak.

With TensorFlow a process that builds and traces one model after another grows by several MB each
time, even if `keras.utils.clear_session` is called, for three reasons: every traced custom gradient
(such as that of Keras' softmax) stays in a global registry and holds its whole graph; every new
variable name adds a kernel to a cache; and Keras numbers automatic names on (dense_1, dense_2, …).
JAX keeps what it has compiled.
"""

from __future__ import annotations

import collections
import ctypes
import gc
import itertools
import os

import keras

from studyhall.search.process import free_memory
from studyhall.search.training import backend
from studyhall.spaces import private_names

_trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None  # glibc

GPU_BYTES = 4 * 2**30  # training data on a GPU, which also holds the model and its activations
# Trainings with JAX, each of which leaves 15 MB of compiled operations if its widths are new; if
# they are not, what is compiled saves the next training a third of its CPU time.
FORGOTTEN_EVERY = 8
SHARE = 4  # a quarter of the available memory: arrays, other folds and workers need the rest


def spare_bytes() -> int:
    """Return the memory in bytes that training data may take as tensors."""
    if backend.on_gpu():
        return GPU_BYTES
    return free_memory.free_bytes() // SHARE


def settle() -> None:
    """Exclude all present objects from garbage collection, which takes 0.2 s with TensorFlow."""
    gc.freeze()


def forget_gradients() -> None:
    """Free the graphs of custom gradients; functions that use them must be fully traced."""
    registry = private_names.find(private_names.GRADIENTS)
    known = getattr(registry, "_registry", {})
    for name in [name for name in known if name.startswith("CustomGradient-")]:
        del known[name]


def release() -> None:
    """Free the memory of dropped models; other compiled functions need 0.2 s to start again."""
    if backend.name() == backend.TENSORFLOW:
        forget_gradients()
    gc.collect()
    _forget_compiled()
    if _trim is not None:  # graphs consist of small blocks, which glibc would keep once freed
        _trim(0)


_releases = itertools.count(1)


def _forget_compiled() -> None:
    if backend.name() == backend.JAX and next(_releases) % FORGOTTEN_EVERY == 0:
        import jax

        jax.clear_caches()
    if backend.name() == backend.TENSORFLOW:
        context = private_names.find(private_names.CONTEXT)
        if context is not None:
            context().clear_kernel_cache()


def number_names_anew() -> None:
    """Restart the numbers in automatic names of layers, metrics and variables."""
    set_state = private_names.find(private_names.SET_STATE)
    if set_state is None:
        keras.utils.clear_session(free_memory=False)  # slower: compiled functions start again
        return
    set_state("object_name_uids", collections.defaultdict(int))
