"""The check of a study that Python describes, as the command `check` has it of a study file."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from studyhall.search.api import in_process, settings
from studyhall.search.cli import study_file
from studyhall.search.cli.options import find_described
from studyhall.search.process import handover, quiet
from studyhall.search.study import chosen_backend, record
from studyhall.search.study_file.sections import StudyFile
from studyhall.storage.database import Database


def show(
    url: str,
    name: str,
    file: StudyFile | None,
    folder: Path,
    handed: Mapping[str, Any],
) -> None:
    """Show data, space, model sizes and cost.

    Args:
        url: URL of the database.
        name: the study's name.
        file: the study file; None for that of the study in the database.
        folder: the folder that its paths start from.
        handed: what only this program has, by what stands for it in a study file.

    Raises:
        ConfigError: data or models can't be used, or there is no such study.
        UserCodeError: a function of the user's fails or returns something unusable.
    """
    if file is None:
        with closing(Database.open(url, create=False)) as db:
            stored = record.stored(find_described(db, name, "check"))
        file, folder = stored.file, stored.folder
    handover.hold(handed)
    file = chosen_backend.of_file(file, Path(name), url)
    quiet.import_keras()
    with settings.as_path(file, folder) as path, in_process.settings_kept():
        study_file.show_check(file, path)
