"""A process that trains what a peer's search asks for, by Keras' own fit.

    python quality_training.py TASK SEED SECONDS ADDRESS FOLDER NUMBER keeps|forgets

It says "ready" once all is imported and loaded, begins at the time that it then reads, writes a
line for each trial that ends in time, and in the end one with the scores of its own best model.
"""

import json
import math
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # for `benchmarks`, from wherever it is run

import keras  # noqa: E402

from benchmarks import quality_scores  # noqa: E402
from benchmarks.quality_models import VALUE, Models  # noqa: E402
from benchmarks.quality_search import COMPLETE, FAIL, PRUNED, Asked, Asking, Values  # noqa: E402
from benchmarks.quality_tasks import TASKS  # noqa: E402
from studyhall.search.trial.seeds import trial_seed  # noqa: E402

WAIT_S = 0.02  # between two questions to a search that waits for other workers


class Watch(keras.callbacks.Callback):  # type: ignore[misc]
    """A trial under way: reports epochs, keeps the best weights, ends when told to or in time.

    Args:
        search: of the peer.
        asked: the training.
        until: `time.time()` at which the time is over.
        saved: where a later trial finds the best weights; None if none asks for them.
    """

    def __init__(self, search: Asking, asked: Asked, until: float, saved: Path | None) -> None:
        super().__init__()
        self.search, self.asked, self.until, self.saved = search, asked, until, saved
        self.value, self.weights = math.inf, None
        self.state, self.epochs, self.late = COMPLETE, 0, False

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Look at an epoch's loss; `epoch` is from 0."""
        value, self.epochs = float(logs[VALUE]), epoch + 1
        self.late = time.time() > self.until
        if not math.isfinite(value):
            self.state = FAIL
        elif value < self.value:
            self.value, self.weights = value, self.model.get_weights()
            if self.saved is not None:
                self.model.save_weights(self.saved)
        if self.state == COMPLETE and not self.late:
            goes_on = self.search.report(self.asked.name, epoch + 1, value)
            self.state = COMPLETE if goes_on else PRUNED
        self.model.stop_training = self.model.stop_training or self.late or self.state != COMPLETE


class Worker:
    """One process that trains for a search until the time is over.

    Args:
        models: of the task.
        search: of the peer.
        folder: where weights lie, for all workers.
        seed: of the first trial's weights; each worker has its own.
        keeps: whether later trials go on with the weights of earlier ones.
    """

    def __init__(
        self, models: Models, search: Asking, folder: Path, seed: int, keeps: bool
    ) -> None:
        self.models, self.search, self.folder = models, search, folder
        self.seed, self.keeps, self.trials = seed, keeps, 0
        self.value, self.values = math.inf, Values()
        self.weights: Any = None

    def run(self, began: float, seconds: float, out: Any) -> None:
        """Train until the time is over; write a line per trial that ended in time."""
        while time.time() < began + seconds:
            asked = self.search.ask()
            if asked is None:
                time.sleep(WAIT_S)
                continue
            watch = self._train(asked, began + seconds)
            if watch.late:
                return
            failed = watch.state == FAIL
            self.search.tell(asked.name, None if failed else watch.value, watch.state)
            at = time.time() - began
            if at <= seconds:
                self._keep(asked, watch)
                print(_line(asked, watch, at), file=out, flush=True)

    def test(self) -> dict[str, Any]:
        """Return the best trial's value and its model's scores on the test set."""
        if self.weights is None:
            return {"value": None}
        model = self.models.build(self.values)
        model.set_weights(self.weights)
        outputs = quality_scores.predicted(model, self.models.test_x)
        return {"value": self.value, "test": quality_scores.of_test(self.models.data, outputs)}

    def _train(self, asked: Asked, until: float) -> Watch:
        self.trials += 1
        keras.utils.set_random_seed(trial_seed(self.seed, self.trials))
        model = self.models.build(asked.values)
        if asked.continued is not None and self._saved(asked.continued).exists():
            model.load_weights(self._saved(asked.continued))
        watch = Watch(self.search, asked, until, self._saved(asked.name) if self.keeps else None)
        patience = keras.callbacks.EarlyStopping(
            VALUE, patience=self.models.task.patience, mode="min"
        )
        self.models.fit(
            model,
            asked.values,
            epochs=asked.epochs,
            initial_epoch=asked.done,
            callbacks=[patience, watch],
        )
        return watch

    def _saved(self, trial: str) -> Path:
        return self.folder / f"{trial}.weights.h5"

    def _keep(self, asked: Asked, watch: Watch) -> None:
        if watch.state != FAIL and watch.value < self.value:
            self.value, self.values, self.weights = watch.value, asked.values, watch.weights


def _line(asked: Asked, watch: Watch, at: float) -> str:
    value = watch.value if math.isfinite(watch.value) else None
    known = {"at": at, "value": value, "values": asked.values, "state": watch.state}
    return json.dumps({**known, "epochs": watch.epochs - asked.done})


def main(
    task: str, seed: str, seconds: str, address: str, folder: str, number: str, keeps: str
) -> None:
    """Load, wait for the start, train, test."""
    out, sys.stdout = sys.stdout, sys.stderr
    models = Models(TASKS[task], int(seed))
    own_seed = trial_seed(int(seed), int(number))
    worker = Worker(models, Asking(address), Path(folder), own_seed, keeps == "keeps")
    print("ready", file=out, flush=True)
    worker.run(float(sys.stdin.readline()), float(seconds), out)
    print(json.dumps(worker.test()), file=out, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
