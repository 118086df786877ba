"""A study by its name in a database: what every method of a `Study` begins with."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from studyhall.search.cli.options import find, find_described
from studyhall.search.process import handover
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import Database
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies import rows


class InDatabase:
    """A study in a database.

    Args:
        name: the study's name.
        url: URL of the database.
        handed: what only this program has, by what stands for it in a study file.
    """

    def __init__(self, name: str, url: str, handed: Mapping[str, Any]) -> None:
        self.name = name
        self._url = url
        self._handed = handed
        self._rebuilt: Callable[[TrialRecord], Any] | None = None  # builds a trial's model anew

    @contextmanager
    def _opened(self) -> Iterator[tuple[Database, rows.Study]]:
        """Open the database, and find the study in it.

        Raises:
            ConfigError: there is no such study.
            StorageError: the database can't be used.
        """
        with closing(Database.open(self._url, create=False)) as db:
            yield db, find(db, self.name)

    @contextmanager
    def _at_hand(self, command: str) -> Iterator[tuple[Database, rows.Study]]:
        """Open the database, and find the study to train its trials again.

        The function that builds its models is there for the processes that are started.

        Args:
            command: the command of the command line that does the same, for messages.

        Raises:
            ConfigError: there is no such study, its trials can't be trained here, or code of the
                user's trains them.
        """
        with (
            closing(Database.open(self._url, create=False)) as db,
            handover.offered(self._handed, self.name),
        ):
            yield db, find_described(db, self.name, command)

    def _found(self) -> rows.Study:
        """Return the study in its database.

        Raises:
            ConfigError: there is none.
        """
        with self._opened() as (_, study):
            return study

    def _check_range(
        self, argument: str, value: object, least: float, most: float | None = None
    ) -> None:
        """Check that the value of an argument, unless it is None, is a number in its range.

        Raises:
            ConfigError: it is not.
        """
        highest = sys.float_info.max if most is None else most
        if value is None or (isinstance(value, int | float) and least <= value <= highest):
            return
        span = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise ConfigError(
            [f"{self.name}: {argument}: received {value!r}, expected a number {span}"]
        )
