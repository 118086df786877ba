"""One peer as a process: told the number of a configuration, it trains it and says what it took."""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # for `benchmarks`, from wherever it is run

import keras  # noqa: E402
import optuna  # noqa: E402

from benchmarks.throughput_cases import CASES, Case  # noqa: E402
from studyhall.search.data import loading  # noqa: E402
from studyhall.search.process.stop import Stop  # noqa: E402
from studyhall.search.study import creation, record  # noqa: E402
from studyhall.search.study.fingerprints import Inspection  # noqa: E402
from studyhall.search.trial import blueprints, sampling  # noqa: E402
from studyhall.search.trial.context import Context  # noqa: E402
from studyhall.search.trial.disk_quota import Keeper  # noqa: E402
from studyhall.search.trial.objective import Objective  # noqa: E402
from studyhall.search.trial.seeds import trial_seed  # noqa: E402
from studyhall.spaces import architecture, hyperparameters, optimization  # noqa: E402
from studyhall.spaces.entry import Value  # noqa: E402
from studyhall.storage.database import Database  # noqa: E402
from studyhall.storage.leases.workers import Worker  # noqa: E402
from studyhall.storage.queries import records  # noqa: E402
from studyhall.storage.sampling import samplers  # noqa: E402
from studyhall.storage.studies import studies  # noqa: E402
from studyhall.storage.studies.rows import Queued  # noqa: E402
from studyhall.storage.trials.claimed_trial import Claim  # noqa: E402
from studyhall.storage.trials.trial_store import TrialStore  # noqa: E402

Train = Callable[[int], Callable[[], float]]  # number -> (what finds the best val_loss, untimed)


class Work:
    """The data of a case, prepared, and its configurations as plain Keras models."""

    def __init__(self, case: Case) -> None:
        self.case, self.file = case, case.file()
        self.data = loading.load(self.file.data, seed=0, folder=Path.cwd())
        self.configurations = case.configurations()

    def arrays(self) -> dict[str, Any]:
        """Return training and validation samples as `fit` takes them: dense."""
        fold = self.data.folds[0]
        (x, y), validation = ((_dense(fold.preparation.apply(p.x)), p.y) for p in fold)
        return {"x": x, "y": y, "validation_data": validation, "verbose": 0}

    def model(self, values: dict[str, Value], samples: int) -> tuple[keras.Model, int]:
        """A configuration as a compiled model, and its batch size."""
        family, task = self.file.model.family, self.data.task
        values = {**hyperparameters.defaults(family), **values}
        shape, outputs = self.data.input_shape, self.data.outputs
        model = architecture.build(family, values, shape, outputs, task)
        size = optimization.batch_size(values, samples)
        steps, loss = -(-samples // size), _LOSSES[task]
        optimizer = optimization.optimizer(values, steps_per_epoch=steps, epochs=self.case.epochs)
        model.compile(optimizer=optimizer, loss=loss, metrics=["accuracy"])
        return model, size


_LOSSES = {"multiclass": "sparse_categorical_crossentropy", "binary": "binary_crossentropy"}


def _dense(x: Any) -> Any:
    return x if hasattr(x, "__array__") else x.toarray()


def bare(work: Work, folder: Path) -> Train:
    """A loop over Keras' fit."""
    fit = work.arrays()

    def train(number: int) -> Callable[[], float]:
        keras.utils.set_random_seed(trial_seed(0, number))
        model, size = work.model(work.configurations[number], len(fit["x"]))
        history = model.fit(batch_size=size, epochs=work.case.epochs, **fit).history
        return lambda: float(min(history["val_loss"]))

    return train


def plain_optuna(work: Work, folder: Path) -> Train:
    """A script as Optuna's documentation has it: SQLite, and the callback that reports epochs."""
    from optuna_integration import KerasPruningCallback

    fit, space = work.arrays(), work.case.space()
    study = optuna.create_study(
        storage=f"sqlite:///{folder}/optuna.db", pruner=optuna.pruners.NopPruner()
    )
    for values in work.configurations:
        study.enqueue_trial(dict(space.params(values)))

    def objective(trial: optuna.Trial) -> float:
        keras.utils.set_random_seed(trial_seed(0, trial.number))
        model, size = work.model(space.suggest(trial), len(fit["x"]))
        watch = [KerasPruningCallback(trial, "val_loss")]
        history = model.fit(batch_size=size, epochs=work.case.epochs, callbacks=watch, **fit)
        return float(min(history.history["val_loss"]))

    def train(number: int) -> Callable[[], float]:
        study.optimize(objective, n_trials=1)
        return lambda: float(study.trials[number].value or 0.0)

    return train


def keras_tuner(work: Work, folder: Path) -> Train:
    """KerasTuner's own search, its oracle handing out the configurations in order."""
    import keras_tuner as tuner

    fit = work.arrays()

    class InOrder(tuner.Oracle):  # type: ignore[misc]
        def populate_space(self, trial_id: str) -> dict[str, Any]:
            return {"status": "RUNNING", "values": {"number": len(self.trials)}}

    class Builder(tuner.HyperModel):  # type: ignore[misc]
        def build(self, hp: Any) -> keras.Model:
            number = hp.Int("number", 0, len(work.configurations) - 1)
            keras.utils.set_random_seed(trial_seed(0, number))
            model, self.size = work.model(work.configurations[number], len(fit["x"]))
            return model

        def fit(self, hp: Any, model: keras.Model, *arguments: Any, **named: Any) -> Any:
            return model.fit(*arguments, batch_size=self.size, **named)

    class Tuner(tuner.Tuner):  # type: ignore[misc]
        def _configure_tensorboard_dir(self, *arguments: Any) -> None:
            """It would import TensorBoard, which TensorFlow no longer brings."""

    oracle = InOrder(objective="val_loss", max_trials=0)
    search = Tuner(
        oracle=oracle, hypermodel=Builder(), directory=folder, project_name="tuner", overwrite=True
    )

    def train(number: int) -> Callable[[], float]:
        oracle.max_trials = number + 1
        search.search(epochs=work.case.epochs, **fit)
        return lambda: float(list(oracle.trials.values())[number].score)

    return train


def studyhall(work: Work, folder: Path) -> Train:
    """A worker of ours: the claim, the training, every epoch's report, the result, the model."""
    os.chdir(folder)
    db, space = Database.open(f"sqlite:///{folder}/studyhall.db"), work.case.space()
    study = creation.create(db, work.file, folder, Inspection(work.data.fingerprint, {}))
    queued = [Queued(dict(space.params(values))) for values in work.configurations]
    studies.change_config(db, study, study.config, queued)
    stored, plan = record.stored(study), blueprints.of_file(work.file, work.data, folder)
    store = TrialStore(
        db,
        study,
        Worker("benchmark", "localhost", os.getpid(), "cpu"),
        sampling.sampler_factory(work.file, space),
        sampling.pruner(work.file, study.name),
        trial_seed=lambda number: trial_seed(0, number),
        window=samplers.window(work.file.search.sampler),
    )
    artifacts = record.objects(study)
    keeper = Keeper(db, study, artifacts, work.file.study)
    objective = Objective(Context(db, study, stored, plan, store, artifacts, keeper, Stop()))

    def train(number: int) -> Callable[[], float]:
        claim = store.claim()
        assert isinstance(claim, Claim) and claim.number == number
        objective.run(claim, 0.0)
        return lambda: _best(db, claim.lease.trial_id)

    return train


def _best(db: Database, trial_id: int) -> float:
    epochs = records.history(db, trial_id)
    return float(min(epoch["metrics"]["keras_val_loss"] for epoch in epochs))


PEERS: dict[str, Callable[[Work, Path], Train]] = {
    "studyhall": studyhall,
    "keras_tuner": keras_tuner,
    "optuna": plain_optuna,
    "keras": bare,
}


def main(peer: str, case: str, folder: str) -> None:
    """Answer numbers on stdin with what they took, in lines of JSON."""
    out, sys.stdout = sys.stdout, sys.stderr
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    train = PEERS[peer](Work(CASES[case]), Path(folder))
    print("ready", file=out, flush=True)
    for line in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        best = train(int(line))
        took = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        print(json.dumps({**took, "val_loss": best()}), file=out, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
