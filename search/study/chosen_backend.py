"""The Keras backend of a study: chosen by its file or this machine, then recorded with the study.

Values of two backends agree closely, but are not equal, so all of a study's trials use the same.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from studyhall.search.process import keras_settings
from studyhall.search.study import record
from studyhall.search.study_file import contradictions
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.sections import StudyFile
from studyhall.storage.database import Database, urls
from studyhall.storage.database.urls import StorageError
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Study

AUTO = "auto"
KEY = "[training] backend"


def of_file(file: StudyFile, path: Path, url: str | None = None) -> StudyFile:
    """Return the file with its backend resolved, which this process and its children will use.

    The file's own goes first, then that of the existing study, then that of this machine.

    Args:
        file: the checked study file.
        path: its path, for messages.
        url: the database in which the study may exist already; None: it does not matter.

    Raises:
        ConfigError: the backend is unknown or not installed, or other keys don't go with it.
    """
    if file.training.backend == AUTO and url is not None:
        file = _with(file, _recorded(file, url))
    source = _here()[1] if file.training.backend == AUTO else ""
    resolved = settled(file)
    _choose(path.name, resolved.training.backend, source)
    if found := [*contradictions.of_backend(resolved)]:
        raise ConfigError([f"{path.name}: {mistake}" for mistake in found])
    return resolved


def settled(file: StudyFile) -> StudyFile:
    """Return the file with the backend of this machine's settings, unless it has one of its own."""
    if file.training.backend != AUTO:
        return file
    return _with(file, _here()[0])


def of_study(study: Study) -> None:
    """Let this process and its children use the backend that is recorded with a study.

    Raises:
        ConfigError: it is not installed.
    """
    _choose(study.name, record.stored(study).file.training.backend, "")


def _here() -> tuple[str, str]:
    """Return the backend of this process, and what has chosen it."""
    begun = keras_settings.backend_in_use()
    return (begun, "this program") if begun is not None else keras_settings.backend_here()


def _with(file: StudyFile, backend: str) -> StudyFile:
    section = file.training.model_copy(update={"backend": backend})
    return file.model_copy(update={"training": section})


def _choose(name: str, backend: str, source: str) -> None:
    try:
        keras_settings.choose_backend(backend)
    except (ValueError, RuntimeError) as error:
        received = f'"{backend}"' + (f" by {source}" if source else "")
        ending = f": {error}" if isinstance(error, RuntimeError) else f", expected {error}"
        raise ConfigError([f"{name}: {KEY}: received {received}{ending}"]) from error


def _recorded(file: StudyFile, url: str) -> str:
    """Return the backend of the study of that name; "auto" if there is none, or no database.

    What is wrong with the database the launch itself reports, later.
    """
    try:
        address = urls.address(url)
        if address.file is not None and not address.file.exists():
            return AUTO
        with closing(Database.open(url, create=False, patience_s=0)) as db:
            study = studies.find(db, file.study.name)
            return AUTO if study is None else record.stored(study).file.training.backend
    except (StorageError, LookupError, ConfigError):
        return AUTO
