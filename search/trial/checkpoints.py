"""The checkpoints of one trial: when one is due, where it lies, what a damaged one means."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from contextlib import contextmanager

from search.training.engine import CheckpointError, Training
from search.trial import parts
from search.trial.context import LOG, Context
from search.trial.parts import Progress
from storage.artifacts import ArtifactError
from storage.leases import LeaseLost
from storage.trials import Claim

COST = 0.02  # of a trial's time that its checkpoints may take, unless every epoch is asked for


class Checkpoints:
    """Saves and finds the checkpoint of a trial.

    Each goes to a new object, then the pointer in the database moves, then the old object goes:
    a kill between any two steps loses no more than the epochs since the old one.
    """

    def __init__(self, context: Context, claim: Claim) -> None:
        self._context = context
        self._claim = claim
        self._saved_at = time.monotonic()
        self._saved_step = 0
        self._took_s = 0.0
        self._complained = False

    def find(self) -> tuple[Progress, bytes | None, bytes]:
        """What an earlier worker left, as `parts.read` says; a damaged one is as good as none."""
        try:
            return parts.read(self._blob())
        except (OSError, ArtifactError, ValueError) as error:
            self._begin_again(error)
            return Progress(), None, b""

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
        spacing = self._context.plan.file.training
        pause_s = spacing.checkpoint_every_s
        if pause_s:
            pause_s = max(pause_s, self._took_s / COST)
        return (
            step - self._saved_step >= spacing.checkpoint_every_epochs
            and time.monotonic() - self._saved_at >= pause_s
        )

    def save(self, progress: Progress, part: int, run: Training, carried: bytes = b"") -> None:
        """Save a training between two epochs, and what is carried from part to part.

        Raises:
            LeaseLost: somebody else holds the trial; the old checkpoint stands.
        """
        before = part * self._context.plan.file.training.epochs
        self._saved_at, self._saved_step = time.monotonic(), before + run.history[-1].number
        self._replace(progress, part, run, carried)
        self._took_s = time.monotonic() - self._saved_at

    def _replace(self, progress: Progress, part: int, run: Training, carried: bytes) -> None:
        blob = parts.write(progress, run.save(), carried)
        try:
            pointer, older = self._write(blob)
        except ArtifactError as error:  # a full disk: the older checkpoint still stands
            self._complain(error)
            return
        try:
            epoch = run.history[-1].number
            self._context.store.checkpoint(self._claim, pointer, epoch, part)
        except LeaseLost:
            self._remove([pointer])
            raise
        if self._claim.checkpoint == pointer:  # else it waits for a database that is away
            self._remove(older)
            self._context.artifacts.sweep("checkpoint", self._claim.number)
            self._context.keeper.tidy()

    def drop(self) -> None:
        """Remove all of them: the trial has ended."""
        with self._can_wait():
            self._remove(self._all())

    def _write(self, blob: bytes) -> tuple[str, list[str]]:
        """A new object, and the names of those that it replaces.

        These are listed before the pointer moves under our lease: nobody who may take the trial
        over later has written any of them.
        """
        objects, owner = self._context.artifacts, self._context.owner(self._claim.number)
        older = self._all()
        write = functools.partial(objects.write, "checkpoint", owner, blob)
        return self._context.keeper.saved(write), older

    def _all(self) -> list[str]:
        """All checkpoints of the trial, those too that a kill has left without a pointer."""
        objects, number = self._context.artifacts.objects(), self._claim.number
        return [one.name for one in objects if (one.kind, one.trial) == ("checkpoint", number)]

    def _remove(self, names: list[str]) -> None:
        with self._can_wait():
            for name in names:
                self._context.artifacts.remove(name)

    @contextmanager
    def _can_wait(self) -> Iterator[None]:
        """What keeps an object from being removed costs no trial; the next save tries again."""
        try:
            yield
        except ArtifactError as error:
            LOG.debug("trial %d: %s", self._claim.number, error)

    def _blob(self) -> bytes | None:
        name = self._claim.checkpoint
        return None if name is None else self._context.artifacts.read(name)

    def _complain(self, error: ArtifactError) -> None:
        """Say it once per trial, not at every epoch."""
        if not self._complained:
            self._complained = True
            LOG.warning("trial %d: no checkpoint: %s", self._claim.number, error)

    def _begin_again(self, error: Exception) -> None:
        number = self._claim.number
        LOG.warning("trial %d begins again, its checkpoint can't be used: %s", number, error)
