"""The common ground of a study's models: its file, data, space, and code of the user's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from studyhall.search.data import baseline
from studyhall.search.data.loading import Data
from studyhall.search.process import handover
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.sections import StudyFile
from studyhall.search.training import backend
from studyhall.search.trial import backbones, own_code
from studyhall.search.trial.own_code import OwnCode
from studyhall.search.trial.plan import Plan
from studyhall.spaces import backbone, builder_forms, user_code
from studyhall.spaces.failures import UserCodeError
from studyhall.spaces.space import Space, read_space


@dataclass(frozen=True)
class Blueprint(Plan):
    """The things that all models of a study have in common.

    Attributes:
        file: the study file.
        data: the study's data.
        space: the search space.
        builder: the user's own function, or None for a built-in family.
        pretrained: the weights that the backbone of a family keras: begins with.
        own: the user's own losses, metrics and callbacks.
    """

    data: Data
    space: Space
    builder: Callable[..., Any] | None
    own: OwnCode
    pretrained: backbone.Weights | None = None

    @property
    def runs_own_code(self) -> bool:
        """True if code of the user's plays a part in trainings, which may fail by it."""
        return self.builder is not None or bool(self.own)

    @cached_property
    def loss_weight(self) -> float:
        """The weight of the loss in training, such that a constant guess has a loss of about 1.

        Gradients then don't depend on the units of a regression's targets. Losses are recorded
        without it.
        """
        if self.builder is not None or self.own.has_loss or self.data.units is None:
            return 1.0
        loss = str(self.file.training.loss)
        guess = baseline.guess_loss(self.data.task, self.data.train.y, loss)
        return 1.0 / guess if guess > 0 else 1.0


def of_file(file: StudyFile, data: Data, folder: Path) -> Blueprint:
    """Read the search space and load the builder, once per process.

    Args:
        file: the study file.
        data: the study's data.
        folder: folder that a relative path of the user's code starts from.

    Raises:
        UserCodeError: ``family`` names no usable function, or own code of the training fails.
        ConfigError: this process computes with another backend than the study.
    """
    _check_backend(file)
    family = file.model.family
    builder = _builder(family, folder) if file.model.is_own else None
    own = own_code.load(file, data, folder)
    space = read_space(dict(file.space), family=family)
    return Blueprint(file, data, space, builder, own, backbones.weights(file, data, space, folder))


def _check_backend(file: StudyFile) -> None:
    wanted, here = file.training.backend, backend.name()
    if wanted not in ("auto", here):
        line = f'received a worker with "{here}", expected "{wanted}", as the study has it'
        raise ConfigError([f"{file.study.name}: [training] backend: {line}"])


def _builder(family: str, folder: Path) -> Callable[..., Any]:
    """Return the user's function: of a file, or handed to this process by a Python program."""
    if not handover.is_handed(family):
        return user_code.load_builder(family, folder)
    try:
        return builder_forms.adapted(handover.fetched(family), family.removeprefix(handover.PREFIX))
    except handover.NotHandedError as error:
        raise UserCodeError(f"[model] family: received {error}") from None
