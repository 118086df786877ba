"""The packages that studyhall does not install, but that keys of a study file need."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.sections import StudyFile


def check(file: StudyFile, name: str) -> None:
    """Check that the packages which a study file needs are installed.

    Args:
        file: the study file.
        name: the name of the file or study, for messages.

    Raises:
        ConfigError: some are missing.
    """
    problems = [f"{name}: {problem}" for problem in _missing(file)]
    if problems:
        raise ConfigError(problems)


def _missing(file: StudyFile) -> Iterator[str]:
    if file.training.tensorboard and importlib.util.find_spec("tensorboard") is None:
        install = "pip install 'studyhall[tensorboard]'"
        yield f"[training] tensorboard: received true, expected false, or tensorboard ({install})"
    if file.training.mlflow is not None and importlib.util.find_spec("mlflow") is None:
        received = f'received "{file.training.mlflow}"'
        install = "pip install 'studyhall[mlflow]'"
        yield f"[training] mlflow: {received}, expected nothing, or mlflow ({install})"
