"""The end of a trial: its result, its note with the verdict, and values for other workers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import keras
import numpy as np
from optuna.trial import TrialState

from studyhall.search.diagnosis.best_losses import Reached, weights
from studyhall.search.diagnosis.judging import Judge
from studyhall.search.display import curves, notes
from studyhall.search.study_file import objectives
from studyhall.search.training.engine import Engine
from studyhall.search.training.settings import UnknownMetric
from studyhall.search.trial.context import Context
from studyhall.search.trial.plan import Plan
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
    """Record the result of a trial.

    Args:
        context: state shared by the worker's trials.
        claim: the trial.
        state: final state.
        cost: result, the lower the better, or None.
        attributes: all other attributes of the trial.
        parts: cost of each part, if there are several.

    Raises:
        LeaseLost: another worker holds the trial; nothing was written.
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
        verdict=_verdict_in_words(context, claim, state, history, attributes),
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
    plan: Plan, parts: Sequence[float], further: Sequence[float]
) -> dict[str, list[float]]:
    """Return costs of the parts and of the further objectives, which pruners of others read."""
    found = {PARTS: list(parts)} if parts else {}
    if further:
        signs = map(objectives.sign, plan.directions[1:])
        found[FURTHER] = [sign * value for sign, value in zip(signs, further, strict=True)]
    return found


def _verdict_in_words(
    context: Context,
    claim: Claim,
    state: str,
    history: Sequence[Mapping[str, Any]],
    attributes: Mapping[str, Any],
) -> list[str]:
    """Return the verdict on the trial's curves and its advice; empty if there is no verdict.

    Args:
        context: state shared by the worker's trials.
        claim: the trial.
        state: final state.
        history: its epochs, flat or as stored in the database.
        attributes: attributes that are recorded with the result.
    """
    by_loss = context.plan.objectives[0] == objectives.LOSS
    judge = Judge(context.stored, _reached(claim, attributes) if by_loss else ())
    verdict = judge.verdict(state, history, attributes, claim.frozen.params)
    return [] if verdict is None else [verdict.sentence(), *verdict.advice]


def _reached(claim: Claim, attributes: Mapping[str, Any]) -> list[Reached]:
    """Return the results of the complete trials that the sampler has seen.

    If class_weights is not searched, all trials share this trial's setting.
    """
    complete = claim.trial.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    same = attributes.get("values", {})
    return [
        Reached(weights({**same, **each.params}), each.system_attrs.get(PARTS) or each.values)
        for each in complete
        if each.values and math.isfinite(each.values[0])
    ]


def check_objectives(names: Sequence[str], metrics: Mapping[str, float]) -> None:
    """Check that an epoch has measured every objective, before more epochs are wasted.

    Raises:
        UnknownMetric: an objective was not measured.
    """
    for name in map(objectives.recorded, names):
        if name not in metrics and name not in map(objectives.recorded, objectives.AT_THE_END):
            raise UnknownMetric(name, metrics)


def metrics_at_best(claim: Claim, best_epochs: Sequence[int]) -> dict[str, float]:
    """Return the metrics at the best epochs, averaged over the parts.

    Args:
        claim: the trial.
        best_epochs: number of the best epoch of each part.
    """
    bests = [claim.rows[at]["metrics"] for at in enumerate(best_epochs)]
    return {name: float(np.mean([best[name] for best in bests])) for name in bests[0]}


def objective_values(
    plan: Plan,
    cost: float,
    engine: Engine,
    model: keras.Model,
    attributes: Mapping[str, Any],
) -> dict[str, float]:
    """Return the value of each objective by name; the first is the one that trials are ranked by.

    Args:
        plan: blueprint of the study.
        cost: result of the trial, the lower the better.
        engine: engine of the last part.
        model: model of the last part.
        attributes: attributes of the trial, with its metrics.
    """
    first, *others = plan.objectives
    values = {first: plan.turned(cost)}
    for name in others:
        if name == "parameters":
            values[name] = float(attributes["parameters"])
        elif name == "latency":
            values[name] = engine.latency_ms(model)  # milliseconds per sample
        else:
            values[name] = float(attributes["metrics"][objectives.recorded(name)])
    return values
