"""The worker loop for retrainings: trials that are trained again outside of the search.

They are trials of a hidden study, which the ordinary worker loop runs: leased, checkpointed, taken
over. This module holds the differences: hyperparameters of a trial of the search, own seeds and
data, and results that no sampler sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import psutil
from optuna.trial import BaseTrial

from studyhall.search import worker
from studyhall.search.data.errors import DataError
from studyhall.search.process import identity
from studyhall.search.process.stop import Stop
from studyhall.search.retraining.trainer import Retrainer, fixed
from studyhall.search.study import record
from studyhall.search.study.record import Stored
from studyhall.search.study_file import objectives
from studyhall.search.training.training import Training
from studyhall.search.trial import failures
from studyhall.search.trial.context import Context, Outcome, SearchContext, TrialFailed
from studyhall.search.trial.disk_quota import Keeper
from studyhall.search.trial.part_models import Engines, PartModels
from studyhall.search.trial.result import Ended
from studyhall.search.trial.run import Run
from studyhall.search.trial.trainings import TrialTraining
from studyhall.storage.database import Database
from studyhall.storage.database.companions import CONFIRM
from studyhall.storage.queries import records, status
from studyhall.storage.queries.at_work import Running
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies import retrainings
from studyhall.storage.studies.retrainings import Retraining
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials import control
from studyhall.storage.trials.claimed_trial import Claim


def work(db: Database, study: Study, purpose: str, stop: Stop) -> None:
    """Run the planned retrainings until nothing is left or the user asks to stop.

    Args:
        db: database of the study.
        study: the study whose trials are trained again.
        purpose: the kind of retraining, which names the hidden study.
        stop: listens for requests to stop.

    Raises:
        ConfigError: data or code differ from those that the study began with.
    """
    hidden = _unguided(retrainings.hidden(study, purpose))
    _free_the_dead(db, hidden)
    worker.work(db, hidden, stop, kind=HiddenTrials(db, study))


class HiddenTrials(worker.Search):
    """The way in which a worker handles the trials of a hidden study.

    Args:
        db: database of the study.
        study: the study whose trials are trained again.
    """

    def __init__(self, db: Database, study: Study) -> None:
        self._db, self._study = db, study
        self._retrainer: Retrainer | None = None

    def keeper(self, db: Database, study: Study, stored: Stored) -> Keeper:
        """Return a keeper of all models if confirming, as any trial may win; else of none."""
        kept = _All if study.purpose == CONFIRM else _None
        return kept(db, self._study, record.objects(study), stored.file.study)

    def begin(self, context: SearchContext, claim: Claim, engine: Engines, wait_s: float) -> Run:
        """Return the run of one retraining, which reuses the engines of earlier ones."""
        self._retrainer = self._retrainer or Retrainer(context.plan)
        purpose = str(context.study.purpose)
        one = retrainings.of_trial(self._db, self._study, purpose, claim.lease.trial_id)
        trial = records.trial(self._db, self._study, one.trial)
        assert trial is not None
        models = RetrainedModels(self._retrainer, one, trial, context, claim)
        return Retrained(context, claim, models, one, wait_s)

    def ended(self, context: Context, claim: Claim, outcome: Outcome, reason: str) -> None:
        """Do nothing: the launcher shows each outcome with its reason."""


class RetrainedModels(PartModels):
    """The builder of the models of one retraining.

    Args:
        retrainer: provides engines.
        one: its trial, its seed (that of the first fold; each further fold adds one), and its
            percentage of the training set.
        trial: trial whose hyperparameters are used.
        context, claim: as in `PartModels`.
    """

    def __init__(
        self,
        retrainer: Retrainer,
        one: Retraining,
        trial: TrialRecord,
        context: SearchContext,
        claim: Claim,
    ) -> None:
        super().__init__(context, claim, partial(retrainer.engine, percent=one.percent))
        self._retrainer, self._one, self._of = retrainer, one, trial

    def seed(self, part: TrialTraining) -> int:
        """Return the planned seed."""
        return self._one.seed + part.fold

    def samples(self, part: TrialTraining) -> int:
        """Return the number of training samples in the planned share of the training set.

        Raises:
            TrialFailed: the share is too small.
        """
        try:
            return int(self._retrainer.fold(part.fold, self._one.percent).size)
        except DataError as error:
            raise TrialFailed(failures.one_line(error)) from error

    def trial(self) -> BaseTrial:
        """Return a trial that suggests the hyperparameters of the trained trial."""
        return fixed(self._of)


class Retrained(Run):
    """The run of one retraining, from its checkpoint to its end."""

    def __init__(
        self,
        context: SearchContext,
        claim: Claim,
        models: RetrainedModels,
        one: Retraining,
        wait_s: float,
    ) -> None:
        self._one = one
        super().__init__(context, claim, models, wait_s)

    @property
    def number(self) -> int:
        """The number of the trial that is trained again."""
        return self._one.trial

    def _predict(self, part: TrialTraining, run: Training) -> None:
        """Do nothing: out-of-fold predictions are kept for the search only."""

    def _record(self, state: Ended, value: float | None, parts: Sequence[float]) -> None:
        known = self.attributes
        if state == "COMPLETE":
            measure = objectives.recorded(self.context.plan.objectives[0]).removeprefix("val_")
            known |= {
                "train": known["metrics"].get(measure),
                "samples": self.models.samples(self.parts[0]),
            }
        self.context.store.tell(self.claim, state, value, attributes=known)


class _All(Keeper):
    """A keeper of every model: whichever trial wins, one of its models is exported."""

    def wants(self, value: float, number: int) -> bool:
        return True

    def wants_predictions(self, value: float, number: int) -> bool:
        return False


class _None(_All):
    """A keeper of no models."""

    def wants(self, value: float, number: int) -> bool:
        return False


def _unguided(hidden: Study) -> Study:
    """Return the hidden study without sampler, pruner, repeats and warm start.

    Each retraining is one training of given hyperparameters to its end.
    """
    file = hidden.config["file"]
    file = {**file, "search": {"sampler": "random", "pruner": "none"}}
    file["training"] = {**file["training"], "repeats": 1}
    return replace(hidden, config={**hidden.config, "file": file, "warm_start": {}})


def _free_the_dead(db: Database, hidden: Study) -> None:
    """Release trials of dead processes on this machine at once, without waiting for silence."""
    for one in status.status(db, hidden).running:
        if one.held and _is_gone(one):
            control.free(db, hidden, one.worker)


def _is_gone(one: Running) -> bool:
    me = identity.this_process()
    # A restarted container may give a new process the id of a dead worker.
    return one.host == me.host and (one.pid == me.pid or not psutil.pid_exists(one.pid))
