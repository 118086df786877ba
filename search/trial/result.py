"""How a trial's end is told: its result, its note for the dashboard, what others compare with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from studyhall.search.display import curves, notes
from studyhall.search.study_file import objectives
from studyhall.search.trial.context import Context
from studyhall.search.trial.judging import in_words
from studyhall.search.trial.modelling import Blueprint
from studyhall.spaces import hyperparameters
from studyhall.storage.sampling.mirror import FURTHER
from studyhall.storage.sampling.part_pruning import PARTS
from studyhall.storage.trials.claimed_trial import Claim

Ended = Literal["COMPLETE", "PRUNED", "FAIL"]


def tell(
    context: Context,
    claim: Claim,
    state: Ended,
    cost: float | None,
    attributes: Mapping[str, Any],
    parts: Sequence[float],
) -> None:
    """End a trial.

    Args:
        cost: its result, the less the better, or None.
        attributes: everything else that is known of it.
        parts: what each of its parts has come to, where it has several.

    Raises:
        LeaseLost: somebody else holds it; nothing was written.
    """
    plan = context.plan
    further = dict(list(attributes.get("objectives", {}).items())[1:])
    history, trial_id = curves.flat(claim.history), claim.lease.trial_id
    note = notes.trial_note(
        context.study.study_id,
        trial_id,
        claim.number,
        state=state,
        history=history,
        params=hyperparameters.chosen(
            attributes.get("values", {}),
            [*plan.file.space, *claim.trial.params],
            plan.file.model.family,
        ),
        value=None if cost is None else plan.turned(cost),
        objective=plan.objectives[0],
        direction=plan.directions[0],
        further=further,
        stopped=attributes.get("stopped"),
        reason=attributes.get("reason"),
        verdict=in_words(context, claim, state, history, attributes),
    )
    shown = notes.trial_artifacts(trial_id) if history else {}
    context.store.tell(
        claim,
        state,
        cost,
        attributes=attributes,
        system_attributes={**shown, **_compared(plan, parts, [*further.values()])},
        study_system_attributes=note,
        further=[*further.values()],
    )


def _compared(
    plan: Blueprint, parts: Sequence[float], further: Sequence[float]
) -> dict[str, list[float]]:
    """Costs of the parts, and of the objectives beside the first one, for the other workers."""
    found = {PARTS: list(parts)} if parts else {}
    if further:
        signs = map(objectives.sign, plan.directions[1:])
        found[FURTHER] = [sign * value for sign, value in zip(signs, further, strict=True)]
    return found
