"""The trial that won a study, and the model that is exported for it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from studyhall.search.evaluation import proof_result
from studyhall.search.retraining import confirm_result
from studyhall.search.retraining.confirm_result import Confirmation
from studyhall.search.retraining.confirmed_trial import Confirmed
from studyhall.search.study import record
from studyhall.search.study_file import objectives
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import Database
from studyhall.storage.queries import records, status
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies import scorings, studies
from studyhall.storage.studies.rows import Study
from studyhall.storage.studies.scorings import Scoring


@dataclass(frozen=True)
class Winner:
    """The trial whose model is exported: the study's best, or one chosen by the user.

    Attributes:
        trial: the trial; its attributes describe the training whose model is exported.
        confirmation: the confirmation of the best trials that counts, or None.
        final: no result that is still to come could change the winner.
        scorings: uses of the test set so far.
        chosen: the user chose this trial, though another one has won.
        searched_sha256: SHA-256 of the models scored on the test set that the search has trained.
    """

    trial: TrialRecord
    confirmation: Confirmation | None
    final: bool
    scorings: tuple[Scoring, ...]
    chosen: bool = False
    searched_sha256: frozenset[str] = frozenset()

    def key(self, name: str) -> str:
        """Return the key under which a fact about this trial's model is stored."""
        return f"{name} {self.trial.number}" if self.chosen else name

    @property
    def folder(self) -> str:
        """The folder of its exported model, relative to the study's folder."""
        return f"trial-{self.trial.number}" if self.chosen else "best"

    @property
    def model_sha256(self) -> str | None:
        """The SHA-256 of its model; None if none is saved."""
        found = self.trial.attributes.get("model_sha256")
        return None if found is None else str(found)

    @property
    def opens_again(self) -> bool:
        """True if the test set opens once more: a confirmation has replaced the model scored first.

        Of several confirmations only the first one's winner is scored so: whoever could ask until
        the scores please would choose by the test set.
        """
        if not self.final or not self.trial.attributes.get("model_confirmed"):
            return False
        of_search = self.searched_sha256
        return bool(self.scorings) and all(s.model_sha256 in of_search for s in self.scorings)

    @property
    def scoring(self) -> Scoring | None:
        """The latest scores of exactly this model on the test set, or None."""
        mine = [s for s in self.scorings if s.model_sha256 == self.model_sha256 and s.scores]
        return mine[-1] if mine else None


def read(db: Database, study: Study, number: int | None = None) -> Winner | None:
    """Read the current winner; None before any trial is complete.

    Args:
        db: database of the study.
        study: the study.
        number: number of a complete trial to use instead of the winner.

    Raises:
        ConfigError: there is no such trial, or it is not complete.
    """
    found = _read(db, study)
    if found is None or number is None or number == found.trial.number:
        return found
    trial = records.trial(db, study, number)
    if trial is None or trial.state != "COMPLETE":
        received = f"{number}, which is {trial.state}" if trial else f"{number}, which is missing"
        raise ConfigError([f"command line: --trial: received {received}, expected a complete one"])
    # The test set is reserved for the winner: a chosen trial is final only if the winner's proof
    # has failed.
    last = found.final and _fails(studies.facts(db, study).get("proof"), found)
    return Winner(trial, None, last, found.scorings, chosen=True)


def _fails(proof: dict[str, Any] | None, found: Winner) -> bool:
    """Return whether the proof of this trial's model has failed."""
    mine = proof is not None and proof.get("model_sha256") == found.model_sha256
    return mine and not proof_result.holds(proof or {})


def _read(db: Database, study: Study) -> Winner | None:
    state = status.status(db, study)
    if state.incumbent is None:
        return None
    asked = confirm_result.read(db, study)
    found = None if asked is None else asked.standing
    trial = state.incumbent
    if found is not None and found.current and found.winner is not None:
        trial = _confirmed(found.winner)
    wanted = record.stored(study).file.study.confirm_top is not None
    final = state.spent and (asked.current if asked is not None else not wanted)
    used = tuple(scorings.read(db, study))
    return Winner(trial, found, final, used, searched_sha256=_of_search(db, study, used))


def _of_search(db: Database, study: Study, used: tuple[Scoring, ...]) -> frozenset[str]:
    """Return the SHA-256 of those models scored on the test set that the search has trained."""
    trials = [records.trial(db, study, number) for number in {each.trial for each in used}]
    found = (trial.attributes.get("model_sha256") for trial in trials if trial is not None)
    return frozenset(str(each) for each in found if each is not None)


def _confirmed(winner: Confirmed) -> TrialRecord:
    """Return the trial with the attributes of its confirmed model."""
    run = winner.model
    if run is None or run.result is None:
        return winner.trial
    names = ("model", "model_sha256", "model_fold", "model_value", "metrics", "parameters")
    about = {name: run.result[name] for name in names}
    about |= {"seed": run.seed, "model_repeat": run.repeat, "model_confirmed": True}
    about["model_loss"] = run.result["metrics"].get(objectives.recorded(objectives.LOSS))
    return replace(winner.trial, attributes={**winner.trial.attributes, **about})
