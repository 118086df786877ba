"""Imports without garbage collection, since the objects of modules are never garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Turn garbage collection off in a `with` block; exempt all objects made so far from it.

    Otherwise a fifth of TensorFlow's import time is spent on collections that find nothing.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collects:
            gc.enable()
