"""The comparison of a network with guessing: by its value, and by scores beyond chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from studyhall.search.display import words
from studyhall.search.evaluation import intervals
from studyhall.search.evaluation.score_cells import cell, number

GUESSING = "guessing"  # the name of the baseline
TELLING = {"accuracy": "accuracy", "rmse": "RMSE"}  # the score that is compared, by its key


@dataclass(frozen=True)
class Side:
    """The network, or guessing: the value of its trial, and its scores on some samples."""

    value: float | None
    scores: Mapping[str, float]


def no_better(
    network: Side,
    guess: Side,
    scores: Mapping[str, Any],
    ahead: Mapping[str, str],
    *,
    higher: bool,
) -> dict[str, str]:
    """Return what shows that a network is no better than guessing; nothing if it is better.

    Guessing has the accuracy of the most frequent class, which alone says nothing; and a network
    that has learned nothing is by chance ahead in one measure of three.

    Args:
        network, guess: the two.
        scores: of the network, as `scores.scores` returns them.
        ahead: what is said of each measure in which guessing is at least as good.
        higher: whether higher values are better.
    """
    if 2 * len(ahead) > len(network.scores):
        return dict(ahead)
    mine, its = network.value, guess.value
    if mine is None or its is None or (mine > its if higher else mine < its):
        return {}
    name = next((name for name in TELLING if name in network.scores and name in guess.scores), "")
    ends = intervals.of_score(name, scores)
    if ends is None or _clearly_better(name, ends, guess.scores[name]):
        return {}
    found = {"value": network.scores[name], "low": ends[0], "high": ends[1]}
    said = f"{TELLING[name]} {cell(name, found)} against {number(name, guess.scores[name])}"
    return {name: said, "value": f"value {words.number(mine)} against {words.number(its)}"}


def _clearly_better(name: str, ends: intervals.Interval, guess: float) -> bool:
    low, high = ends
    return low > guess if name == "accuracy" else high < guess
