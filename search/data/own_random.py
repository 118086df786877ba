"""Random numbers of Python and NumPy that belong to the user's stream alone.

Code that draws from `random` or `np.random` finds them as they depend on its seeds; whoever else
draws from them, between two batches of the stream, finds them as before.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

State = tuple[Any, Any]


@contextmanager
def numbers(*seeds: int) -> Iterator[None]:
    """Seed both within a `with` block."""
    with _held(_seeded(seeds)):
        yield


def iterated(make: Callable[[], Iterable[Any]], *seeds: int) -> Iterator[Any]:
    """Yield what an iterable of the user's yields, with random numbers of its own.

    Args:
        make: returns the iterable.
        seeds: what its random numbers depend on.
    """
    state = _seeded(seeds)
    with _held(state) as kept:
        iterator = iter(make())
    while True:
        with _held(kept[0]) as kept:
            try:
                found = next(iterator)
            except StopIteration:
                return
        yield found


@contextmanager
def _held(state: State) -> Iterator[list[State]]:
    """Put a state in force within a `with` block; what it yields holds the state at its end."""
    before, kept = _now(), [state]
    _put(state)
    try:
        yield kept
    finally:
        kept[0] = _now()
        _put(before)


def _seeded(seeds: tuple[int, ...]) -> State:
    of_numpy = np.random.RandomState([seed % 2**32 for seed in seeds])
    return random.Random(repr(seeds)).getstate(), of_numpy.get_state()


def _now() -> State:
    return random.getstate(), np.random.get_state()


def _put(state: State) -> None:
    random.setstate(state[0])
    np.random.set_state(state[1])
