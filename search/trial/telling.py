"""How a trial's end is told: its result, its note for the dashboard, what others compare with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from search.report import curves, notes
from search.trial.context import Context
from search.trial.judging import in_words
from spaces import hyperparameters
from storage.part_pruning import PARTS
from storage.trials import Claim

Ended = Literal["COMPLETE", "PRUNED", "FAIL"]


def tell(
    context: Context,
    claim: Claim,
    state: Ended,
    value: float | None,
    attributes: Mapping[str, Any],
    parts: Sequence[float],
) -> None:
    """End a trial.

    Args:
        value: its result, or None.
        attributes: everything else that is known of it.
        parts: what each of its parts has come to, where it has several.

    Raises:
        LeaseLost: somebody else holds it; nothing was written.
    """
    history, trial_id = curves.flat(claim.history), claim.lease.trial_id
    note = notes.trial_note(
        context.study.study_id,
        trial_id,
        claim.number,
        state=state,
        history=history,
        params=hyperparameters.chosen(attributes.get("values", {}), context.plan.file.space),
        value=value,
        stopped=attributes.get("stopped"),
        reason=attributes.get("reason"),
        verdict=in_words(context, claim, state, history, attributes),
    )
    shown = notes.trial_artifacts(trial_id) if history else {}
    context.store.tell(
        claim,
        state,
        value,
        attributes=attributes,
        system_attributes={**shown, PARTS: list(parts)} if parts else shown,
        study_system_attributes=note,
    )
