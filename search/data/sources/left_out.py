"""The files of a folder of images or texts that are not read, counted and named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from studyhall.search.data.errors import shortened

NAMED = 3  # files or folders of a kind that a note names


@dataclass
class LeftOut:
    """The files of a folder that are not read.

    Attributes:
        suffixes: number of files by their ending, in lower case; those in hidden folders excepted.
        examples: some of these files.
        hidden: number of files in each hidden folder, and hidden files by their folder.
        outside: images or texts that are in no class's folder.
        folders: whole folders that are neither a class nor a part.
        links: linked folders, which are not followed.
    """

    suffixes: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    hidden: Counter[str] = field(default_factory=Counter)
    outside: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)

    def add_other(self, path: Path) -> None:
        """Count a file whose ending is not read."""
        self.suffixes[path.suffix.lower()] += 1
        if len(self.examples) < NAMED:
            self.examples.append(str(path))

    def notes(self) -> Iterator[str]:
        """Yield a sentence for each kind of what is left out."""
        if self.suffixes:
            kinds = [f"{count} {kind or 'without ending'}" for kind, count in self._by_number()]
            some = shortened(self.examples, NAMED)
            yield f"left out, as their endings are not read: {shortened(kinds)} (such as {some})"
        if self.hidden:
            places = shortened(self.hidden, NAMED)
            yield f"left out: {_files(self.hidden.total(), 'hidden ')} in {places}"
        if self.outside:
            few = shortened(self.outside, NAMED)
            yield f"left out: {_files(len(self.outside))} outside of the classes' folders: {few}"
        for kind, names in (("folder", self.folders), ("linked folder", self.links)):
            if names:
                yield f"left out: the {kind}{'s' * (len(names) > 1)} {shortened(names)}"

    def _by_number(self) -> list[tuple[str, int]]:
        return self.suffixes.most_common()


def _files(count: int, kind: str = "") -> str:
    return f"{count} {kind}file{'' if count == 1 else 's'}"
