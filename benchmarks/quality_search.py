"""A peer's search as a process of its own, which trainings in other processes ask and tell.

So a peer may live in another environment, needs neither TensorFlow nor studyhall, and serves one
worker or eight alike. Requests are tuples over a socket: ("ask",), ("report", name, epoch, value),
("tell", name, value, state); each is answered.

    python quality_search.py PEER SPACE.json SEED EPOCHS WORKERS ADDRESS
"""

import importlib
import json
import sys
import threading
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any, Protocol

ROOT = Path(__file__).resolve().parents[1]

COMPLETE, PRUNED, FAIL = "COMPLETE", "PRUNED", "FAIL"

# The module and the class of each; those of the second group live in .venv-peers.
OURS = {
    "optuna-median": ("quality_optuna", "Median"),
    "optuna-hyperband": ("quality_optuna", "Hyperband"),
    "kerastuner-hyperband": ("quality_keras_tuner", "Hyperband"),
    "kerastuner-bayesian": ("quality_keras_tuner", "Bayesian"),
}
APART = {
    "synetune-bore": ("quality_syne_tune", "Bore"),
    "synetune-mobster": ("quality_syne_tune", "Mobster"),
    "smac-multifidelity": ("quality_smac", "MultiFidelity"),
}
PEERS = {**OURS, **APART}

Values = dict[str, Any]
Space = Sequence[Mapping[str, Any]]  # see `quality_tasks.described`


@dataclass(frozen=True)
class Asked:
    """A training that a search asks for.

    Attributes:
        name: of the trial.
        values: its hyperparameters.
        epochs: how many to train in all.
        continued: the trial whose best weights it starts with, after `done` epochs; None if it
            begins anew.
    """

    name: str
    values: Values
    epochs: int
    continued: str | None = None
    done: int = 0


class Search(Protocol):
    """The search of a peer."""

    def ask(self) -> Asked | None:
        """Return the next training; None while it waits for others to end."""

    def report(self, name: str, epoch: int, value: float) -> bool:
        """Take in an epoch's loss; tell whether the trial goes on."""

    def tell(self, name: str, value: float | None, state: str) -> None:
        """Take in a trial's least loss; None if it failed."""


class Asking:
    """The search as a training process sees it."""

    def __init__(self, address: str) -> None:
        self._connection = Client(address)

    def ask(self) -> Asked | None:
        """See `Search`."""
        asked: Asked | None = self._answer("ask")
        return asked

    def report(self, name: str, epoch: int, value: float) -> bool:
        """See `Search`."""
        return bool(self._answer("report", name, epoch, value))

    def tell(self, name: str, value: float | None, state: str) -> None:
        """See `Search`."""
        self._answer("tell", name, value, state)

    def _answer(self, *request: Any) -> Any:
        self._connection.send(request)
        return self._connection.recv()


def serve(search: Search, address: str) -> None:
    """Answer until the process is ended; one request at a time."""
    lock = threading.Lock()
    with Listener(address) as listener:
        print("ready", flush=True)
        while True:
            threading.Thread(
                target=_answer, args=(listener.accept(), search, lock), daemon=True
            ).start()


def _answer(connection: Connection, search: Search, lock: threading.Lock) -> None:
    try:
        while True:
            what, *arguments = connection.recv()
            with lock:
                answer = getattr(search, what)(*arguments)
            connection.send(answer)
    except EOFError:  # the training process has ended
        pass


def main(peer: str, space: str, seed: str, epochs: str, workers: str, address: str) -> None:
    """Make the search of a peer and serve it."""
    sys.path[0] = str(ROOT)
    warnings.simplefilter("ignore")
    module, name = PEERS[peer]
    kind = getattr(importlib.import_module(f"benchmarks.{module}"), name)
    described = json.loads(Path(space).read_text())
    serve(kind(described, seed=int(seed), epochs=int(epochs), workers=int(workers)), address)


if __name__ == "__main__":
    main(*sys.argv[1:])
