"""The trial that a worker holds."""

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
    """A claimed trial, as the worker that holds it sees it.

    Attributes:
        lease: the right to run it.
        trial: an Optuna trial for suggestions; after a takeover it returns the stored values, for
            a queued configuration the fixed ones.
        frozen: the same trial as plain data.
        checkpoint: the name of the last checkpoint, None if there is none.
        rows: the history by fold and epoch: dicts of fold, epoch, value, metrics.
        reports: reported costs by step.
        outbox: what the worker has reported of the trial, delivered or not.
        order: the action that the worker must take, updated with every report and heartbeat.
        lost: True once a report or a heartbeat has found that the lease is lost.
    """

    lease: Lease
    trial: optuna.Trial
    frozen: FrozenTrial
    checkpoint: str | None
    rows: dict[tuple[int, int], dict[str, Any]]
    reports: dict[int, float]
    outbox: Outbox
    order: Order = Order.GO_ON
    lost: bool = False

    @property
    def number(self) -> int:
        """The trial's number in its study, from 0."""
        return self.lease.number

    @property
    def attempt(self) -> int:
        """The number of the worker: 1 for the first that runs the trial, 2 for the next, …"""
        return self.lease.attempt

    @property
    def memory_failures(self) -> int:
        """The number of times that a worker of the trial ran out of memory."""
        return self.lease.memory_failures

    @property
    def history(self) -> list[dict[str, Any]]:
        """The reported epochs of all workers: dicts of fold, epoch, value, metrics."""
        return [self.rows[at] for at in sorted(self.rows)]

    @property
    def reported(self) -> int:
        """The last reported epoch (of the last fold); 0 if there is none."""
        return max(self.rows, default=(0, 0))[1]

    def report(
        self, step: int, epoch: int, fold: int, value: float | None, metrics: dict[str, Any]
    ) -> None:
        """Add an epoch to the history in memory, or replace it.

        Args:
            step: Optuna's step.
            epoch: from 1.
            fold: from 0.
            value: its cost; None if it is only for the history.
            metrics: all other results of the epoch, by name.
        """
        if value is not None:
            self.reports[step] = value
        row = {"fold": fold, "epoch": epoch, "value": value, "metrics": metrics}
        self.rows[fold, epoch] = row

    def reached(self, epoch: int, fold: int) -> int:
        """Count the epochs of the history up to and including this one."""
        return sum(at <= (fold, epoch) for at in self.rows)


def make(lease: Lease, begun: Past, study: optuna.Study, frozen: FrozenTrial) -> Claim:
    """Make the claim of a trial; the study's storage must already show the trial as running."""
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
    """Return another worker's running trial for the sampler, from a row of `Surroundings`."""
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
    """Return the claimed trial for the sampler, with what an earlier worker has stored of it.

    Args:
        lease: the trial's lease.
        notes: system attributes that the sampler has set before.
    """
    frozen = _running(lease.trial_id, lease.number, lease.params, lease.distributions)
    frozen.system_attrs.update(notes)
    if lease.draw is not None:
        frozen.system_attrs[DRAW] = lease.draw
    if lease.fixed is not None:
        frozen.system_attrs["fixed_params"] = json.loads(lease.fixed)
    return frozen
