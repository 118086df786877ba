"""What a study file resolves to: its data, its space, the sizes of its models, the cost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import optuna
from rich.console import RenderableType
from rich.table import Table

from search import data, modelling, show
from search.data import Data
from search.modelling import Blueprint, Built
from search.sections import StudyFile
from search.training import Settings
from spaces.space import Value

TRIED_EPOCHS = 2  # the first one traces, the second one is timed


def report(file: StudyFile, folder: Path) -> Iterator[RenderableType]:
    """Every finding, as soon as it is known.

    Raises:
        DataError: the data can't be used.
        UserCodeError: a function of the user can't be used.
        ArchitectureError: the smallest or the largest model can't be built.
    """
    loaded = data.load(file.data, seed=file.study.seed, folder=folder)
    yield _rows("data", data.describe(loaded))
    plan = modelling.blueprint(file, loaded, folder)
    yield _space(plan)
    small, large = (
        _built(plan, values) for values in (plan.space.smallest(), plan.space.largest())
    )
    yield _rows(
        "models",
        [
            ("smallest", f"{small.model.count_params():,} parameters"),
            ("largest", f"{large.model.count_params():,} parameters"),
        ],
    )
    yield _rows("cost", _cost(file, loaded, small, large))


def _built(plan: Blueprint, values: dict[str, Value]) -> Built:
    # What the user's own function suggests beyond [space] is drawn at random.
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.enqueue_trial(dict(plan.space.params(values)))
    return modelling.build(plan, study.ask(), len(plan.data.train))


def _cost(file: StudyFile, loaded: Data, small: Built, large: Built) -> list[tuple[str, str]]:
    """Time by measurement: an epoch of either model, on this machine, by one worker."""
    quick, slow = _epoch_s(loaded, small), _epoch_s(loaded, large)
    epochs = file.training.epochs * file.study.trials * len(loaded.folds)
    return [
        ("an epoch", f"{quick * 1000:.0f} to {slow * 1000:.0f} ms, measured here"),
        (
            "the study",
            f"at most {file.study.trials} trials × {file.training.epochs} epochs"
            f"{f' × {len(loaded.folds)} folds' if len(loaded.folds) > 1 else ''}: "
            f"{show.duration(quick * epochs)} to {show.duration(slow * epochs)} on one worker; "
            "pruning and early stopping end most trials sooner",
        ),
    ]


def _epoch_s(loaded: Data, built: Built) -> float:
    engine = modelling.engine(loaded.split, built.one_hot, loaded.outputs)
    settings = Settings(epochs=TRIED_EPOCHS, batch_size=built.batch_size)
    return [epoch.seconds for epoch in engine.training(built.model, settings).epochs()][-1]


def _rows(title: str, rows: list[tuple[str, str]]) -> Table:
    table = Table(title=title, title_justify="left", box=None, show_header=False)
    for row in rows:
        table.add_row(*row)
    return table


def _space(plan: Blueprint) -> Table:
    table = Table("name", "kind", "range", "condition", title="space", title_justify="left")
    table.box = None
    for row in plan.space.rows():
        table.add_row(*row)
    return table
