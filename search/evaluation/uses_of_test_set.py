"""The uses of a study's test set: by whom, for which model, and why the best one has no scores."""

from __future__ import annotations

import time
from typing import Any

from studyhall.search.display import score_tables
from studyhall.search.evaluation.winner import Winner
from studyhall.spaces import spelling


def scores_json(found: Winner) -> dict[str, Any] | None:
    """Return the scores of the winner's model on the test set, or None if it was not tested."""
    scoring = found.scoring
    if scoring is None:
        return None
    return {
        "trial": scoring.trial,
        "times": len(found.scorings),
        "scored_at": scoring.scored_at,
        "who": scoring.who,
        "model_sha256": scoring.model_sha256,
        "scores": scoring.scores,
    }


def uses_json(found: Winner) -> list[dict[str, Any]]:
    """Return every use of the test set as JSON values."""
    names = ("number", "trial", "model_sha256", "who", "scored_at")
    return [{name: getattr(use, name) for name in names} for use in found.scorings]


def kept(found: Winner, again: str) -> str:
    """Return the reason why this model has no scores on the test set.

    Args:
        found: the winner, or the trial chosen by the user.
        again: the command that tests this model all the same.
    """
    if not found.scorings and found.chosen:
        return "set not used: it is reserved for the best trial, unless that one can't be proven"
    if not found.scorings:
        return "set not used: it is reserved for the winner, which is not final yet"
    last = found.scorings[-1]
    at = time.strftime("%Y-%m-%d", time.localtime(last.scored_at))
    scores = f": {score_tables.sentence(last.scores)}" if last.scores else ""
    return (
        f"set was used for another model, of trial {last.trial}, on {at} by {last.who}{scores}; "
        f"to test this one as well: {again}"
    )


def used(test: dict[str, Any], uses: list[dict[str, Any]]) -> str:
    """Return how often the test set was used, and for what, as the model's scores stand in it."""
    of = f"the test set ({test['scores'].get('samples', '?')} samples)"
    if test["times"] == 1:
        return f"{of} was used once, for this model"
    others = dict.fromkeys(
        f"trial {use['trial']}" for use in uses if use["model_sha256"] != test["model_sha256"]
    )
    also = f", also for another training of {spelling.listed([*others])}" if others else ""
    often = f"was used {test['times']} times{also}"
    return f"{of} {often}: each use makes its scores less reliable"
