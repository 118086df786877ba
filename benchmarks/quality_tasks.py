"""The tasks of the search-quality benchmark: data, network, space, and the time of a search."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studyhall.search.data import loading
from studyhall.search.data.loading import Data
from studyhall.search.study_file import config
from studyhall.search.study_file.sections import StudyFile
from studyhall.spaces.space import Space, read_space

if TYPE_CHECKING:
    from studyhall.search.trial.blueprints import Blueprint

# Seven hyperparameters, none of which depends on another, so that every peer can search them.
MLP_SPACE = """
learning_rate = { low = 1e-4, high = 1e-1, log = true }
optimizer = ["adam", "rmsprop", "nesterov"]
batch_size = [32, 64, 128]
dropout = { low = 0.0, high = 0.6 }
l2 = { low = 1e-7, high = 1e-2, log = true }
depth = { low = 1, high = 3 }
width = { low = 16, high = 256, log = true }
"""
CNN_SPACE = """
learning_rate = { low = 1e-4, high = 3e-2, log = true }
optimizer = ["adam", "rmsprop", "nesterov"]
batch_size = [32, 64, 128]
dropout = { low = 0.0, high = 0.6 }
l2 = { low = 1e-7, high = 1e-2, log = true }
depth = { low = 1, high = 2 }
width = [4, 8, 16]
head_width = [16, 32, 64]
"""
WORDS_SPACE = """
learning_rate = { low = 1e-4, high = 3e-2, log = true }
optimizer = ["adam", "rmsprop", "nesterov"]
batch_size = [64, 128, 256]
dropout = { low = 0.0, high = 0.8 }
l2 = { low = 1e-7, high = 1e-2, log = true }
depth = { low = 1, high = 2 }
width = { low = 4, high = 64, log = true }
"""


@dataclass(frozen=True)
class Task:
    """A search that every contestant does.

    Attributes:
        name: in the file names of results.
        source: `[data] source`.
        space: the `[space]` table, as text.
        epochs: most epochs of a trial.
        seconds: wall time of a search.
        samples: most samples, before the split; the test sets of Keras are used whole.
        family: of the networks.
        patience: epochs without improvement after which a trial stops.
    """

    name: str
    source: str
    space: str
    epochs: int
    seconds: float
    samples: int | None = None
    family: str = "mlp"
    patience: int = 10

    def text(self, patience: int | None = None) -> str:
        """Return its study file.

        Args:
            patience: 0 to train every trial to its last epoch; default: the task's.
        """
        chosen = self.patience if patience is None else patience
        stops = str(chosen) if chosen else '"none"'
        samples = f"samples = {self.samples}\n" if self.samples else ""
        return (
            f'[study]\nname = "{self.name}"\ntrials = 1000000\n'
            f'[data]\nsource = "{self.source}"\n{samples}'
            f'[model]\nfamily = "{self.family}"\n'
            f"[training]\nepochs = {self.epochs}\npatience = {stops}\n"
            f"[space]{self.space}"
        )

    def file(self, patience: int | None = None) -> StudyFile:
        """Return its study file, checked; for `patience` see `text`."""
        return config.parse(self.text(patience))

    def search_space(self) -> Space:
        """Return its space."""
        return read_space(dict(self.file().space), family=self.family)

    def data(self, seed: int) -> Data:
        """Load its data; the seed decides the split."""
        return loading.load(self.file().data, seed=seed, folder=Path.cwd())

    def plan(self, data: Data, patience: int | None = None) -> "Blueprint":
        """Return the blueprint of its models; for `patience` see `text`."""
        from studyhall.search.trial import (  # Keras, which a replay does without
            blueprints,
        )

        return blueprints.of_file(self.file(patience), data, Path.cwd())


_TASKS = (
    Task("digits-mlp", "sklearn:digits", MLP_SPACE, 40, 60),
    Task("cancer-mlp", "sklearn:breast_cancer", MLP_SPACE, 60, 75),
    Task("diabetes-mlp", "sklearn:diabetes", MLP_SPACE, 60, 60),
    Task("diabetes-scaled", f"{Path(__file__).resolve()}:scaled_diabetes", MLP_SPACE, 60, 60),
    Task("fashion-mlp", "keras:fashion_mnist", MLP_SPACE, 30, 90, samples=5000),
    Task("fashion-cnn", "keras:fashion_mnist", CNN_SPACE, 20, 90, 1000, "cnn", patience=5),
    Task(
        "imdb-mlp",
        "keras:imdb(num_words=5000)",
        WORDS_SPACE,
        epochs=20,
        seconds=90,
        samples=5000,
        patience=5,
    ),
)
TASKS: dict[str, Task] = {task.name: task for task in _TASKS}
LIVE = ("digits-mlp", "diabetes-scaled", "fashion-cnn", "imdb-mlp")  # unless others are asked for


def scaled_diabetes() -> tuple[Any, Any]:
    """Return scikit-learn's diabetes with targets of mean 0 and deviation 1.

    studyhall standardises targets by default; so all contestants train alike.
    """
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True)
    return x, (y - y.mean()) / y.std()


def described(space: Space) -> list[dict[str, Any]]:
    """Return the searched entries in plain values, for peers whose process has no studyhall.

    Each has `name`, and `choices` or `low`, `high`, `log` and `whole` (whether it is an integer).
    """
    return [
        {"name": entry.name, "choices": list(entry.choices)}
        if entry.choices
        else {
            "name": entry.name,
            "low": entry.low,
            "high": entry.high,
            "log": entry.log,
            "whole": isinstance(entry.low, int),
        }
        for entry in space.entries
        if not entry.constant
    ]
