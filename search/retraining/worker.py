"""A process that trains anew, one after another, what a study has planned."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from studyhall.search import worker
from studyhall.search.data.errors import DataError
from studyhall.search.process import device, identity, wire
from studyhall.search.process.stop import STOPPED, Stop
from studyhall.search.retraining.heartbeat import Hands
from studyhall.search.retraining.run import Course, Left
from studyhall.search.retraining.trainer import Anew, Trained
from studyhall.search.study import record
from studyhall.search.study_file.sections import StudyFile
from studyhall.search.trial import best_model, failures, objective
from studyhall.search.trial.checkpoints import Checkpoints
from studyhall.search.trial.disk_quota import Keeper
from studyhall.storage.artifacts.artifact_store import ArtifactStore
from studyhall.storage.database import Database
from studyhall.storage.leases.leases import LeaseLost, Worker
from studyhall.storage.queries import records, status
from studyhall.storage.studies import retrainings
from studyhall.storage.studies.retrainings import CONFIRM, Retraining
from studyhall.storage.studies.rows import Study

LOG = logging.getLogger("studyhall")
GONE = (Left, LeaseLost)  # it is for somebody else to go on with
WAIT_S = 0.5  # between questions whether one of somebody else has become free


@dataclass(frozen=True)
class Shared:
    """What all retrainings of a process share."""

    db: Database
    study: Study
    anew: Anew
    objects: ArtifactStore
    keeper: Keeper
    me: Worker
    stop: Stop

    @property
    def file(self) -> StudyFile:
        """The study's."""
        return self.anew.plan.file


def work(db: Database, study: Study, purpose: str, stop: Stop) -> None:
    """Train what is planned until nothing is left or somebody asks to stop.

    Raises:
        ConfigError: data or code differ from those that the study began with.
    """
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    stored, me = record.stored(study), identity.this_process()
    print(f"{wire.STARTED}: {study.name}, to {purpose}, on {device.name()}", flush=True)
    anew, objects = Anew(worker.plan_of(stored, stored.folder, study)), record.objects(study)
    keeper = Keeper(db, study, objects, stored.file.study)
    shared = Shared(db, study, anew, objects, keeper, me, stop)
    silence_s = stored.file.workers.silence
    try:
        while not stop.asked:
            one = retrainings.claim(db, study, purpose, me, silence_s, partial(_is_dead, me))
            if status.status(db, study).stopping:
                stop.ask(STOPPED)
            elif one is not None:
                _train(shared, one)
            elif _all_done(db, study, purpose):
                return
            else:
                stop.wait(WAIT_S)
    finally:
        retrainings.release(db, study, me.name)


def _train(shared: Shared, one: Retraining) -> None:
    heartbeat_s, devices = shared.file.workers.heartbeat, shared.me.devices
    with suppress(*GONE), Hands(shared.db, shared.study, one, devices, heartbeat_s) as hands:
        checkpoints = Checkpoints(shared.objects, shared.keeper, shared.file.training, hands)
        end = partial(_end, one, hands, checkpoints)
        course = Course(
            one.trial,
            checkpoints,
            leave=lambda: shared.stop.asked or hands.lost,
            fail=lambda reason: end({"reason": reason}),
        )
        end(_result(shared, one, course))


def _end(one: Retraining, hands: Hands, checkpoints: Checkpoints, result: dict[str, Any]) -> None:
    """Keep what it came to, unless another process has it now."""
    if hands.finish(result):
        checkpoints.drop()
        said = result.get("reason") or f"{result['value']:.5g}"
        LOG.info("trial %d, repeat %d, %d %%: %s", one.trial, one.repeat, one.percent, said)


def _result(shared: Shared, one: Retraining, course: Course) -> dict[str, Any]:
    """What it came to, or why it has no value."""
    trial = records.trial(shared.db, shared.study, one.trial)
    assert trial is not None
    try:
        trained = shared.anew.train(trial, one, course)
    except GONE:
        raise
    except (*objective.FAILURES, DataError) as failure:
        return {"reason": failures.one_line(failure)}
    except Exception as error:
        if not failures.is_out_of_memory(error):
            raise
        return {"reason": f"out of memory: {failures.of_tensorflow(error)}"}
    model = _saved(shared, one, trained) if one.purpose == CONFIRM else {}
    return {**trained.to_json(), **model}


def _saved(shared: Shared, one: Retraining, trained: Trained) -> dict[str, Any]:
    """Keep the model: whichever trial is confirmed, one of its models is exported."""
    objects, owner = shared.objects, f"{shared.study.name}-{one.trial}"
    fold, run = len(trained.values) - 1, trained.run
    data = shared.anew.plan.data
    try:
        name = shared.keeper.saved(
            lambda: best_model.write(
                objects, owner, data, run.best_model(), fold, own=run.settings.data_loss is None
            )
        )
    except best_model.UNSAVABLE as error:
        LOG.warning("trial %d: its model can't be saved: %s", one.trial, error)
        return {"model_error": failures.innermost(error)}
    about = {"model": name, "model_sha256": objects.sha256(name), "model_fold": fold}
    return {**about, "model_value": trained.values[-1]}


def _all_done(db: Database, study: Study, purpose: str) -> bool:
    return all(one.result is not None for one in retrainings.read(db, study, purpose))


def _is_dead(me: Worker, one: Retraining) -> bool:
    """Whether its process was one of this machine, and is gone."""
    if one.pid is None or one.host != me.host:
        return False
    try:
        os.kill(one.pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return one.pid == me.pid
