"""The part that this process plays for a script: what happens when the script searches."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from studyhall.search.scripts.call import Call
from studyhall.storage.studies.rows import Study


@dataclass(frozen=True)
class Searched:
    """A study as the script finds it, as a rule after its call, when its budget is spent.

    Attributes:
        url: URL of its database.
        study: the study.
        ordinal: which of the script's searches of the study this was, from 1; 0 before the first.
        shown: trials of this number and above are those of later searches; None: there are none.
    """

    url: str
    study: Study
    ordinal: int = 0
    shown: int | None = None


class Part(Protocol):
    """The part of a process: a worker of a launch, the launch itself, or the script alone."""

    def search(self, call: Call, url: str | None) -> Searched:
        """Bring a study to its end; return when its budget is spent.

        Args:
            call: the search that the script asks for.
            url: the database that the script names, or None.
        """

    def open(self, call: Call, url: str | None) -> Searched:
        """Return the study of a script that asks for its trials, without running any.

        Args:
            call: the search that the script asks for.
            url: the database that the script names, or None.

        Raises:
            ConfigError: this process can't answer.
        """

    def database(self, url: str | None) -> str:
        """Return the URL of the database of a script's study.

        Args:
            url: the database that the script names, or None.
        """


NOTEBOOK = "notebook"
SUFFIX = ".py"

_parts: list[Part] = []


def play(part: Part) -> None:
    """Let this process play a part, until the process ends."""
    _parts[:] = [part]


@contextmanager
def playing(part: Part) -> Iterator[None]:
    """Let this process play a part in a `with` block, unless it plays one already."""
    if _parts:
        yield
        return
    play(part)
    try:
        yield
    finally:
        _parts.clear()


def part() -> Part | None:
    """Return the part that this process plays; None for a script that nobody has launched."""
    return _parts[0] if _parts else None


_counts: Counter[str] = Counter()


def count(name: str) -> int:
    """Count another search of a study of this name in this process; return its number."""
    _counts[name] += 1
    return _counts[name]


def uncount(name: str) -> None:
    """Forget the last search of a study, which was interrupted: called again, it goes on."""
    _counts[name] -= 1


def main_file() -> Path | None:
    """Return the file of the script that this process runs; None for cells of a notebook."""
    name = getattr(sys.modules["__main__"], "__file__", None)
    return Path(name) if name is not None and name.endswith(SUFFIX) else None


def script_name() -> str:
    """Return the name of the script, for a study that it does not name."""
    path = main_file()
    return NOTEBOOK if path is None else path.stem
