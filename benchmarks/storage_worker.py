"""One process that runs trials of a stub objective, on plain Optuna or on studyhall's storage."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # for `benchmarks`, from wherever it is run

import optuna  # noqa: E402

from studyhall.storage.database import Database  # noqa: E402
from studyhall.storage.leases.workers import Worker  # noqa: E402
from studyhall.storage.sampling import pruning  # noqa: E402
from studyhall.storage.studies import studies  # noqa: E402
from studyhall.storage.trials.claimed_trial import Claim  # noqa: E402
from studyhall.storage.trials.trial_store import TrialStore  # noqa: E402

EPOCHS = 30
Trials = Iterator[None]


def suggest(trial: optuna.Trial) -> None:
    """Seven hyperparameters, as a small network has them."""
    trial.suggest_float("learning_rate", 1e-5, 1e-1, log=True)
    trial.suggest_float("l2", 1e-7, 1e-2, log=True)
    trial.suggest_float("dropout", 0.0, 0.6)
    trial.suggest_int("depth", 1, 4)
    trial.suggest_int("width", 16, 256, log=True)
    trial.suggest_categorical("optimizer", ["adam", "rmsprop", "sgd"])
    trial.suggest_categorical("activation", ["relu", "elu", "tanh", "selu"])


def value(number: int, epoch: int) -> float:
    """A loss that falls with the epochs, and from trial to trial, so that no trial is pruned."""
    return 1.0 / epoch - 1e-6 * number


def optuna_trials(url: str, name: str) -> Trials:
    """Trials as a user of plain Optuna runs them; each step of the iterator is one trial."""
    storage = optuna.storages.RDBStorage(url)
    study = optuna.create_study(
        storage=storage,
        study_name=name,
        load_if_exists=True,
        sampler=optuna.samplers.RandomSampler(),
        pruner=optuna.pruners.MedianPruner(),
    )
    while True:
        trial = study.ask()
        suggest(trial)
        for epoch in range(1, EPOCHS + 1):
            trial.report(value(trial.number, epoch), epoch)
            if trial.should_prune():
                raise AssertionError("the stub's values never are worse than the median")
        study.tell(trial, value(trial.number, EPOCHS))
        yield


def make_store(
    db: Database,
    name: str,
    sampler: Callable[..., optuna.samplers.BaseSampler] = optuna.samplers.RandomSampler,
) -> TrialStore:
    """Our storage, set up as the same search."""
    study, _ = studies.create(db, name, config={}, seed=0, trials=10**9)
    return TrialStore(
        db,
        study,
        Worker(f"{os.getpid()}", "host", os.getpid(), "cpu"),
        lambda seed: sampler(seed=seed),
        pruning.Percentile(50.0),
        trial_seed=lambda number: number,
    )


def our_trials(url: str, name: str) -> Trials:
    """The same trials through our storage."""
    db = Database.open(url)
    store = make_store(db, name)
    while True:
        claim = store.claim()
        assert isinstance(claim, Claim)
        run_epochs(store, claim)
        store.tell(claim, "COMPLETE", value(claim.number, EPOCHS))
        yield


def run_epochs(store: TrialStore, claim: Claim) -> None:
    """All epochs of one trial."""
    suggest(claim.trial)
    store.write_params(claim)
    for epoch in range(1, EPOCHS + 1):
        store.report(claim, epoch, value(claim.number, epoch), {"val_loss": 0.5, "loss": 0.25})
        if store.should_prune(claim, epoch):
            raise AssertionError("the stub's values never are worse than the median")


TRIALS: dict[str, Callable[[str, str], Trials]] = {"optuna": optuna_trials, "ours": our_trials}


class Restarted:
    """Trials of a worker that is started again whenever it dies of a busy database."""

    def __init__(self, kind: str, url: str, name: str) -> None:
        self._make = lambda: TRIALS[kind](url, name)
        self._trials = self._make()
        self.errors = 0

    def run_one(self) -> bool:
        """Run a trial; return whether one more has been finished."""
        try:
            next(self._trials)
            return True
        except Exception:  # plain Optuna's "database is locked"
            self.errors += 1
            self._trials = self._make()
            return False


def main() -> None:
    """Runs trials from the moment `start` appears until `seconds` later; prints how many."""
    kind, url, name, start, seconds = sys.argv[1:]
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    trials = Restarted(kind, url, name)
    while not trials.run_one():
        pass
    Path(f"{start}.{os.getpid()}").touch()
    while not Path(start).exists():
        time.sleep(0.01)
    done, trials.errors, until = 0, 0, time.monotonic() + float(seconds)
    while time.monotonic() < until:
        done += trials.run_one()
    print(json.dumps({"trials": done, "errors": trials.errors}))
    os._exit(0)


if __name__ == "__main__":
    main()
