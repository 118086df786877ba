"""What a worker does with trials that are trained anew, beside the search.

They are trials of a hidden study, which any worker's loop runs: leased, saved on the way, taken
over. Here is what sets them apart: whose hyperparameters they have, their seeds, their data, and
that their results are for nobody's sampler.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from optuna.trial import BaseTrial

from studyhall.search import worker
from studyhall.search.data.errors import DataError
from studyhall.search.process import identity
from studyhall.search.process.stop import Stop
from studyhall.search.retraining.trainer import Anew, fixed
from studyhall.search.study import record
from studyhall.search.study.record import Stored
from studyhall.search.study_file import objectives
from studyhall.search.training.engine import Training
from studyhall.search.trial import failures
from studyhall.search.trial.context import Context, Outcome, TrialFailed
from studyhall.search.trial.disk_quota import Keeper
from studyhall.search.trial.result import Ended
from studyhall.search.trial.run import Engines, Run
from studyhall.search.trial.trainings import TrialTraining
from studyhall.storage.database import Database
from studyhall.storage.database.companions import CONFIRM
from studyhall.storage.queries import records, status
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.queries.status import Running
from studyhall.storage.studies import retrainings
from studyhall.storage.studies.retrainings import Retraining
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials import control
from studyhall.storage.trials.claimed_trial import Claim


def work(db: Database, study: Study, purpose: str, stop: Stop) -> None:
    """Train what is planned until nothing is left or somebody asks to stop.

    Raises:
        ConfigError: data or code differ from those that the study began with.
    """
    hidden = _unguided(retrainings.hidden(study, purpose))
    _free_the_dead(db, hidden)
    worker.work(db, hidden, stop, kind=Beside(db, study))


class Beside(worker.Search):
    """What becomes of the trials of a hidden study.

    Args:
        db: where it is.
        study: the one that it stands beside.
    """

    def __init__(self, db: Database, study: Study) -> None:
        self._db, self._study = db, study
        self._anew: Anew | None = None

    def keeper(self, db: Database, study: Study, stored: Stored) -> Keeper:
        """Keeps the models of all that are confirmed: whichever wins, one of them is exported."""
        kept = _All if study.purpose == CONFIRM else _None
        return kept(db, self._study, record.objects(study), stored.file.study)

    def begin(self, context: Context, claim: Claim, engine: Engines, wait_s: float) -> Run:
        """One of them, with the engines of those before it."""
        self._anew = self._anew or Anew(context.plan)
        purpose = str(context.study.purpose)
        one = retrainings.of_trial(self._db, self._study, purpose, claim.lease.trial_id)
        trial = records.trial(self._db, self._study, one.trial)
        assert trial is not None
        return Retrained(self._anew, one, trial, context, claim, wait_s)

    def ended(self, context: Context, claim: Claim, outcome: Outcome, reason: str) -> None:
        """Nothing: each has its reason, and the launcher shows it."""


class Retrained(Run):
    """One of them, from its checkpoint to its end.

    Args:
        anew: gives engines.
        one: its seed, which is of the first fold (each further one has the next), and its share of
            the training part.
        trial: whose hyperparameters it has.
        context, claim, wait_s: as of any `Run`.
    """

    def __init__(
        self,
        anew: Anew,
        one: Retraining,
        trial: TrialRecord,
        context: Context,
        claim: Claim,
        wait_s: float,
    ) -> None:
        self._anew, self._one, self._of = anew, one, trial
        super().__init__(context, claim, partial(anew.engine, percent=one.percent), wait_s)

    @property
    def number(self) -> int:
        """Of the trial that is trained anew."""
        return self._one.trial

    def _seed(self, part: TrialTraining) -> int:
        return self._one.seed + part.fold

    def _samples(self, part: TrialTraining) -> int:
        try:
            return len(self._anew.fold(part.fold, self._one.percent).train_rows)
        except DataError as error:
            raise TrialFailed(failures.one_line(error)) from error

    def _trial(self) -> BaseTrial:
        return fixed(self._of)

    def _predict(self, part: TrialTraining, run: Training) -> None:
        """Nothing: what the folds predict is told of the search alone."""

    def _record(self, state: Ended, value: float | None, parts: Sequence[float]) -> None:
        known = self.attributes
        if state == "COMPLETE":
            measure = objectives.recorded(self.context.plan.objectives[0]).removeprefix("val_")
            known |= {
                "train": known["metrics"].get(measure),
                "samples": self._samples(self.parts[0]),
            }
        self.context.store.tell(self.claim, state, value, attributes=known)


class _All(Keeper):
    """Keeps every model: whichever trial wins, one of its models is exported."""

    def wants(self, value: float, number: int) -> bool:
        return True

    def wants_predictions(self, value: float, number: int) -> bool:
        return False


class _None(_All):
    """Keeps no model."""

    def wants(self, value: float, number: int) -> bool:
        return False


def _unguided(hidden: Study) -> Study:
    """With nothing that a search would choose or stop: each is trained once, to its end."""
    file = hidden.config["file"]
    file = {**file, "search": {"sampler": "random", "pruner": "none"}}
    file["training"] = {**file["training"], "repeats": 1}
    return replace(hidden, config={**hidden.config, "file": file, "warm_start": {}})


def _free_the_dead(db: Database, hidden: Study) -> None:
    """Free what processes of this machine had in hand that are gone, though not silent for long."""
    for one in status.status(db, hidden).running:
        if one.held and _is_gone(one):
            control.free(db, hidden, one.worker)


def _is_gone(one: Running) -> bool:
    me = identity.this_process()
    if one.host != me.host:
        return False
    try:
        os.kill(one.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return one.pid == me.pid
