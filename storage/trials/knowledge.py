"""What a worker knows of its study: the others' results and trials, for sampling and pruning."""

import time
from collections.abc import Callable

from optuna.samplers import BaseSampler

from studyhall.storage.leases.leases import Lease
from studyhall.storage.sampling import feed
from studyhall.storage.sampling.feed import News
from studyhall.storage.sampling.mirror import Mirror
from studyhall.storage.sampling.part_pruning import PartPruner
from studyhall.storage.sampling.pruning import Pruner
from studyhall.storage.trials import claimed_trial as claimed
from studyhall.storage.trials.claim import Surroundings
from studyhall.storage.trials.claimed_trial import Claim

FRESH_S = 0.25  # a report asks for the others' results only if it knows those of no later moment


class Knowledge:
    """A mirror for the sampler and a pruner, both fed from the feed.

    Args:
        mirror: the finished trials in memory.
        sampler_factory: makes the sampler of one trial from that trial's seed.
        trial_seed: the seed of a trial, from its number.
        pruner: decides about running trials.
        part_pruner: likewise, between two parts of them.
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
        """Takes in what has happened since the last time."""
        self.mirror.learn(news.finished)
        self.pruner.learn(news.finished, news.rungs)
        self.part_pruner.learn(news.finished)
        self.seen = news.after(self.seen)
        self._heard_at = time.monotonic()

    @property
    def is_fresh(self) -> bool:
        """Whether it need not ask again yet: where epochs take milliseconds, asking would cost
        more than all the rest, and the answer makes no difference."""
        return time.monotonic() - self._heard_at < FRESH_S

    def begin(self, lease: Lease, around: Surroundings) -> Claim:
        """Sets a claimed trial up for sampling, knowing the latest."""
        self.learn(around.news)
        frozen = claimed.claimed_trial(lease, around.past.notes)
        self.mirror.show_running([frozen, *map(claimed.other_trial, around.running)])
        sampler = self._sampler_factory(self._trial_seed(lease.number))
        return claimed.make(lease, around.past, self.mirror.study(sampler), frozen)

    def rung(self, claim: Claim, step: int, value: float | None) -> int | None:
        """The rung that a trial enters next with its report."""
        return None if value is None else self.pruner.rung(claim.number, claim.reports, step)
