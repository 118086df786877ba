"""The random generators that a Keras model's first weights come from, held and put back."""

from __future__ import annotations

import random
from typing import Any

import numpy as np


def state() -> tuple[Any, ...]:
    """Of Python, NumPy and Keras; looking at it changes nothing."""
    from keras.src.backend.common import global_state
    from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR

    of_keras = global_state.get_global_attribute(GLOBAL_SEED_GENERATOR)
    seeds = None if of_keras is None else np.array(of_keras.state)
    return random.getstate(), np.random.get_state(), of_keras, seeds


def restore(before: tuple[Any, ...]) -> None:
    """Let them go on from a state."""
    from keras.src.backend.common import global_state
    from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR

    of_python, of_numpy, of_keras, seeds = before
    random.setstate(of_python)
    np.random.set_state(of_numpy)
    global_state.set_global_attribute(GLOBAL_SEED_GENERATOR, of_keras)
    if of_keras is not None:
        of_keras.state.assign(seeds)
