"""Which trial has won, and which model stands for it: the incumbent's, or a confirmed one."""

from __future__ import annotations

from dataclasses import dataclass, replace

from search import creation
from search.report import show
from search.retraining import confirmation
from search.retraining.confirmation import Confirmation
from search.retraining.confirmed import Confirmed
from storage import scorings, status
from storage.database import Database
from storage.records import TrialRecord
from storage.scorings import Scoring
from storage.studies import Study


@dataclass(frozen=True)
class Winner:
    """The trial that stands for its study.

    Attributes:
        trial: its attributes are those of the training whose model is exported.
        confirmation: of the best trials: the one that counts, or None.
        final: whether nothing is to come that could beat it.
        scorings: how the test set was used so far.
    """

    trial: TrialRecord
    confirmation: Confirmation | None
    final: bool
    scorings: tuple[Scoring, ...]

    @property
    def model_sha256(self) -> str | None:
        """Of its model; None where none is saved."""
        found = self.trial.attributes.get("model_sha256")
        return None if found is None else str(found)

    @property
    def scoring(self) -> Scoring | None:
        """The latest scores of this very model on the test set."""
        mine = [s for s in self.scorings if s.model_sha256 == self.model_sha256 and s.scores]
        return mine[-1] if mine else None


def read(db: Database, study: Study) -> Winner | None:
    """The winner so far; None before any trial is complete."""
    state = status.status(db, study)
    if state.incumbent is None:
        return None
    asked = confirmation.read(db, study)
    found = None if asked is None else asked.standing
    trial = state.incumbent
    if found is not None and found.current and found.winner is not None:
        trial = _confirmed(found.winner)
    wanted = creation.stored(study).file.study.confirm_top is not None
    final = show.spent(state) and (asked.current if asked is not None else not wanted)
    return Winner(trial, found, final, tuple(scorings.read(db, study)))


def _confirmed(winner: Confirmed) -> TrialRecord:
    """The trial, with what is known of its confirmed model."""
    run = winner.model
    if run is None or run.result is None:
        return winner.trial
    names = ("model", "model_sha256", "model_fold", "model_value", "metrics", "parameters")
    about = {name: run.result[name] for name in names}
    about |= {"seed": run.seed, "model_repeat": run.repeat, "model_confirmed": True}
    return replace(winner.trial, attributes={**winner.trial.attributes, **about})
