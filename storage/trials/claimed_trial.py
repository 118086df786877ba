"""A trial in a worker's hands."""

import json
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from studyhall.storage.database import encoding
from studyhall.storage.leases.leases import Lease
from studyhall.storage.leases.orders import Order
from studyhall.storage.sampling.mirror import DRAW
from studyhall.storage.trials.history import Past
from studyhall.storage.trials.outbox import Outbox


@dataclass(kw_only=True)
class Claim:
    """What a worker gets when it claims a trial.

    Attributes:
        lease: its right to run it.
        trial: takes suggestions as any Optuna trial does; after a takeover it returns the stored
            values, for a queued configuration the fixed ones.
        frozen: the same trial as plain data.
        checkpoint: where the last checkpoint lies, None if there is none.
        order: what the worker is asked to do, renewed with every report and heartbeat.
        lost: whether the heartbeat has found the lease to be lost.
    """

    lease: Lease
    trial: optuna.Trial
    frozen: FrozenTrial
    checkpoint: str | None
    rows: dict[tuple[int, int], dict[str, Any]]  # the history by fold and epoch
    reports: dict[int, float]  # values by step
    outbox: Outbox
    order: Order = Order.GO_ON
    lost: bool = False

    @property
    def number(self) -> int:
        """The trial's number in its study, from 0."""
        return self.lease.number

    @property
    def attempt(self) -> int:
        """1 for the first worker that runs the trial, 2 for the next …"""
        return self.lease.attempt

    @property
    def memory_failures(self) -> int:
        """How often the trial was handed back because its worker had run out of memory."""
        return self.lease.memory_failures

    @property
    def history(self) -> list[dict[str, Any]]:
        """One dict per reported epoch, whoever has trained it: fold, epoch, value, metrics."""
        return [self.rows[at] for at in sorted(self.rows)]

    @property
    def reported(self) -> int:
        """The last reported epoch (of the last fold), 0 if there is none."""
        return max(self.rows, default=(0, 0))[1]

    def report(
        self, step: int, epoch: int, fold: int, value: float | None, metrics: dict[str, Any]
    ) -> None:
        """Adds an epoch to the history, or replaces it."""
        if value is not None:
            self.reports[step] = value
        row = {"fold": fold, "epoch": epoch, "value": value, "metrics": metrics}
        self.rows[fold, epoch] = row

    def reached(self, epoch: int, fold: int) -> int:
        """How many epochs of the history lie up to this one."""
        return sum(at <= (fold, epoch) for at in self.rows)


def make(lease: Lease, begun: Past, study: optuna.Study, frozen: FrozenTrial) -> Claim:
    """The claim of a trial, which the study's storage must already show as running."""
    return Claim(
        lease=lease,
        trial=optuna.Trial(study, lease.trial_id),
        frozen=frozen,
        checkpoint=lease.checkpoint,
        rows={(row["fold"], row["epoch"]): row for row in begun.history},
        reports=dict(begun.reports),
        outbox=Outbox(params=len(frozen.params)),
    )


def other_trial(row: tuple[int, int, str, str]) -> FrozenTrial:
    """Another worker's trial as samplers see it."""
    return _running(*row)


def _running(
    trial_id: int, number: int, params: str | None, distributions: str | None
) -> FrozenTrial:
    values, spaces = encoding.unpack_params(params or "{}", distributions or "{}")
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
    frozen.system_attrs.update(notes)
    if lease.draw is not None:
        frozen.system_attrs[DRAW] = lease.draw
    if lease.fixed is not None:
        frozen.system_attrs["fixed_params"] = json.loads(lease.fixed)
    return frozen
