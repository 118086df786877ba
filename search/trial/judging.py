"""The verdict on a trial at its end, among those that its worker knows of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from optuna.trial import TrialState

from search.diagnosis import NO_NUMBER
from search.findings.verdicts import Judge
from search.study_file import objectives
from search.trial.context import Context
from storage.trials import Claim

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
    judge = Judge(context.stored, _achieved(claim) if by_loss else None)
    verdict = judge.verdict(state, history, attributes, claim.frozen.params)
    return [] if verdict is None else [verdict.sentence(), *verdict.advice]


def _achieved(claim: Claim) -> float | None:
    """The least validation loss of the complete trials that the sampler has seen."""
    complete = claim.trial.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    values = [trial.values[0] for trial in complete if trial.values]
    return min(filter(math.isfinite, values), default=None)
