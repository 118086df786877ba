"""The backbone of a family ``keras:…``: what it takes, and the weights that it begins with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from studyhall.search.data.loading import Data
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.sections import StudyFile
from studyhall.spaces import backbone
from studyhall.spaces.applications import Application
from studyhall.spaces.space import Space


def weights(file: StudyFile, data: Data, space: Space, folder: Path) -> backbone.Weights | None:
    """Return the weights of a study's backbone; None if they are drawn at random, or there is none.

    Args:
        file: the study file.
        data: the study's data.
        space: the search space.
        folder: to which the path of a file of weights is relative.

    Raises:
        ConfigError: the network can't take the study's samples, or has no such weights.
    """
    application = file.model.application
    if application is None:
        return None
    if problems := [*_misfits(application, data, space)]:
        raise ConfigError(problems)
    try:
        return backbone.weights(application, file.model.weights or backbone.IMAGENET, folder)
    except backbone.WeightsError as error:
        expected = (
            f"weights of keras.applications.{application.name} with include_top=False; or none, "
            "which draws them at random"
        )
        raise ConfigError([f"[model] weights: received {error}, expected {expected}"]) from error


def _misfits(application: Application, data: Data, space: Space) -> Iterator[str]:
    """Yield a problem if samples are no pictures, or some trial would take too small ones."""
    name, shape = f'family = "keras:{application.name}"', data.input_shape
    if len(shape) != 3 or shape[2] not in (1, 3):
        expected = f"pictures (height, width, 1 or 3), which {name} takes"
        yield f"[data] source: received samples of shape {shape}, expected {expected}"
        return
    if data.preparation.kind == "standard":
        yield f"[data] source: received pixels below 0, expected 0 and more, which {name} takes"
    chosen = (values.get("resolution") for values in (space.smallest(), space.largest()))
    sides = [min(shape[:2]) if each is None else each for each in chosen]
    least, small = application.smallest, min(sides)
    if small < least:  # type: ignore[operator]
        written = any(entry.name == "resolution" for entry in space.entries)
        received = f"{small}" if written else f"nothing, for pictures of {shape[0]}×{shape[1]}"
        yield f"[space] resolution: received {received}, expected {least} and more for {name}"
