"""The verdict on a trial at its end, among those that its worker knows of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from optuna.trial import TrialState

from studyhall.search.diagnosis.reached import Reached, weights
from studyhall.search.diagnosis.rules import NO_NUMBER
from studyhall.search.diagnosis.verdicts import Judge
from studyhall.search.study_file import objectives
from studyhall.search.trial.context import Context
from studyhall.storage.sampling.part_pruning import PARTS
from studyhall.storage.trials.claimed_trial import Claim

__all__ = ["NO_NUMBER", "in_words"]


def in_words(
    context: Context,
    claim: Claim,
    state: str,
    history: Sequence[Mapping[str, Any]],
    attributes: Mapping[str, Any],
) -> list[str]:
    """What the trial's note says of its curves, and the advice; nothing where it has no verdict.

    Args:
        state: how it ends.
        history: its epochs, flat or as the database keeps them.
        attributes: those that are told with its result.
    """
    by_loss = context.plan.objectives[0] == objectives.LOSS
    judge = Judge(context.stored, _reached(claim, attributes) if by_loss else ())
    verdict = judge.verdict(state, history, attributes, claim.frozen.params)
    return [] if verdict is None else [verdict.sentence(), *verdict.advice]


def _reached(claim: Claim, attributes: Mapping[str, Any]) -> list[Reached]:
    """What the complete trials have come to that the sampler has seen.

    Where class_weights is not searched, all of them have this trial's.
    """
    complete = claim.trial.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    same = attributes.get("values", {})
    return [
        Reached(weights({**same, **each.params}), each.system_attrs.get(PARTS) or each.values)
        for each in complete
        if each.values and math.isfinite(each.values[0])
    ]
