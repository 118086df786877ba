"""The results of other trials that a worker keeps in memory, for sampling and pruning."""

import time
from collections.abc import Callable

from optuna.samplers import BaseSampler

from studyhall.storage.database import Database
from studyhall.storage.leases.leases import Lease
from studyhall.storage.sampling import feed
from studyhall.storage.sampling.feed import News
from studyhall.storage.sampling.mirror import Mirror
from studyhall.storage.sampling.part_pruning import PartPruner
from studyhall.storage.sampling.pruning import Pruner
from studyhall.storage.trials import claim as claiming
from studyhall.storage.trials import claimed_trial as claimed
from studyhall.storage.trials.claimed_trial import Claim

FRESH_S = 0.25  # a report asks for news only if the last is older than this


class Knowledge:
    """The mirror for the sampler and the pruners, all updated from the feed.

    Args:
        mirror: the finished trials in memory.
        sampler_factory: makes the sampler of one trial from that trial's seed.
        trial_seed: returns the seed of a trial from its number.
        pruner: decides whether running trials end early.
        part_pruner: decides whether trials end between two of their parts.
    """

    def __init__(
        self,
        mirror: Mirror,
        sampler_factory: Callable[[int], BaseSampler],
        trial_seed: Callable[[int], int],
        pruner: Pruner,
        part_pruner: PartPruner,
    ) -> None:
        self.mirror = mirror
        self.pruner = pruner
        self.part_pruner = part_pruner
        self.seen = feed.Seen()
        self._heard_at = 0.0  # time.monotonic()
        self._sampler_factory = sampler_factory
        self._trial_seed = trial_seed

    def learn(self, news: News) -> None:
        """Add news from the feed to the mirror and the pruners."""
        self.mirror.learn(news.finished)
        self.pruner.learn(news.finished, news.rungs)
        self.part_pruner.learn(news.finished)
        self.seen = news.after(self.seen)
        self._heard_at = time.monotonic()

    @property
    def is_fresh(self) -> bool:
        """True if the last news is too recent to ask again.

        Where epochs take milliseconds, asking with each report would cost more than everything else
        and would hardly change a decision.
        """
        return time.monotonic() - self._heard_at < FRESH_S

    def begin(self, db: Database, study_id: int, lease: Lease) -> Claim:
        """Read the latest results, and make the claim of a trial, ready for sampling.

        Raises:
            StorageError: the database stayed unreachable.
        """
        rungs = self.pruner.needs_rungs
        around = db.statement(
            lambda t: claiming.look_around(t, study_id, lease, self.seen, rungs=rungs)
        )
        self.learn(around.news)
        frozen = claimed.claimed_trial(lease, around.past.notes)
        self.mirror.show_running([frozen, *map(claimed.other_trial, around.running)])
        sampler = self._sampler_factory(self._trial_seed(lease.number))
        return claimed.make(lease, around.past, self.mirror.study(sampler), frozen)

    def rung(self, claim: Claim, step: int, value: float | None) -> int | None:
        """Return the rung that a trial enters next with its report at this step; None if none."""
        return None if value is None else self.pruner.rung(claim.number, claim.reports, step)
