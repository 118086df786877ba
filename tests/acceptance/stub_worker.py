"""A worker process with a stub in place of training: real leases, real kills, no Keras.

It is run with a JOB: url, folder, environment, and options of `DEFAULTS`. While it runs a trial the
worker holds a lock on a file of that trial's number, which the operating system releases when the
worker dies: who finds it locked has caught two workers at the same trial, and says so in `twice`.
"""

import fcntl
import os
import time
from pathlib import Path
from typing import Any

import optuna

from studyhall.storage.database import Database, waits
from studyhall.storage.leases.leases import LeaseLost
from studyhall.storage.leases.orders import Order
from studyhall.storage.leases.silence import Terms
from studyhall.storage.leases.workers import Worker
from studyhall.storage.sampling import pruning, samplers
from studyhall.storage.studies import studies
from studyhall.storage.trials.claim import Exhausted, Waiting
from studyhall.storage.trials.claimed_trial import Claim
from studyhall.storage.trials.trial_store import TrialStore
from tests import clock_shift

DEFAULTS = {"epochs": 6, "epoch_s": 0.03, "silence_s": 2.0, "heartbeat_s": 0.3, "pruner": "none"}
# Read the clock that `tests/clock_shift.py` sets; add an hour to this machine's own.
DEFAULTS |= {"shifted": False, "machine_ahead_s": 0.0}
PRUNERS = {"none": pruning.Never, "median": lambda: pruning.Percentile(50.0)}


class Stub:
    """Runs trials whose loss is a function of the hyperparameters and the epoch."""

    def __init__(self, url: str, folder: Path, options: dict[str, Any]) -> None:
        self.options, self.folder = {**DEFAULTS, **options}, folder
        self.db = Database.open(url)
        study = studies.find(self.db, "study")
        assert study is not None
        who = self.options.get("name", f"worker-{os.getpid()}")
        self.store = TrialStore(
            self.db,
            study,
            Worker(who, os.uname().nodename, os.getpid(), "cpu"),
            samplers.named("auto", study_seed=study.seed),
            PRUNERS[self.options["pruner"]](),
            trial_seed=lambda number: study.seed * 100_003 + number,
            terms=Terms(self.options["silence_s"], 100, self.options["heartbeat_s"]),
        )

    def run(self) -> None:
        """Works until there is nothing more to do."""
        while not isinstance(claim := self.store.claim(), Exhausted):
            if isinstance(claim, Waiting):
                time.sleep(0.1)
                continue
            try:
                self._run_alone(claim)
            except LeaseLost:
                self.tell_of("lost", claim.number)
        self.store.close()
        self.db.close()

    def tell_of(self, event: str, number: int) -> None:
        """Appends a line that survives any kill."""
        with (self.folder / event).open("a") as file:
            file.write(f"{number} {os.getpid()}\n")

    def _run_alone(self, claim: Claim) -> None:
        with (self.folder / f"trial-{claim.number}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.tell_of("twice", claim.number)
            self._run_trial(claim)

    def _run_trial(self, claim: Claim) -> None:
        values = suggest(claim.trial)
        self.store.write_params(claim)
        epoch = 0 if claim.checkpoint is None else int(claim.checkpoint)
        order = Order.GO_ON
        while epoch < self.options["epochs"] and order is Order.GO_ON:
            time.sleep(self.options["epoch_s"])
            epoch += 1
            metrics = {"attempt": claim.attempt, "pid": os.getpid()}
            order = self.store.report(claim, epoch, loss(values, epoch), metrics)
            if self.store.should_prune(claim, epoch):
                order = Order.PRUNE
            if epoch % 2 == 0:
                self.store.checkpoint(claim, str(epoch), epoch)
        self._end(claim, order)

    def _end(self, claim: Claim, order: Order) -> None:
        best = min(claim.reports.values())
        if order in (Order.STOP, Order.TIME_UP):
            self.store.release(claim)
        else:
            state = "PRUNED" if order is Order.PRUNE else "COMPLETE"
            self.store.tell(claim, state, best, attributes={"pid": os.getpid()})


def suggest(trial: optuna.Trial) -> dict[str, Any]:
    """Three hyperparameters, one of them conditional."""
    values: dict[str, Any] = {"x": trial.suggest_float("x", -5.0, 5.0)}
    values["kind"] = trial.suggest_categorical("kind", ["flat", "steep"])
    if values["kind"] == "steep":
        values["rate"] = trial.suggest_float("rate", 0.1, 1.0, log=True)
    return values


def loss(values: dict[str, Any], epoch: int) -> float:
    """Return the loss that the stub reports for an epoch: the same in every process."""
    return float((values["x"] - 1.0) ** 2 + 1.0 / (epoch + values.get("rate", 0.0)))


def work(job: dict[str, Any]) -> None:
    """Do a job to its end."""
    os.environ.update(job["environment"])
    time.tzset()
    waits.CHANCE.seed()  # or all who were forked would wait for equally long, and collide
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    options = {**DEFAULTS, **job["options"]}
    if options["shifted"]:
        clock_shift.install()
    ahead_s, machines = options["machine_ahead_s"], time.time
    time.time = lambda: machines() + ahead_s
    Stub(job["url"], job["folder"], job["options"]).run()


if __name__ == "__main__":
    work(globals()["JOB"])
