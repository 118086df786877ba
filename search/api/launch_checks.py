"""The checks before a launch from Python: no other machine, and no worker of another study."""

from __future__ import annotations

import os
from contextlib import closing

from studyhall.search.process import wire
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.sections import StudyFile
from studyhall.search.study_file.value_types import LOCAL
from studyhall.storage.database import Database
from studyhall.storage.queries import status
from studyhall.storage.studies import studies


def check_local(file: StudyFile) -> None:
    """Check that workers are to run here, where this program can hand a function to them.

    Raises:
        ConfigError: they are not.
    """
    if file.workers.on != LOCAL:
        received = f'received "{file.workers.on}", where no function can be handed to workers'
        expected = f'expected "{LOCAL}", or the function in a file'
        raise ConfigError([f"{file.study.name}: [workers] on: {received}, {expected}"])


def check_alone(url: str, name: str) -> None:
    """Check that this process is no worker of another study, which runs the program for that one.

    Raises:
        ConfigError: it is, and this study is not finished.
    """
    if wire.LAUNCHED not in os.environ:
        return
    with closing(Database.open(url)) as db:
        study = studies.find(db, name)
        if study is None or not status.status(db, study).spent:
            received = "received a call in a worker of another study"
            raise ConfigError([f"{name}: run(): {received}, expected this study to be finished"])
