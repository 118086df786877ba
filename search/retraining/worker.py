"""A process that trains anew, one after another, what a study has planned."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable
from functools import partial
from typing import Any

from search import creation, worker
from search.data.data_error import DataError
from search.launching import launch
from search.process import device, identity
from search.process.stop import STOPPED, Stop
from search.retraining.anew import Anew, Left, Trained
from search.retraining.hands import Hands
from search.trial import best_model, objective, reasons
from search.trial.keeper import Keeper
from search.trial.modelling import Blueprint
from storage import records, retrainings, status
from storage.database import Database
from storage.lease import Worker
from storage.records import TrialRecord
from storage.retrainings import CONFIRM, Retraining
from storage.studies import Study

LOG = logging.getLogger("studyhall")
WAIT_S = 0.5  # between questions whether one of somebody else has become free


def work(db: Database, study: Study, purpose: str, stop: Stop) -> None:
    """Train what is planned until nothing is left or somebody asks to stop.

    Raises:
        ConfigError: data or code differ from those that the study began with.
    """
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    stored, me = creation.stored(study), identity.this_process()
    print(f"{launch.STARTED}: {study.name}, to {purpose}, on {device.name()}", flush=True)
    anew = Anew(worker.plan_of(stored, stored.folder, study))
    silence_s = stored.file.workers.silence
    try:
        while not stop.asked:
            one = retrainings.claim(db, study, purpose, me, silence_s, partial(_is_dead, me))
            if status.status(db, study).stopping:
                stop.ask(STOPPED)
            elif one is not None:
                _train(db, study, anew, one, me, stop)
            elif _all_done(db, study, purpose):
                return
            else:
                stop.wait(WAIT_S)
    finally:
        retrainings.release(db, study, me.name)


def _train(db: Database, study: Study, anew: Anew, one: Retraining, me: Worker, stop: Stop) -> None:
    trial = records.trial(db, study, one.trial)
    assert trial is not None
    heartbeat_s = anew.plan.file.workers.heartbeat
    with Hands(db, study, one, me.devices, heartbeat_s) as hands, contextlib.suppress(Left):
        result = _result(db, study, anew, one, trial, lambda: stop.asked or hands.lost)
        if hands.finish(result):
            said = result.get("reason") or f"{result['value']:.5g}"
            LOG.info("trial %d, repeat %d, %d %%: %s", one.trial, one.repeat, one.percent, said)


def _result(
    db: Database,
    study: Study,
    anew: Anew,
    one: Retraining,
    trial: TrialRecord,
    leave: Callable[[], bool],
) -> dict[str, Any]:
    """What it came to, or why it has no value."""
    try:
        trained = anew.train(trial, one.seed, one.percent, leave)
    except Left:
        raise
    except (*objective.FAILURES, DataError) as failure:
        return {"reason": reasons.one_line(failure)}
    except Exception as error:
        if not reasons.is_out_of_memory(error):
            raise
        return {"reason": f"out of memory: {reasons.of_tensorflow(error)}"}
    model = _saved(db, study, anew.plan, one, trained) if one.purpose == CONFIRM else {}
    return {**trained.to_json(), **model}


def _saved(
    db: Database, study: Study, plan: Blueprint, one: Retraining, trained: Trained
) -> dict[str, Any]:
    """Keep the model: whichever trial is confirmed, one of its models is exported."""
    objects, owner = creation.objects(study), f"{study.name}-{one.trial}"
    fold, model = len(trained.values) - 1, trained.run.best_model()
    keeper = Keeper(db, study, objects, plan.file.study)
    try:
        name = keeper.saved(lambda: best_model.write(objects, owner, plan.data, model, fold))
    except best_model.UNSAVABLE as error:
        LOG.warning("trial %d: its model can't be saved: %s", one.trial, error)
        return {"model_error": reasons.one_line(error)}
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
