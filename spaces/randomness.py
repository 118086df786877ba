"""Saving and restoring the random generators that initialise the weights of a Keras model."""

from __future__ import annotations

import random
from typing import Any

import numpy as np


def state() -> tuple[Any, ...]:
    """Return the state of the generators of Python, NumPy and Keras, without changing it."""
    from keras.src.backend.common import global_state
    from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR

    of_keras = global_state.get_global_attribute(GLOBAL_SEED_GENERATOR)
    seeds = None if of_keras is None else np.array(of_keras.state)
    return random.getstate(), np.random.get_state(), of_keras, seeds


def restore(before: tuple[Any, ...]) -> None:
    """Reset the generators to a state that `state` returned."""
    from keras.src.backend.common import global_state
    from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR

    of_python, of_numpy, of_keras, seeds = before
    random.setstate(of_python)
    np.random.set_state(of_numpy)
    global_state.set_global_attribute(GLOBAL_SEED_GENERATOR, of_keras)
    if of_keras is not None:
        of_keras.state.assign(seeds)
