"""The store of a worker that samples at random and never prunes, for tests of other things."""

from typing import Any

from studyhall.storage.database import Database
from studyhall.storage.leases.workers import Worker
from studyhall.storage.sampling import pruning, samplers
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.trial_store import TrialStore


def plain_store(
    db: Database, study: Study, worker: Worker | None = None, **options: Any
) -> TrialStore:
    """Return a store, which its caller closes.

    Args:
        db: the database of the study.
        study: the study.
        worker: default: one named "w".
        options: more arguments of `TrialStore`.
    """
    return TrialStore(
        db,
        study,
        worker or Worker("w", "h", 1, "cpu"),
        samplers.named("random", study_seed=0),
        pruning.Never(),
        trial_seed=lambda number: number,
        **options,
    )


def held_longer(claim: Claim, seconds: float) -> None:
    """Let a worker have claimed its trial that much earlier, by its own clock."""
    object.__setattr__(claim.lease, "taken_at", claim.lease.taken_at - seconds)
