"""The guide's situations, trained for real: settings, data, and the verdicts that fit."""

import functools
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from studyhall.search.data import baseline, loading
from studyhall.search.data.loading import Data
from studyhall.search.data.sources import reading
from studyhall.search.diagnosis import more_epochs, rules
from studyhall.search.diagnosis.conditions import Standard
from studyhall.search.diagnosis.evidence import measure
from studyhall.search.diagnosis.rules import (
    CUT_SHORT,
    DIVERGED,
    GOOD,
    OVERFIT,
    TOO_EARLY,
    TOO_LONG,
    UNDERFIT,
    UNSTABLE,
    Judgement,
)
from studyhall.search.study_file import config
from studyhall.search.study_file.input_sections import DataSection
from studyhall.search.training.engine import seed_everything
from studyhall.search.training.settings import Settings
from studyhall.search.trial import blueprints, forms, modelling

SOURCES = {
    "digits": "sklearn:digits",
    "breast cancer": "sklearn:breast_cancer",
    "moons": "sklearn:moons(noise=0.3)",
}
SOUND = {"depth": 2, "width": 64, "dropout": 0.2, "learning_rate": 1e-3}  # what they depart from
OVERFITTING = (OVERFIT, TOO_LONG)
NEAR = 1.25  # times the lowest loss of the study: as good as its best


@dataclass(frozen=True)
class Situation:
    """A training with a known fault.

    Args:
        name: in words.
        expected: verdicts that are right.
        values: hyperparameters that differ from `SOUND`.
        noise: share of the labels that are drawn anew, in training and validation set alike.
        samples: how many there are, if not all.
        on: names of `SOURCES` in which the fault shows.
        family: the network; a recurrent one reads a picture's rows one after the other.
    """

    name: str
    expected: tuple[str, ...]
    values: Mapping[str, Any] = field(default_factory=dict)
    epochs: int = 40
    patience: int | None = None
    noise: float = 0.0
    samples: int | None = None
    on: tuple[str, ...] = tuple(SOURCES)
    family: str = "mlp"


NETWORKS: dict[str, Mapping[str, Any]] = {  # and what each has in place of `SOUND`
    "mlp": SOUND,
    "cnn": {"depth": 2, "width": 16, "convolutions": 1, "head_width": 32, "learning_rate": 1e-3},
    "sequence": {"cell": "gru", "depth": 1, "width": 32, "learning_rate": 1e-3},
}


def _short(name: str, expected: tuple[str, ...], rate: float, *counts: int) -> list[Situation]:
    """A training of few epochs by each network."""
    return [
        Situation(
            f"{name}: {epochs} epochs, {family}", expected, {"learning_rate": rate}, epochs,
            on=("digits",), family=family,
        )
        for epochs in counts
        for family in NETWORKS
    ]  # fmt: skip


SHORT = (
    *_short("falls at every step", (TOO_EARLY,), 3e-4, 3),
    *_short("falls at every step", (CUT_SHORT,), 3e-4, 5, 8, 12),
    *_short("hardly moves", (CUT_SHORT,), 1e-5, 5, 8, 12),
    *_short("truly unstable", (UNSTABLE, DIVERGED), 0.5, 5, 8, 12),
    Situation(
        "rises: 12 epochs, 80 samples", OVERFITTING,
        {"width": 256, "dropout": 0.0, "learning_rate": 0.003}, 12, noise=0.3, samples=80,
        on=("digits",),
    ),
)  # fmt: skip
SITUATIONS = (
    Situation("as it should be", (GOOD,), epochs=200, patience=10),
    Situation(
        "too small: one unit", (UNDERFIT,),
        {"width": 1, "depth": 1, "dropout": 0.0, "learning_rate": 0.01}, 80, on=("digits", "moons"),
    ),
    Situation(
        "regularised to death: dropout 0.75, L2 0.03", (UNDERFIT,), {"dropout": 0.75, "l2": 0.03},
        80, on=("digits", "breast cancer"),
    ),
    Situation(
        "too wide: 3 × 512 units, 300 samples", OVERFITTING,
        {"width": 512, "depth": 3, "dropout": 0.0}, 60, noise=0.1, samples=300,
    ),
    Situation("too long: 300 epochs", (TOO_LONG,), {"width": 128, "dropout": 0.0}, 300, noise=0.1),
    Situation(
        "no regularisation, early stopping", OVERFITTING, {"width": 256, "dropout": 0.0}, 60, 10,
        noise=0.1, on=("digits", "breast cancer"),
    ),
    Situation(
        "label noise: 30 %", OVERFITTING, {"width": 128, "dropout": 0.0}, 80, noise=0.3,
        on=("digits", "breast cancer"),
    ),
    Situation(
        "tiny data: 80 samples", OVERFITTING, {"dropout": 0.0}, 100, samples=80,
        on=("digits", "breast cancer"),
    ),
    Situation("learning rate × 100", (UNSTABLE, DIVERGED), {"learning_rate": 0.1}),
    Situation("learning rate ÷ 100", (CUT_SHORT,), {"learning_rate": 1e-5}),
)  # fmt: skip


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


@dataclass(frozen=True)
class Judged:
    """A training with its two verdicts."""

    trained: Trained
    alone: Judgement
    in_study: Judgement
    achievable: float

    def is_right(self, judgement: Judgement) -> bool:
        """Return whether a verdict fits the situation, or what longer training then gave.

        A training that comes near the study's best by as many epochs again was cut short, whatever
        held it back.
        """
        expected = self.trained.situation.expected
        caught_up = _lowest(self.trained.longer) <= NEAR * self.achievable
        late = UNDERFIT in expected and judgement is self.in_study and caught_up
        return judgement.verdict in expected or (late and judgement.verdict == CUT_SHORT)


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


def gained(trained: Trained) -> float:
    """Return what as many epochs again brought, as a share of the lowest validation loss."""
    short, long = (_lowest(each) for each in (trained.history, trained.longer))
    return 1 - long / short if short > 0 else 0.0


def _lowest(history: list[dict[str, Any]]) -> float:
    losses = [epoch["val_loss"] for epoch in history if np.isfinite(epoch["val_loss"])]
    return min(losses, default=np.inf)


def answer(trained: Trained) -> str:
    """Return whether it is said to be worth training longer: yes, no or unknown."""
    evidence = measure(trained.history, trained.guess_loss)
    return more_epochs.answered(evidence, trained.stopped)[0]


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
    return _read(source, seed, situation.noise, situation.samples, rows, folder)


@functools.lru_cache(maxsize=1)
def _read(
    source: str, seed: int, noise: float, samples: int | None, rows: bool, folder: Path
) -> Data:
    section = DataSection(source=SOURCES[source], samples=samples)
    if noise or rows:
        known = reading.read(section, folder)
        random = np.random.default_rng(seed)
        drawn_anew = random.random(len(known.y)) < noise
        y = np.where(drawn_anew, random.integers(0, known.y.max() + 1, len(known.y)), known.y)
        path = folder / f"{source}-{seed}-{noise}-{rows}.npz"
        np.savez(path, x=known.x[..., 0] if rows else known.x, y=y)
        section = DataSection(source=path.name, samples=samples)
    return loading.load(section, seed=seed, folder=folder)


def judge(trained: list[Trained]) -> list[Judged]:
    """The verdicts on all of them, alone and in the study of their data."""
    values = defaultdict(list)
    for each in trained:
        evidence = measure(each.history, each.guess_loss)
        if evidence is not None:
            values[_same_data(each)].append(evidence.validation_best / each.guess_loss)
    return [
        Judged(
            each,
            _finding(each, Standard(validation_samples=each.validation_samples)),
            _finding(
                each,
                Standard(
                    achievable=min(values[_same_data(each)], default=None),
                    validation_samples=each.validation_samples,
                ),
            ),
            each.guess_loss * min(values[_same_data(each)], default=np.inf),
        )
        for each in trained
    ]


def _same_data(trained: Trained) -> tuple[object, ...]:
    situation = trained.situation
    shape = (situation.family, situation.epochs) if situation in SHORT else ()
    return trained.source, trained.seed, situation.noise, situation.samples, *shape


def _finding(trained: Trained, standard: Standard) -> Judgement:
    evidence = measure(trained.history, trained.guess_loss)
    if evidence is None:  # no epoch had a finite loss
        return Judgement(rules.DIVERGED, 1.0, 1.0, "")
    return rules.judge(evidence, standard)
