"""Random configurations of a task, each trained to its last epoch by the engine.

There is no pruning and no early stopping: the replay applies the patience that it is asked for.
Configuration N is the same whoever draws it, and its training has the seed of trial N of a study
with seed 0.
"""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any

import optuna

from benchmarks import quality_scores
from benchmarks.quality_tasks import TASKS, Task
from studyhall.search.training import engine
from studyhall.search.training.training import Training
from studyhall.search.trial import forms, modelling
from studyhall.search.trial.seeds import trial_seed

RECYCLED_AFTER = 250  # trainings of a process, whose memory leaks

Line = dict[str, Any]


def drawn(number: int) -> optuna.Trial:
    """Return a trial that suggests the values of a configuration."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.RandomSampler(seed=trial_seed(0, number))
    return optuna.create_study(sampler=sampler).ask()


class Trainer:
    """The data of a task and the engine, for one configuration after another."""

    def __init__(self, task: Task) -> None:
        self.data = task.data(seed=0)
        self.plan = task.plan(self.data, patience=0)
        self.engine = forms.engine(self.data.split)
        self.test = self.data.preparation.apply(self.data.test.x)

    def train(self, number: int) -> Line:
        """Train a configuration; return its line of the recording."""
        began, seed, trial = time.perf_counter(), trial_seed(0, number), drawn(number)
        engine.seed_everything(seed)
        built = modelling.build(self.plan, trial, len(self.data.train))
        settings = modelling.settings(self.plan, built, seed)
        training = self.engine.training(built.model, settings)
        epochs = list(training.epochs())
        seconds = [each.seconds for each in epochs]
        took = time.perf_counter() - began
        return {
            "number": number,
            "params": trial.params,
            "curve": [each.value for each in epochs],  # NaN where it diverged
            "seconds": seconds,
            "setup_s": max(took - sum(seconds), 0.0),  # building, tracing, and the like
            "stopped": training.stopped,
            "test": self._scores(training),
        }

    def _scores(self, training: Training) -> dict[str, float] | None:
        if training.best is None:
            return None
        outputs = quality_scores.predicted(training.best_model(), self.test)
        return quality_scores.of_test(self.data, outputs)


_trainer: Trainer | None = None  # of a worker process


def trained(task: str, numbers: Sequence[int], workers: int) -> Iterator[Line]:
    """Train configurations in worker processes; yield their lines as they end."""
    at_once = RECYCLED_AFTER * workers
    for first in range(0, len(numbers), at_once):
        yield from _by_new_processes(task, numbers[first : first + at_once], workers)


def _by_new_processes(task: str, numbers: Sequence[int], workers: int) -> Iterator[Line]:
    # The pool's own max_tasks_per_child hangs in Python 3.11 (github.com/python/cpython/115634).
    with ProcessPoolExecutor(workers, get_context("spawn"), _begin, (task,)) as pool:
        waiting = [pool.submit(_train, number) for number in numbers]
        try:
            for future in as_completed(waiting):
                yield future.result()
        finally:  # interrupted: those that have not begun never do
            pool.shutdown(wait=False, cancel_futures=True)


def _begin(task: str) -> None:
    global _trainer
    _trainer = Trainer(TASKS[task])


def _train(number: int) -> Line:
    assert _trainer is not None
    return _trainer.train(number)
