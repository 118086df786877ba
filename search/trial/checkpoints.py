"""The checkpoints of one trial: when one is due, where it lies, what a damaged one means."""

from __future__ import annotations

import time

from search.training.engine import CheckpointError, Training
from search.trial import folds
from search.trial.context import LOG, Context
from search.trial.folds import Progress
from storage.artifacts import ArtifactError
from storage.trials import Claim


class Checkpoints:
    """Saves and finds the checkpoint of a trial.

    Each goes to a new object, then the pointer in the database moves, then the old object goes:
    a kill between any two steps loses no more than the epochs since the old one.
    """

    def __init__(self, context: Context, claim: Claim) -> None:
        self._context = context
        self._claim = claim
        self._saved_at = time.monotonic()
        self._saved_epoch = 0

    def find(self) -> tuple[Progress, bytes | None]:
        """What an earlier worker left of this trial; a damaged one is as good as none."""
        try:
            return folds.read(self._blob())
        except (OSError, ArtifactError, ValueError) as error:
            self._begin_again(error)
            return Progress(), None

    def restore(self, run: Training, blob: bytes) -> bool:
        """Put a training where it was; false where the checkpoint can't be used."""
        try:
            run.restore(blob)
        except CheckpointError as error:
            self._begin_again(error)
            return False
        return True

    def is_due(self, epoch: int) -> bool:
        """Whether it is time for one: the rarer of the study file's two spacings holds."""
        spacing = self._context.plan.file.training
        return (
            epoch - self._saved_epoch >= spacing.checkpoint_every_epochs
            and time.monotonic() - self._saved_at >= spacing.checkpoint_every_s
        )

    def save(self, progress: Progress, fold: int, run: Training) -> None:
        """Save a training between two epochs.

        Raises:
            LeaseLost: somebody else holds the trial; the old checkpoint stands.
        """
        self._saved_at, self._saved_epoch = time.monotonic(), run.history[-1].number
        owner = self._context.owner(self._claim.number)
        blob = folds.write(progress, run.save())
        try:
            pointer = self._context.artifacts.write("checkpoint", owner, blob)
        except ArtifactError as error:  # a full disk: the older checkpoint still stands
            LOG.warning("trial %d: no checkpoint: %s", self._claim.number, error)
            return
        old = self._context.store.checkpoint(self._claim, pointer, self._saved_epoch, fold)
        self._context.artifacts.remove(old)

    def drop(self) -> None:
        """Remove the last one: the trial has ended."""
        self._context.artifacts.remove(self._claim.checkpoint)

    def _blob(self) -> bytes | None:
        name = self._claim.checkpoint
        return None if name is None else self._context.artifacts.read(name)

    def _begin_again(self, error: Exception) -> None:
        number = self._claim.number
        LOG.warning("trial %d begins again, its checkpoint can't be used: %s", number, error)
