"""The checkpoints of one trial: saved when due, restored after a restart."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from studyhall.search.training.checkpoint import CheckpointError
from studyhall.search.training.epoch import Epoch
from studyhall.search.trial import trainings
from studyhall.search.trial.context import LOG, Context
from studyhall.search.trial.trainings import TrialProgress
from studyhall.storage.artifacts import artifact_store
from studyhall.storage.artifacts.atomic_files import ArtifactError
from studyhall.storage.leases.leases import LeaseLost
from studyhall.storage.trials.claimed_trial import Claim

# Largest share of a trial's time spent on checkpoints, unless checkpoint_every_s is 0.
COST = 0.02


class Resumable(Protocol):
    """A training that can be saved between two epochs, and put back."""

    @property
    def history(self) -> Sequence[Epoch]:
        """Its epochs so far."""

    def save(self) -> bytes:
        """Return its state."""

    def restore(self, blob: bytes) -> None:
        """Put it back to a state.

        Raises:
            CheckpointError: it is that of another model or damaged.
        """


class Checkpoints:
    """The writer and reader of a claimed trial's checkpoints.

    Each checkpoint is a new object: first the object is written, then the pointer in the database
    moves, then the old object is deleted. A kill between any two steps loses no more than the
    epochs since the old checkpoint.

    Args:
        context, claim: the trial.
        number: the trial's number as shown to users.
    """

    def __init__(self, context: Context, claim: Claim, number: int) -> None:
        self._objects, self._keeper = context.artifacts, context.keeper
        self._store, self._claim, self._number = context.store, claim, number
        self._spacing = context.plan.file.training
        self._owner = context.owner(claim.number)
        self._own = artifact_store.start("checkpoint", self._owner)
        self._saved_at = time.monotonic()
        self._saved_step = 0
        self._took_s = 0.0
        self._complained = False

    def find(self) -> tuple[TrialProgress, bytes | None, bytes]:
        """Return progress, checkpoint and predictions of an earlier worker, as `trainings.read`.

        A damaged checkpoint is treated like a missing one.
        """
        try:
            return trainings.read(self._blob())
        except (OSError, ArtifactError, ValueError) as error:
            self._begin_again(error)
            return TrialProgress(), None, b""

    def restore(self, run: Resumable, blob: bytes) -> bool:
        """Restore a training from a checkpoint; return False if the checkpoint can't be used."""
        try:
            run.restore(blob)
        except CheckpointError as error:
            self._begin_again(error)
            return False
        return True

    def is_due(self, step: int) -> bool:
        """Return whether a checkpoint is due after this step.

        Both spacings of the study file must have passed. Checkpoints that take long to write (large
        model, slow disk) are spaced out further, so that they take at most `COST` of the time.
        """
        pause_s = self._spacing.checkpoint_every_s
        if pause_s:
            pause_s = max(pause_s, self._took_s / COST)
        return (
            step - self._saved_step >= self._spacing.checkpoint_every_epochs
            and time.monotonic() - self._saved_at >= pause_s
        )

    def step(self, part: int, epoch: int) -> int:
        """Return the step of an epoch: epochs are numbered on from part to part."""
        return part * self._spacing.epochs + epoch

    def save(
        self, progress: TrialProgress, part: int, run: Resumable, carried: bytes = b""
    ) -> None:
        """Save a checkpoint of a training between two epochs.

        Args:
            progress: results of the parts that are done.
            part: number of the part under way.
            run: its training.
            carried: out-of-fold predictions of the earlier parts.

        Raises:
            LeaseLost: another worker holds the trial; the old checkpoint is kept.
        """
        self._saved_at = time.monotonic()
        self._saved_step = self.step(part, run.history[-1].number)
        self._replace(progress, part, run, carried)
        self._took_s = time.monotonic() - self._saved_at

    def _replace(self, progress: TrialProgress, part: int, run: Resumable, carried: bytes) -> None:
        blob = trainings.write(progress, run.save(), carried)
        try:
            pointer, older = self._write(blob)
        except ArtifactError as error:  # such as a full disk: the older checkpoint is kept
            self._complain(error)
            return
        try:
            self._store.checkpoint(self._claim, pointer, run.history[-1].number, part)
        except LeaseLost:
            self._remove([pointer])
            raise
        # While the database is unreachable the pointer is queued, and older objects are still used.
        if self._claim.checkpoint == pointer:
            self._remove(older)
            self._objects.sweep(self._own)
            self._keeper.tidy()

    def drop(self) -> None:
        """Delete all checkpoints of the trial, once it has ended."""
        with self._can_wait():
            self._remove(self._all())

    def _write(self, blob: bytes) -> tuple[str, list[str]]:
        """Write a new object; return its name and the names of those that it replaces.

        The old ones are listed before the pointer moves, while the lease is still ours, so that no
        checkpoint of a later worker can be among them.
        """
        older = self._all()
        write = functools.partial(self._objects.write, "checkpoint", self._owner, blob)
        return self._keeper.saved(write), older

    def _all(self) -> list[str]:
        """Return the names of all checkpoints of the trial, also those without a pointer."""
        names = (one.name for one in self._objects.objects())
        return [name for name in names if name.startswith(self._own)]

    def _remove(self, names: list[str]) -> None:
        with self._can_wait():
            for name in names:
                self._objects.remove(name)

    @contextmanager
    def _can_wait(self) -> Iterator[None]:
        """Log and ignore a failed deletion: the next save tries again."""
        try:
            yield
        except ArtifactError as error:
            LOG.debug("trial %d: %s", self._number, error)

    def _blob(self) -> bytes | None:
        name = self._claim.checkpoint
        return None if name is None else self._objects.read(name)

    def _complain(self, error: ArtifactError) -> None:
        """Warn once per trial, not at every epoch."""
        if not self._complained:
            self._complained = True
            LOG.warning("trial %d: can't write a checkpoint: %s", self._number, error)

    def _begin_again(self, error: Exception) -> None:
        number = self._number
        LOG.warning("trial %d restarts: its checkpoint can't be used: %s", number, error)
