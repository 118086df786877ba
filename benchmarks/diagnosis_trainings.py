"""Trainings of the guide's situations, each for twice its epochs, and the data that they are on."""

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from benchmarks.diagnosis_situations import NETWORKS, SOURCES, Situation
from studyhall.search.data import baseline, loading
from studyhall.search.data.loading import Data
from studyhall.search.data.sources import reading
from studyhall.search.study_file import config
from studyhall.search.study_file.input_sections import DataSection
from studyhall.search.training.engine import seed_everything
from studyhall.search.training.settings import Settings
from studyhall.search.trial import blueprints, forms, modelling


@dataclass(frozen=True)
class Trained:
    """A training and what its verdict needs to know of the data.

    Args:
        history: its epochs.
        longer: those of the same training, had it gone on for as many again.
        stopped: why it ended: epochs or patience.
    """

    situation: Situation
    source: str
    seed: int
    history: list[dict[str, Any]]
    longer: list[dict[str, Any]]
    stopped: str
    guess_loss: float
    validation_samples: int


def train(
    situation: Situation, source: str, seed: int, folder: Path, *, twice: bool = True
) -> Trained:
    """Train one situation for twice its epochs, and cut it where it ends.

    The learning rate stays, so the first half is what a training of half the epochs is.

    Args:
        situation: what is trained.
        source: one of `SOURCES`.
        seed: of the split, the weights and the order of the samples.
        folder: for files of samples with noisy labels.
        twice: False: for its epochs only; then nothing is known of what follows.
    """
    data = _data(source, seed, situation, folder)
    plan = _plan(situation, data)
    seed_everything(seed)
    built = modelling.build(plan, optuna.trial.FixedTrial({}), len(data.train))
    settings = Settings(
        epochs=(1 + twice) * situation.epochs,
        batch_size=built.batch_size,
        seed=seed,
        data_loss=built.data_loss,
    )
    epochs = forms.engine(data.split).training(built.model, settings).epochs()
    longer = [{"epoch": each.number, **each.metrics, "val_loss": each.value} for each in epochs]
    ended = _ended(longer[: situation.epochs], situation.patience)
    stopped = "epochs" if ended == situation.epochs else "patience"
    unit = baseline.guess_loss(data.task, data.train.y)
    cut = longer[:ended], longer[: 2 * ended], stopped
    return Trained(situation, source, seed, *cut, unit, len(data.validation))


def _ended(history: list[dict[str, Any]], patience: int | None) -> int:
    """Return the epoch after which early stopping ends a training."""
    best = 0
    for at, epoch in enumerate(history):
        best = at if epoch["val_loss"] < history[best]["val_loss"] else best
        if patience is not None and at - best >= patience:
            return at + 1
    return len(history)


def _plan(situation: Situation, data: Data) -> blueprints.Blueprint:
    tables = {
        "study": {"name": "situation"},
        "data": {"source": "sklearn:digits"},  # what is read is `data`
        "model": {"family": situation.family},
        "training": {"epochs": situation.epochs},
        "space": {**NETWORKS[situation.family], **situation.values},
    }
    return blueprints.of_file(config.from_dict(tables), data, Path())


def _data(source: str, seed: int, situation: Situation, folder: Path) -> Data:
    rows = situation.family == "sequence"
    known = situation.noise, situation.samples, situation.split
    return _read(source, seed, *known, rows, folder)


@functools.lru_cache(maxsize=1)
def _read(
    source: str,
    seed: int,
    noise: float,
    samples: int | None,
    split: tuple[float, float, float],
    rows: bool,
    folder: Path,
) -> Data:
    section = DataSection(source=SOURCES[source], samples=samples, split=split)
    if noise or rows:
        known = reading.read(section, folder)
        random = np.random.default_rng(seed)
        drawn_anew = random.random(len(known.y)) < noise
        y = np.where(drawn_anew, random.integers(0, known.y.max() + 1, len(known.y)), known.y)
        path = folder / f"{source}-{seed}-{noise}-{rows}.npz"
        np.savez(path, x=known.x[..., 0] if rows else known.x, y=y)
        section = DataSection(source=path.name, samples=samples, split=split)
    return loading.load(section, seed=seed, folder=folder)
