"""A user's script, as its studies' records hold it and as each of their workers runs it."""

from __future__ import annotations

import contextlib
import random
import re
import runpy
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from studyhall.search.study import record
from studyhall.search.study.imported_files import imported
from studyhall.storage.studies.rows import Study

_SETS_BACKEND = re.compile(r"""environ(?:\[|\.setdefault\()\s*["']KERAS_BACKEND["']\W+(\w+)""")


@dataclass(frozen=True)
class Script:
    """A Python file with its arguments.

    Attributes:
        path: the file, relative to the folder if it lies below it.
        folder: the working directory that it is run from.
        arguments: its command line, without its name.
        measures: True if it can measure a model again.
        ordinal: which of its searches of the study is under way, from 1.
        trials_before: number of trials that the study had when this search began.
        seconds_before: likewise the time during which any worker was active, in seconds.
        added: number of ended trials that the script has added in this search.
        added_behind: likewise those that it has added since this search has returned.
        ends: for each search that has returned, the number of trials it asked for, and the number
            that the study then had.
        asks: the script asks for the trials of this search one by one.
    """

    path: str
    folder: str
    arguments: Sequence[str] = ()
    ordinal: int = 1
    measures: bool = True
    trials_before: int = 0
    seconds_before: float = 0.0
    added: int = 0
    added_behind: int = 0
    ends: Sequence[Sequence[int]] = ()
    asks: bool = False

    @classmethod
    def at(cls, path: Path, folder: Path, arguments: Sequence[str]) -> Script:
        """Return the script of a file, run from a folder."""
        place, start = path.resolve(), folder.resolve()
        inside = place.is_relative_to(start)
        shown = place.relative_to(start) if inside else place
        return cls(str(shown), str(start), tuple(arguments))

    @property
    def file(self) -> Path:
        """The absolute path of the file."""
        return Path(self.folder) / self.path

    def to_record(self) -> dict[str, Any]:
        """Return what a study's record holds of it."""
        ends = [[*each] for each in self.ends]
        return {record.SCRIPT: {**asdict(self), "arguments": [*self.arguments], "ends": ends}}


def recorded(study: Study) -> Script | None:
    """Return the script of a study; None if a study file describes it."""
    known = study.config.get(record.SCRIPT)
    return None if known is None else Script(**known)


def uses_keras(script: Script) -> bool:
    """Return True if a script, or a file of its folder that it imports, speaks of Keras."""
    files = [script.file, *imported(script.file)]
    return any(b"keras" in each.read_bytes() for each in files)


def backend(script: Script) -> str | None:
    """Return the Keras backend that a script sets in the environment; None if it sets none.

    It is read from the text, since Keras is imported before the script runs.
    """
    found = _SETS_BACKEND.search(script.file.read_text(encoding="utf-8", errors="replace"))
    return None if found is None else found[1]


def execute(script: Script) -> None:
    """Run a script to its end, as `python FILE` does from its folder.

    Raises:
        Whatever the script raises.
    """
    _seed()
    with _as_command(script), contextlib.chdir(script.folder):
        runpy.run_path(str(script.file), run_name="__main__")


def _seed() -> None:
    """Let random numbers begin alike in every process, such as those of a split without a seed."""
    import numpy as np

    random.seed(0)
    np.random.seed(0)
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


@contextlib.contextmanager
def _as_command(script: Script) -> Iterator[None]:
    """Give a script its own arguments, and its folder as the first to import from."""
    arguments, first = sys.argv, str(script.file.parent)
    sys.argv = [str(script.file), *script.arguments]
    sys.path.insert(0, first)
    try:
        yield
    finally:
        sys.argv = arguments
        sys.path.remove(first)
