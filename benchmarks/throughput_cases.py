"""The throughput benchmark's cases: fixed configurations on fixed data, one study file each."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import optuna

from studyhall.search.study_file import config
from studyhall.search.study_file.sections import StudyFile
from studyhall.spaces.entry import Value
from studyhall.spaces.space import Space, read_space

COMMON = """
[training]
epochs = {epochs}
patience = "none"
[search]
pruner = "none"
first = "none"
"""

DIGITS_MLP = """
[study]
name = "digits-mlp"
[data]
source = "sklearn:digits"
[model]
family = "mlp"
[space]
learning_rate = { low = 1e-4, high = 1e-2, log = true }
optimizer = ["adam", "rmsprop", "momentum"]
batch_size = [32, 64]
dropout = { low = 0.0, high = 0.5 }
l2 = { low = 1e-6, high = 1e-3, log = true }
depth = { low = 1, high = 3 }
width = { low = 32, high = 128, log = true }
"""

BLOBS_MLP = """
[study]
name = "blobs-mlp"
[data]
source = "sklearn:blobs(n_samples=1000, centers=3, n_features=2, cluster_std=2, random_state=2)"
[model]
family = "mlp"
[space]
learning_rate = { low = 1e-4, high = 1e-2, log = true }
batch_size = [32]
dropout = [0.0]
depth = [1]
width = [10, 25, 50]
"""

FASHION_CNN = """
[study]
name = "fashion-cnn"
[data]
source = "keras:fashion_mnist"
samples = 10000
[model]
family = "cnn"
[space]
learning_rate = { low = 3e-4, high = 3e-3, log = true }
batch_size = [32, 64]
dropout = { low = 0.0, high = 0.5 }
l2 = { low = 1e-6, high = 1e-3, log = true }
depth = [2]
convolutions = [1]
width = [8, 16]
head_width = [32, 64]
"""

IMDB_MLP = """
[study]
name = "imdb-mlp"
[data]
source = "keras:imdb(num_words=10000)"
samples = 10000
[model]
family = "mlp"
[space]
optimizer = ["rmsprop"]
batch_size = [512]
depth = [2]
width = [4, 16]
l2 = [0.0, 0.001]
dropout = [0.0, 0.5]
"""

LONG_MLP = """
[study]
name = "long-mlp"
[data]
source = "keras:fashion_mnist"
[model]
family = "mlp"
[space]
batch_size = [128]
depth = [3]
width = [512]
"""

LONG_CNN = """
[study]
name = "long-cnn"
[data]
source = "keras:fashion_mnist"
samples = 40000
[model]
family = "cnn"
[space]
batch_size = [64]
depth = [2]
convolutions = [1]
width = [32]
head_width = [64]
"""

# The guide's network, and its variants of fewer units, L2 and dropout.
IMDB_VARIANTS: tuple[dict[str, Value], ...] = (
    {"width": 16, "l2": 0.0, "dropout": 0.0},
    {"width": 4, "l2": 0.0, "dropout": 0.0},
    {"width": 16, "l2": 0.001, "dropout": 0.0},
    {"width": 16, "l2": 0.0, "dropout": 0.5},
)


@dataclass(frozen=True)
class Case:
    """Trainings that every peer does alike.

    Attributes:
        text: Of the study file.
        trials: How many configurations, drawn from its space, or these.
        targets: Least ratios of a peer's wall time to ours.
        peers: Who trains, beside us.
        long: Whether it takes minutes for each trial, and runs only when asked for.
    """

    text: str
    epochs: int
    trials: int | tuple[dict[str, Value], ...]
    targets: Mapping[str, float]
    peers: tuple[str, ...] = ("keras_tuner", "optuna", "keras")
    long: bool = False

    def file(self) -> StudyFile:
        """The study file, checked."""
        return config.parse(self.text + COMMON.format(epochs=self.epochs))

    def space(self) -> Space:
        """Its space."""
        file = self.file()
        return read_space(dict(file.space), family=file.model.family)

    def configurations(self) -> list[dict[str, Value]]:
        """Every configuration, in order; the same in each process."""
        if not isinstance(self.trials, int):
            return list(self.trials)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        return [self.space().suggest(study.ask()) for _ in range(self.trials)]


CASES = {
    "digits-mlp": Case(DIGITS_MLP, 30, 12, {"keras_tuner": 10, "optuna": 8}),
    "blobs-mlp": Case(BLOBS_MLP, 300, 3, {"keras_tuner": 20, "optuna": 18}),
    "fashion-cnn": Case(FASHION_CNN, 5, 4, {"keras_tuner": 1.6, "optuna": 1.4}),
    "imdb-mlp": Case(IMDB_MLP, 20, IMDB_VARIANTS, {"keras_tuner": 3, "optuna": 2.5}),
    "long-mlp": Case(LONG_MLP, 20, 2, {"keras": 0.99}, ("keras",), long=True),
    "long-cnn": Case(LONG_CNN, 4, 2, {"keras": 0.99}, ("keras",), long=True),
}


def use_offline_data(folder: Path) -> None:
    """Let Keras find its data sets in a writable copy of those that lie here, if any do."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    source = Path(os.environ.get("STUDYHALL_DATA", beside)) / "keras"
    if "KERAS_HOME" not in os.environ and source.is_dir():
        shutil.copytree(source, folder / "keras", dirs_exist_ok=True)
        os.environ["KERAS_HOME"] = str(folder / "keras")
