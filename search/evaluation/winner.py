"""Which trial has won, and which model stands for it: the incumbent's, or a confirmed one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from studyhall.search.evaluation import proof_result
from studyhall.search.retraining import confirmation
from studyhall.search.retraining.confirmation import Confirmation
from studyhall.search.retraining.confirmed_trial import Confirmed
from studyhall.search.study import record
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import Database
from studyhall.storage.queries import records, status
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies import scorings, studies
from studyhall.storage.studies.rows import Study
from studyhall.storage.studies.scorings import Scoring


@dataclass(frozen=True)
class Winner:
    """The trial that stands for its study.

    Attributes:
        trial: its attributes are those of the training whose model is exported.
        confirmation: of the best trials: the one that counts, or None.
        final: whether nothing is to come that could beat it.
        scorings: how the test set was used so far.
        chosen: whether somebody has named this trial, though another has won.
    """

    trial: TrialRecord
    confirmation: Confirmation | None
    final: bool
    scorings: tuple[Scoring, ...]
    chosen: bool = False

    def key(self, name: str) -> str:
        """Where a fact about this trial's model is kept."""
        return f"{name} {self.trial.number}" if self.chosen else name

    @property
    def folder(self) -> str:
        """Of its exported model, below the study's."""
        return f"trial-{self.trial.number}" if self.chosen else "best"

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


def read(db: Database, study: Study, number: int | None = None) -> Winner | None:
    """The winner so far; None before any trial is complete.

    Args:
        number: of a complete trial that is to stand for its study instead.

    Raises:
        ConfigError: there is no such trial, or it is not complete.
    """
    found = _read(db, study)
    if found is None or number is None or number == found.trial.number:
        return found
    trial = records.trial(db, study, number)
    if trial is None or trial.state != "COMPLETE":
        received = f"{number}, which is {trial.state}" if trial else f"{number}, which is not there"
        raise ConfigError([f"command line: --trial: received {received}, expected a complete one"])
    last = found.final and _fails(studies.facts(db, study).get("proof"), found)
    return Winner(trial, None, last, found.scorings, chosen=True)


def _fails(proof: dict[str, Any] | None, found: Winner) -> bool:
    """Whether this trial's model is known not to be proven."""
    mine = proof is not None and proof.get("model_sha256") == found.model_sha256
    return mine and not proof_result.holds(proof or {})


def _read(db: Database, study: Study) -> Winner | None:
    state = status.status(db, study)
    if state.incumbent is None:
        return None
    asked = confirmation.read(db, study)
    found = None if asked is None else asked.standing
    trial = state.incumbent
    if found is not None and found.current and found.winner is not None:
        trial = _confirmed(found.winner)
    wanted = record.stored(study).file.study.confirm_top is not None
    final = state.spent and (asked.current if asked is not None else not wanted)
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
