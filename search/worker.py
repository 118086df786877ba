"""A worker process: runs one trial after another until the study's budget is spent."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from optuna.samplers import BaseSampler

from studyhall.search.display import show
from studyhall.search.display.terminal import say
from studyhall.search.process import device, identity, recycling, wire
from studyhall.search.process.stop import STOPPED, Stop
from studyhall.search.process.wire import LAUNCHED, STANDBY
from studyhall.search.study import extras, record, unchanged, warm_start
from studyhall.search.study.early_inspection import Read
from studyhall.search.study.record import Stored
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.trial import blueprints, run, sampling
from studyhall.search.trial.context import LOG, Context, Outcome, SearchContext
from studyhall.search.trial.disk_quota import Keeper
from studyhall.search.trial.objective import Objective, TrialRunner
from studyhall.search.trial.part_models import Engines
from studyhall.search.trial.run import Run
from studyhall.search.trial.seeds import trial_seed
from studyhall.search.trial.streak import Streak
from studyhall.spaces.space import Space
from studyhall.storage.database import Database, Transaction
from studyhall.storage.database.urls import StorageAway
from studyhall.storage.leases.goal import NO_IMPROVEMENT, TARGET
from studyhall.storage.leases.leases import LeaseLost
from studyhall.storage.leases.silence import Terms
from studyhall.storage.leases.workers import Worker
from studyhall.storage.queries import records, status
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.queries.status import Status
from studyhall.storage.sampling import samplers
from studyhall.storage.sampling.pruning import Pruner
from studyhall.storage.studies.rows import Study
from studyhall.storage.trials.claim import Exhausted
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.trial_store import TrialStore

WAIT_S = 1.0  # between two attempts to claim a trial while other workers hold all open ones


class Search:
    """The way in which a worker handles the trials of a search; hidden studies subclass it.

    Attributes:
        streak: counts trials that failed in a row.
    """

    def __init__(self) -> None:
        self.streak = Streak()

    def keeper(self, db: Database, study: Study, stored: Stored) -> Keeper:
        """Return the keeper of the trials' models and predictions."""
        return Keeper(db, study, record.objects(study), stored.file.study)

    def begin(self, context: SearchContext, claim: Claim, engine: Engines, wait_s: float) -> Run:
        """Return the run that trains a claimed trial to its end."""
        return run.of_search(context, claim, engine, wait_s)

    def ended(self, context: Context, claim: Claim, outcome: Outcome, reason: str) -> None:
        """Take note of a trial's outcome and print it.

        Raises:
            ConfigError: the first trials of this worker all failed.
        """
        if outcome is Outcome.FAILED:
            self.streak.failed(claim.number, reason)
        else:
            self.streak.went_on(well=outcome in (Outcome.COMPLETE, Outcome.PRUNED))
        self.show(context, claim, outcome)
        if self.streak.problems:
            raise ConfigError(self.streak.problems)

    def show(self, context: Context, claim: Claim, outcome: Outcome) -> None:
        """Print a line for a finished trial, unless the launcher prints it."""
        if LAUNCHED not in os.environ and outcome not in (Outcome.HANDED_BACK, Outcome.LOST):
            _print_line(context, claim)


def work(
    db: Database,
    study: Study,
    stop: Stop,
    folder: Path | None = None,
    kind: Search | None = None,
    *,
    read: Read | None = None,
) -> None:
    """Work on a study until nothing is left to do or the user asks to stop.

    Args:
        db: database of the study.
        study: the study to work on.
        stop: listens for requests to stop.
        folder: folder on this machine that relative paths of data and user code start from;
            default: that of the launch.
        kind: the way in which trials are handled; default: as trials of a search.
        read: data that this process has inspected before.

    Raises:
        StopNow: the user asked twice to stop.
        ConfigError: data or code differ from those that the study began with, the artifacts'
            folder is not on this machine, or the first trials all failed.
        ArtifactError: the artifacts' bucket can't be reached.
    """
    state, stored = begin(db, study), record.stored(study)
    extras.check(stored.file, study.name)
    plan = plan_of(stored, folder or stored.folder, study, read)
    ready_s = time.monotonic() - recycling.STARTED_AT - stop.waited_s
    if STANDBY in os.environ:
        stop.await_turn()
    if stop.asked:
        return
    store = trial_store(db, study, stored, plan.space)
    objects, kind = record.objects(study), kind or Search()
    keeper = kind.keeper(db, study, stored)
    context = SearchContext(db, study, stored, plan, store, objects, keeper, stop)
    age = recycling.Age(stored.file.workers, ready_s, state.left)
    try:
        run_trials(Objective(context, kind.begin), age, kind)
    finally:
        store.close()


def begin(db: Database, study: Study) -> Status:
    """Print a worker's first line, and check what it needs before its first trial.

    Raises:
        ConfigError: the artifacts' folder is not on this machine.
        ArtifactError: the artifacts' bucket can't be reached.
    """
    logging.basicConfig(format="%(message)s", level=logging.INFO)
    state = status.status(db, study)
    say(_first_line(study, state))
    if LAUNCHED not in os.environ:
        record.check_reach(study)
    return state


def run_trials(objective: TrialRunner, age: recycling.Age, kind: Search) -> None:
    """Run one trial after another until none is left, a stop is requested or an age is reached.

    Args:
        objective: runs the trials.
        age: of this process; at its limit a fresh one is asked for.
        kind: the way in which trials are handled.

    Raises:
        StorageReplaced: the database became another or an older one meanwhile.
    """
    with record.kept(objective.context.study):
        _run_trials(objective, age, kind)


def _run_trials(objective: TrialRunner, age: recycling.Age, kind: Search) -> None:
    store, stop = objective.context.store, objective.context.stop
    free_since = time.perf_counter()
    while not stop.asked and not age.reached:
        age.announce()
        claim = store.claim()
        if isinstance(claim, Exhausted):
            _say_why(claim, stop, objective.context.study.name)
            return
        if not isinstance(claim, Claim):
            stop.wait(WAIT_S)
            continue
        # Memory of earlier trials may still be held here, so this trial gets a fresh process.
        if claim.memory_failures and age.trials:
            with suppress(LeaseLost):
                store.release(claim)
            stop.ask(recycling.EXIT_CODE)
            return
        outcome = objective.run(claim, time.perf_counter() - free_since)
        free_since = time.perf_counter()
        age.count()
        kind.ended(objective.context, claim, outcome, objective.last_reason)
    if age.reached and not stop.asked:
        stop.ask(recycling.EXIT_CODE)


def _say_why(nothing: Exhausted, stop: Stop, study: str) -> None:
    if nothing.reason == "stopped":
        LOG.info("the study is stopped; resume it with: studyhall resume %s", study)
        stop.ask(STOPPED)
    elif nothing.reason in (TARGET, NO_IMPROVEMENT):
        LOG.info("no trial is started any more: %s", nothing.reason)


def _print_line(context: Context, claim: Claim) -> None:
    def look(transaction: Transaction) -> tuple[TrialRecord, Status]:
        (trial,) = records.read(transaction, context.study.study_id, claim.number)
        return trial, status.read(transaction, context.study.study_id)

    with suppress(StorageAway):
        trial, state = context.db.snapshot(look, patience_s=0.0)
        say(show.finished_line(trial, state, state.finished))


def _first_line(study: Study, state: Status) -> str:
    """Return the first line printed: study, device and the number of trials left."""
    left = f"{show.of_limit(state.left, state)} trials left"
    if state.is_unlimited:
        left = "no limit of trials"
    waits = ", as a stand-by" if STANDBY in os.environ else ""
    return f"{wire.STARTED}: {study.name} on {device.name()}, {left}{waits}"


def plan_of(
    stored: Stored, folder: Path, study: Study, read: Read | None = None
) -> blueprints.Blueprint:
    """Load data and code, and build the blueprint of the study's models.

    Args:
        stored: the study as recorded at its launch.
        folder: folder that relative paths of data and code start from.
        study: the study.
        read: data that this process has inspected before.

    Raises:
        ConfigError: data or code differ from those that the study began with.
    """
    return blueprints.of_file(stored.file, unchanged.load(stored, folder, study, read), folder)


def trial_store(
    db: Database,
    study: Study,
    stored: Stored,
    space: Space | None = None,
    sampler_of: Callable[[int], BaseSampler] | None = None,
    pruner: Pruner | None = None,
    process: Worker | None = None,
) -> TrialStore:
    """Return a worker's access to its study.

    Args:
        db: database of the study.
        study: the study.
        stored: the study as recorded at its launch.
        space: the search space; None if only the user's code knows it.
        sampler_of: makes the sampler of one trial from that trial's seed; default: the study
            file's.
        pruner: ends trials early; default: the study file's.
        process: the worker; default: this process.
    """
    chosen = stored.file.workers
    window = samplers.window(stored.file.search.sampler, len(study.directions))
    return TrialStore(
        db,
        study,
        process or identity.this_process(),
        sampler_of or sampling.sampler_factory(stored.file, space),
        pruner or sampling.pruner(stored.file, study.name),
        trial_seed=lambda number: trial_seed(study.seed, number),
        part_pruning=sampling.part_pruner(stored.file),
        terms=Terms(chosen.silence, chosen.retries, chosen.heartbeat),
        window=warm_start.fill(window, study),
    )
