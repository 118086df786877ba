"""A trial in a worker's hands."""

import json
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from storage import packing
from storage.leases import Lease
from storage.orders import Order
from storage.outbox import Outbox

DRAW = "studyhall:draw"  # how many trials were sampled, not queued, before this one


@dataclass(kw_only=True)
class Claim:
    """What a worker gets when it claims a trial.

    Attributes:
        lease: its right to run it.
        trial: takes suggestions as any Optuna trial does; after a takeover it returns the stored
            values, for a queued configuration the fixed ones.
        checkpoint: where the last checkpoint lies, None if there is none.
        history: one dict per epoch in the database: fold, epoch, value, metrics.
        order: what the worker is asked to do, renewed with every report and heartbeat.
        lost: whether the heartbeat has found the lease to be lost.
    """

    lease: Lease
    trial: optuna.Trial
    frozen: FrozenTrial
    checkpoint: str | None
    history: list[dict[str, Any]]
    reports: dict[int, float]  # values by step, those in the database and those on their way
    order: Order = Order.GO_ON
    lost: bool = False
    written: int = 0  # how many hyperparameters are in the database
    outbox: Outbox = field(default_factory=Outbox)

    @property
    def number(self) -> int:
        """The trial's number in its study, from 0."""
        return self.lease.number

    @property
    def attempt(self) -> int:
        """1 for the first worker that runs the trial, 2 for the next …"""
        return self.lease.attempt

    @property
    def reported(self) -> int:
        """The last reported epoch (of the last fold), 0 if there is none."""
        return max(((row["fold"], row["epoch"]) for row in self.history), default=(0, 0))[1]

    @property
    def has_unwritten_params(self) -> bool:
        """Whether hyperparameters have been suggested that the database doesn't know."""
        return len(self.frozen._params) > self.written

    def note(self, fold: int, epoch: int, value: float | None, metrics: dict[str, Any]) -> int:
        """Adds an epoch to the history, or replaces it; returns how many there are."""
        row = {"fold": fold, "epoch": epoch, "value": value, "metrics": metrics}
        at = next((i for i, old in enumerate(self.history) if _same(old, row)), None)
        if at is None:
            self.history.append(row)
        else:
            self.history[at] = row
        return len(self.history)


def other_trial(row: tuple[int, int, str, str]) -> FrozenTrial:
    """Another worker's trial as samplers see it."""
    return _running(*row)


def _running(
    trial_id: int, number: int, params: str | None, distributions: str | None
) -> FrozenTrial:
    values, spaces = packing.unpack_params(params or "{}", distributions or "{}")
    return FrozenTrial(
        number=number,
        trial_id=trial_id,
        state=TrialState.RUNNING,
        value=None,
        params=values,
        distributions=dict(spaces),
        user_attrs={},
        system_attrs={},
        intermediate_values={},
        datetime_start=None,
        datetime_complete=None,
    )


def claimed_trial(lease: Lease, notes: dict[str, Any]) -> FrozenTrial:
    """The claimed trial itself, with what an earlier worker has left of it."""
    frozen = _running(lease.trial_id, lease.number, lease.params, lease.distributions)
    frozen._system_attrs.update(notes)
    if lease.draw is not None:
        frozen._system_attrs[DRAW] = lease.draw
    if lease.fixed is not None:
        frozen._system_attrs["fixed_params"] = json.loads(lease.fixed)
    return frozen


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return (one["fold"], one["epoch"]) == (other["fold"], other["epoch"])
