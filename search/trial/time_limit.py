"""The time of a trial: a stopwatch per activity, its time limit, and a watchdog for hangs."""

from __future__ import annotations

import contextlib
import faulthandler
import math
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

from studyhall.search.process import recycling
from studyhall.search.trial.context import LOG, Context
from studyhall.storage.database.urls import StorageError
from studyhall.storage.leases.leases import LeaseLost
from studyhall.storage.trials import control
from studyhall.storage.trials.claimed_trial import Claim

STOPPED = "time"  # value of `stopped` for a trial that reached its limit
HUNG = "hung"  # value of `stopped` for a trial that failed because an epoch or builder hung
GRACE_S = 5.0  # at least, beyond the limit, before a trial counts as hanging


class Stopwatch:
    """The seconds spent per activity: wait, build, store, checkpoint, …"""

    def __init__(self, **seconds: float) -> None:
        self._seconds = seconds

    @contextmanager
    def time(self, what: str) -> Iterator[None]:
        """Add the duration of a block to an activity."""
        began = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - began
            self._seconds[what] = self._seconds.get(what, 0.0) + spent

    def with_others(self, others: Iterable[Mapping[str, float]]) -> dict[str, float]:
        """Return these seconds, with those of other stopwatches added."""
        total = Counter(self._seconds)
        for seconds in others:
            total.update(seconds)
        return dict(total)


class TimeLimit:
    """The time limit of one trial across workers; each part has an equal share.

    Args:
        minutes: limit from the study file.
        parts: number of trainings of the trial.
        spent_s: seconds that earlier workers spent on it, up to the checkpoint.
    """

    def __init__(
        self, minutes: float | Literal["none"], parts: int = 1, spent_s: float = 0.0
    ) -> None:
        self.limit_s = math.inf if minutes == "none" else 60.0 * minutes
        self._parts = parts
        self._before_s = spent_s
        self._began = self._epoch_began = time.monotonic()
        self._longest_s = 0.0

    @property
    def spent_s(self) -> float:
        """The seconds spent on the trial until now."""
        return self._before_s + time.monotonic() - self._began

    def count_epoch(self) -> None:
        """Take note that an epoch has ended."""
        now = time.monotonic()
        self._longest_s = max(self._longest_s, now - self._epoch_began)
        self._epoch_began = now

    def is_over(self, part: int) -> bool:
        """Return whether this part, from 0, has used its share and what earlier parts left over."""
        return self.spent_s >= self.limit_s * (part + 1) / self._parts

    @property
    def hangs_in_s(self) -> float:
        """The seconds until the trial counts as hanging: twice its longest epoch is allowed.

        Before its first epoch a process has the whole limit, whatever earlier workers spent.
        """
        due_s = self.limit_s
        if self._longest_s:
            due_s = max(self.limit_s - self._before_s, self._epoch_began - self._began)
        return self._began + due_s + max(GRACE_S, 2 * self._longest_s) - time.monotonic()


class Watchdog:
    """The watchdog of a trial: fails it if it hangs, and ends the process.

    Python can't end a stuck thread, so the whole process has to go. Use it as a context around
    the training.

    Args:
        context, claim: the trial.
        limit: its time limit.
        number: the trial's number as shown to users.
    """

    def __init__(self, context: Context, claim: Claim, limit: TimeLimit, number: int) -> None:
        self._context, self._claim = context, claim
        self._limit, self._number = limit, number
        self._over = threading.Event()
        # Held while the process is being ended, so that leaving the context waits for the end.
        self._ending = threading.Lock()

    def __enter__(self) -> None:
        if math.isfinite(self._limit.limit_s):
            threading.Thread(target=self._watch, daemon=True, name="watchdog").start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with self._ending:
            pass

    def _watch(self) -> None:
        while not self._over.wait(max(0.0, self._limit.hangs_in_s)):
            if self._limit.hangs_in_s <= 0:
                self._end()

    def _end(self) -> None:
        with self._ending:
            if self._over.is_set():
                return
            try:
                self._tell()
            except StorageError as error:  # the lease can't be lost meanwhile: try again later
                LOG.warning("trial %d hangs, but can't be failed yet: %s", self._number, error)
                return
            recycling.leave_at_once()

    def _tell(self) -> None:
        reason = f"hung: {self._where()} beyond its limit of {self._limit.limit_s / 60:g} minutes"
        LOG.warning("trial %d %s; its threads were at:", self._number, reason)
        with contextlib.suppress(OSError, ValueError):  # stderr may be no real file
            faulthandler.dump_traceback()
        self._fail(reason)

    def _where(self) -> str:
        epochs = self._claim.reported
        return f"no end of epoch {epochs + 1}" if epochs else "no first epoch"

    def _fail(self, reason: str) -> None:
        """Fail a trial whose own thread is stuck; called again while the database is away."""
        context, lease = self._context, self._claim.lease
        db = context.db.another()
        with contextlib.suppress(StorageError, LeaseLost):
            context.store.write_params(self._claim)  # so that the sampler avoids similar values
        fenced = (lease.trial_id, lease.fence)
        control.fail(db, context.study, *fenced, reason, HUNG, token=lease.token)
        control.free(db, context.study, context.worker)  # this process can't release its leases
        db.close()
