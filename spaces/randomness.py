"""Saving and restoring the random generators that initialise the weights of a Keras model."""

from __future__ import annotations

import random
from typing import Any

import keras
import numpy as np

from studyhall.spaces import private_names

_OF_KERAS = "global_seed_generator"  # what layers draw from that have no seed of their own


def state() -> tuple[Any, ...]:
    """Return the state of the generators of Python, NumPy and Keras, without changing it."""
    of_keras = generator()
    seeds = None if of_keras is None else np.array(keras.ops.convert_to_numpy(of_keras.state))
    return random.getstate(), np.random.get_state(), of_keras, seeds


def restore(before: tuple[Any, ...]) -> None:
    """Reset the generators to a state that `state` returned."""
    of_python, of_numpy, of_keras, seeds = before
    random.setstate(of_python)
    np.random.set_state(of_numpy)
    put_back(of_keras)
    if of_keras is not None:
        of_keras.state.assign(seeds)


def generator() -> Any:
    """Keras' own generator; None before it is first needed."""
    get = private_names.find(private_names.GET_STATE)
    return None if get is None else get(_OF_KERAS)


def put_back(of_keras: Any) -> None:
    """Make this one Keras' own generator; None: the next that is needed draws a seed by Python."""
    set_state = private_names.find(private_names.SET_STATE)
    if set_state is not None:
        set_state(_OF_KERAS, of_keras)


def seeds() -> Any:
    """The variable of Keras' own generator, made where there is none; None where it is hidden."""
    make = private_names.find(private_names.GLOBAL_SEEDS)
    return None if make is None else make().state
