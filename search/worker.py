"""A worker process: claims one trial after another until the study's budget is spent."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from search import creation, identity, inspection, launch, recycling
from search.creation import Stored
from search.data import loading
from search.stop import STOPPED, Stop
from search.study_file.config import ConfigError
from search.trial import modelling, sampling
from search.trial.context import LOG, Context, Outcome, trial_seed
from search.trial.keeper import Keeper
from search.trial.objective import Objective
from storage import samplers
from storage.database import Database
from storage.studies import Study
from storage.trials import Claim, Exhausted, Terms, TrialStore

FAILURES = 3  # failed trials in a row, without one success in this process, that end it
WAIT_S = 1.0  # between questions whether a trial of somebody else has become free


def work(db: Database, study: Study, stop: Stop, folder: Path | None = None) -> None:
    """Work on a study until nothing is left to do or somebody asks to stop.

    Args:
        db: where the study is.
        study: it.
        stop: tells when somebody asks; it is listening.
        folder: where data and user code lie on this machine; default: as at the launch.

    Raises:
        StopNow: somebody asked twice.
        ConfigError: data or code differ from those that the study began with, or trial after
            trial fails.
    """
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    stored = creation.stored(study)
    print(launch.STARTED, flush=True)
    plan = _plan(stored, folder or stored.folder, study)
    store = _store(db, study, stored, plan)
    objects = creation.objects(study)
    keeper = Keeper(db, study, objects, stored.file.study)
    try:
        _trials(Objective(Context(study, stored, plan, store, objects, keeper, stop)), stop)
    finally:
        store.close()


def _trials(objective: Objective, stop: Stop) -> None:
    failures: list[str] = []
    succeeded, free_since = False, time.perf_counter()
    age = recycling.Age(objective.context.stored.file.workers)
    while not stop.asked and not age.reached:
        claim = objective.context.store.claim()
        if isinstance(claim, Exhausted):
            if claim.reason == "stopped":
                name = objective.context.study.name
                LOG.info("somebody has stopped it; it goes on with: studyhall resume %s", name)
                stop.ask(STOPPED)
            return
        if not isinstance(claim, Claim):
            stop.wait(WAIT_S)
            continue
        outcome = objective.run(claim, time.perf_counter() - free_since)
        free_since = time.perf_counter()
        age.trials += 1
        succeeded = succeeded or outcome in (Outcome.COMPLETE, Outcome.PRUNED)
        failures = [*failures, f"trial {claim.number} failed: {objective.last_reason}"]
        failures = failures if outcome is Outcome.FAILED else []
        if len(failures) >= FAILURES and not succeeded:
            raise ConfigError([*failures, f"{FAILURES} trials failed and none went well: stopped"])
    if age.reached and not stop.asked:
        stop.ask(recycling.EXIT_CODE)


def _plan(stored: Stored, folder: Path, study: Study) -> modelling.Blueprint:
    """Load data and code, and refuse what the study was not begun with."""
    loaded = loading.load(stored.file.data, seed=study.seed, folder=folder)
    code = inspection.code_fingerprints(stored.file, folder)
    found = inspection.Inspection(loaded.fingerprint, code)
    if problems := inspection.differing(stored.inspection, found):
        raise ConfigError([f"{study.name}: {line}" for line in problems])
    return modelling.blueprint(stored.file, loaded, folder)


def _store(db: Database, study: Study, stored: Stored, plan: modelling.Blueprint) -> TrialStore:
    chosen = stored.file.workers
    return TrialStore(
        db,
        study,
        identity.this_process(),
        sampling.sampler_factory(stored.file, plan.space),
        sampling.pruner(stored.file, study.name),
        trial_seed=lambda number: trial_seed(study.seed, number),
        terms=Terms(chosen.silence, chosen.retries, chosen.heartbeat),
        window=samplers.window(stored.file.search.sampler),
    )
