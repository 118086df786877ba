"""The listeners of a trial: what is told of its epochs while it trains, besides the database.

A listener is no part of the trial: where it can't write, the trial goes on without it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

LOG = logging.getLogger("studyhall")


@dataclass(frozen=True)
class Told:
    """An epoch as listeners hear of it.

    Attributes:
        part: name of the fold or repeat, such as "fold-2"; "" if there is one training only.
        number: from 1, in its part.
        metrics: all metrics by name.
    """

    part: str
    number: int
    metrics: Mapping[str, float]


class Listener(Protocol):
    """A listener of one trial; its methods raise an OSError where it can't write."""

    def begin(self, params: Mapping[str, Any], past: Sequence[Told]) -> None:
        """Hear that training begins, or goes on after a takeover.

        Args:
            params: hyperparameters by name, as suggested.
            past: the epochs that are in the database already.
        """

    def epoch(self, told: Told) -> None:
        """Hear of an epoch."""

    def end(self, state: str, value: float | None) -> None:
        """Hear of the end: COMPLETE, PRUNED or FAIL, and the value of the first objective."""


class Listeners:
    """The listeners of one trial; one that can't write is warned of, and told nothing more.

    Args:
        number: the trial's number, for the warning.
        listeners: those that listen.
    """

    def __init__(self, number: int, listeners: Sequence[Listener]) -> None:
        self._number = number
        self._left = list(listeners)
        self._begun = False

    @property
    def begun(self) -> bool:
        """True once they have been told that training begins."""
        return self._begun

    def begin(self, params: Mapping[str, Any], past: Sequence[Told]) -> None:
        """Tell that training begins, unless they know."""
        if not self._begun:
            self._begun = True
            self._tell(lambda each: each.begin(params, past))

    def epoch(self, told: Told) -> None:
        """Tell of an epoch."""
        self._tell(lambda each: each.epoch(told))

    def end(self, state: str, value: float | None) -> None:
        """Tell of the end, if they heard of the beginning."""
        if self._begun:
            self._tell(lambda each: each.end(state, value))

    def _tell(self, say: Callable[[Listener], None]) -> None:
        for each in list(self._left):
            with self._tolerated(each):
                say(each)

    @contextmanager
    def _tolerated(self, listener: Listener) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._left.remove(listener)
            what = type(listener).__name__
            LOG.warning("trial %d: nothing more for %s: %s", self._number, what, error)


def named(part: int, folds: int, repeats: int) -> str:
    """Return the name of a part of a trial: "fold-2", "repeat-1", "repeat-1-fold-2", or "".

    A script's trial may train more than once without saying so: "fit-2" is its second training.
    """
    if folds == repeats == 1:
        return f"fit-{part + 1}" if part else ""
    names = [f"repeat-{part // folds + 1}"] if repeats > 1 else []
    return "-".join([*names, *([f"fold-{part % folds + 1}"] if folds > 1 else [])])


def past(history: Sequence[Mapping[str, Any]], folds: int, repeats: int) -> list[Told]:
    """Return the epochs of a history, as the database has it."""
    return [
        Told(named(row["fold"], folds, repeats), row["epoch"], row["metrics"]) for row in history
    ]
