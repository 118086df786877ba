"""A study as a program describes it: the arguments of `studyhall.Study`, as a study file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studyhall.search.api import settings
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.sections import StudyFile, StudySection
from studyhall.spaces import spelling


@dataclass(frozen=True)
class Described:
    """The description of a study.

    Attributes:
        name: the study's name.
        tables: the tables of its study file, but for space, data and fixed trials.
        space: the space in Python's notation.
        data: as `data_file.source` takes it, or a table ``[data]`` with such a source.
        fixed: fixed trials.
        folder: the folder that paths start from.
    """

    name: str
    tables: settings.Tables
    space: Mapping[str, Any] | None
    data: Any
    fixed: Sequence[Mapping[str, Any]]
    folder: Path

    def file(self, trials: int | None = None) -> StudyFile:
        """Return what the study file of this study would be.

        Args:
            trials: number of trials; None for that of the tables.

        Raises:
            ConfigError: the arguments have mistakes, all of which are listed.
        """
        return settings.study_file(
            self.name, self.tables, self.space, self.data, self.fixed, trials
        )

    def of_own_code(self, method: str) -> settings.Tables:
        """Return further keys of a study whose trials code of the user's runs.

        Args:
            method: the method that is called, for messages.

        Raises:
            ConfigError: it has keys that say what only that code can say.
        """
        given = {
            **self.tables,
            "space": {} if self.space is None else self.space,
            "trials": bool(self.fixed),
        }
        given["data"] = {**self.tables["data"], **({} if self.data is None else {"source": ...})}
        return settings.of_own_code(self.name, given, method)

    def check_alone(self) -> None:
        """Check that without data only the name is given, of a study in the database.

        Raises:
            ConfigError: more is given, which without data describes no study.
        """
        given = {table: keys for table, keys in self.tables.items() if keys}
        given["study"] = {key: ... for key in self.tables["study"] if key not in settings.OF_CALL}
        named = [table for table, keys in given.items() if keys]
        named += ["space"] * bool(self.space) + ["trials"] * bool(self.fixed)
        if named:
            received = f"received none beside {spelling.listed(named)}"
            expected = "expected data=, or the name alone to go on with the study as it is"
            raise ConfigError([f"{self.name}: data: {received}, {expected}"])

    def budget(self, trials: int | None) -> int:
        """Return the number of trials: as given, or that of the tables, or the default."""
        default = StudySection.model_fields["trials"].default
        return int(self.tables["study"].get("trials", default) if trials is None else trials)

    def workers(self, count: int | None) -> int:
        """Return the number of workers for code of the user's: as given, or that of the tables."""
        listed = self.tables["workers"].get("count")
        default = listed if isinstance(listed, int) else 1
        return default if count is None else count

    def direction(self, given: str | None) -> str | None:
        """Return a direction, if it is one.

        Raises:
            ConfigError: it is not.
        """
        if given not in (None, "minimize", "maximize"):
            expected = 'expected "minimize" or "maximize"'
            raise ConfigError([f"{self.name}: direction: received {given!r}, {expected}"])
        return given
