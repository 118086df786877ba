"""The checkpoints of one trial: when one is due, and what a damaged one means."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from contextlib import contextmanager

from studyhall.search.training.checkpoint import CheckpointError
from studyhall.search.training.engine import Training
from studyhall.search.trial import trainings
from studyhall.search.trial.context import LOG, Context
from studyhall.search.trial.trainings import TrialProgress
from studyhall.storage.artifacts import artifact_store
from studyhall.storage.artifacts.artifact_store import ArtifactError
from studyhall.storage.leases.leases import LeaseLost
from studyhall.storage.trials.claimed_trial import Claim

COST = 0.02  # of a trial's time that its checkpoints may take, unless every epoch is asked for


class Checkpoints:
    """Saves and finds the checkpoint of a claimed trial.

    Each goes to a new object, then the pointer in the database moves, then the old object goes:
    a kill between any two steps loses no more than the epochs since the old one.

    Args:
        context, claim: the trial.
        number: by which people know it.
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
        """What an earlier worker left, as `parts.read` says; a damaged one is as good as none."""
        try:
            return trainings.read(self._blob())
        except (OSError, ArtifactError, ValueError) as error:
            self._begin_again(error)
            return TrialProgress(), None, b""

    def restore(self, run: Training, blob: bytes) -> bool:
        """Put a training where it was; false where the checkpoint can't be used."""
        try:
            run.restore(blob)
        except CheckpointError as error:
            self._begin_again(error)
            return False
        return True

    def is_due(self, step: int) -> bool:
        """Whether it is time for one after this step: the rarer of the study file's two spacings.

        What takes long, as of a large model on a slow disk, is done the more rarely.
        """
        pause_s = self._spacing.checkpoint_every_s
        if pause_s:
            pause_s = max(pause_s, self._took_s / COST)
        return (
            step - self._saved_step >= self._spacing.checkpoint_every_epochs
            and time.monotonic() - self._saved_at >= pause_s
        )

    def step(self, part: int, epoch: int) -> int:
        """Epochs are counted on from part to part."""
        return part * self._spacing.epochs + epoch

    def save(self, progress: TrialProgress, part: int, run: Training, carried: bytes = b"") -> None:
        """Save a training between two epochs, and what is carried from part to part.

        Raises:
            LeaseLost: somebody else holds it; the old checkpoint stands.
        """
        self._saved_at = time.monotonic()
        self._saved_step = self.step(part, run.history[-1].number)
        self._replace(progress, part, run, carried)
        self._took_s = time.monotonic() - self._saved_at

    def _replace(self, progress: TrialProgress, part: int, run: Training, carried: bytes) -> None:
        blob = trainings.write(progress, run.save(), carried)
        try:
            pointer, older = self._write(blob)
        except ArtifactError as error:  # a full disk: the older checkpoint still stands
            self._complain(error)
            return
        try:
            self._store.checkpoint(self._claim, pointer, run.history[-1].number, part)
        except LeaseLost:
            self._remove([pointer])
            raise
        if self._claim.checkpoint == pointer:  # or it waits for a database that is away
            self._remove(older)
            self._objects.sweep(self._own)
            self._keeper.tidy()

    def drop(self) -> None:
        """Remove all of them: the training has ended."""
        with self._can_wait():
            self._remove(self._all())

    def _write(self, blob: bytes) -> tuple[str, list[str]]:
        """A new object, and the names of those that it replaces.

        These are listed before the pointer moves under our lease: nobody who may take it over later
        has written any of them.
        """
        older = self._all()
        write = functools.partial(self._objects.write, "checkpoint", self._owner, blob)
        return self._keeper.saved(write), older

    def _all(self) -> list[str]:
        """All its checkpoints, those too that a kill has left without a pointer."""
        names = (one.name for one in self._objects.objects())
        return [name for name in names if name.startswith(self._own)]

    def _remove(self, names: list[str]) -> None:
        with self._can_wait():
            for name in names:
                self._objects.remove(name)

    @contextmanager
    def _can_wait(self) -> Iterator[None]:
        """What keeps an object from being removed costs no trial; the next save tries again."""
        try:
            yield
        except ArtifactError as error:
            LOG.debug("trial %d: %s", self._number, error)

    def _blob(self) -> bytes | None:
        name = self._claim.checkpoint
        return None if name is None else self._objects.read(name)

    def _complain(self, error: ArtifactError) -> None:
        """Say it once, not at every epoch."""
        if not self._complained:
            self._complained = True
            LOG.warning("trial %d: no checkpoint: %s", self._number, error)

    def _begin_again(self, error: Exception) -> None:
        number = self._number
        LOG.warning("trial %d begins again, its checkpoint can't be used: %s", number, error)
