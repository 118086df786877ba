"""The check that data and code are those that a study began with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from studyhall.search.data.errors import DataError
from studyhall.search.process import wire
from studyhall.search.study import fingerprints, inspection, record
from studyhall.search.study.early_inspection import Read
from studyhall.search.study.record import Stored
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.studies.rows import Study

if TYPE_CHECKING:
    from studyhall.search.data.loading import Data


def load(stored: Stored, folder: Path, study: Study, read: Read | None = None) -> Data:
    """Load the data of a study, unless they have been read already.

    Args:
        stored: the study as recorded at its launch.
        folder: folder that relative paths of data and code start from.
        study: the study.
        read: data that this process has read before.

    Raises:
        ConfigError: data or code differ from those that the study began with.
        DataError, UserCodeError: the data can't be used any longer.
    """
    from studyhall.search.data import loading

    loaded = read.taken(stored.file, folder, study.seed) if read is not None else None
    loaded = loaded or loading.of_file(stored.file, folder, study.seed)
    code = fingerprints.of_code(stored.file, folder)
    found = fingerprints.Inspection(loaded.fingerprint, code)
    if problems := fingerprints.differing(stored.inspection, found):
        raise ConfigError([f"{study.name}: {line}" for line in problems])
    return loaded


def check(study: Study, url: str) -> None:
    """Check data and code before more trainings are recorded, which no worker could run.

    Args:
        study: the study.
        url: URL of its database.

    Raises:
        ConfigError, UserCodeError: as `load`.
        RuntimeError: the process that loads the data failed by a bug.
    """
    stored = record.stored(study)
    if stored.by_script:  # the script has the data
        return
    inspection.glance(stored.file, stored.folder / study.name)
    if inspection.needs_keras(stored.file):
        _check_apart(study, url)
        return
    try:
        load(stored, stored.folder, study)
    except DataError as error:
        raise ConfigError([f"{study.name}: {line}" for line in error.problems]) from error


def _check_apart(study: Study, url: str) -> None:
    """Load the data in a process of its own, as this one must not import Keras."""
    answer = wire.answer("unchanged", study.name, STUDYHALL_STORAGE=url)
    if answer.returncode == 2:
        raise ConfigError(answer.stderr.strip().splitlines())
    if answer.returncode:
        raise RuntimeError(answer.stderr)
