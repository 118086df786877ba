"""The parts, classes and files of a folder of images or texts, and what is left out of it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from studyhall.search.data import unicode_form
from studyhall.search.data.errors import DataError, problem, refusal, shortened
from studyhall.search.data.sources import part_names
from studyhall.search.data.sources.left_out import LeftOut

SUFFIXES: tuple[str, ...] = (
    ".avif",
    ".bmp",
    ".dib",
    ".gif",
    ".jfif",
    ".jp2",
    ".jpe",
    ".jpeg",
    ".jpg",
)
SUFFIXES += (".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tga", ".tif", ".tiff", ".webp")
FOREIGN = {"__macosx", "__pycache__", "@eadir", "$recycle.bin"}  # made by programs, as hidden ones
ORDER = ("train", "validation", "test")


@dataclass(frozen=True)
class Kind:
    """A kind of files: its name, in the plural, and the endings that it has, in lower case."""

    name: str
    suffixes: tuple[str, ...]


IMAGES, TEXTS = Kind("images", SUFFIXES), Kind("texts", (".txt",))


@dataclass(frozen=True)
class Found:
    """The images or texts of a folder.

    Attributes:
        classes: names of the classes.
        files: the files and their class numbers, by part: "train", and maybe "validation", "test".
        left_out: what is not read.
    """

    classes: tuple[str, ...]
    files: Mapping[str, list[tuple[Path, int]]]
    left_out: LeftOut


def find(folder: Path, folders: str = "auto", kind: Kind = IMAGES) -> Found:
    """Find the files of a folder that has a subfolder per class, or parts with these.

    Args:
        folder: the source.
        folders: what its subfolders are: "classes", "parts" (all others are left out), or "auto".
        kind: the files to find.

    Raises:
        DataError: there are fewer than two classes, a class without such files, a class that some
            part lacks, or it is not clear whether the folders are classes or parts.
    """
    left_out = LeftOut()
    parts = _parts(folder, folders, left_out)
    classes = _classes(parts["train"], kind)
    _check_classes(parts, classes)
    found = {name: _listed(part, folder, classes, left_out, kind) for name, part in parts.items()}
    _outside(folder, [*parts.values()], left_out, kind)
    meant = '; family = "text" reads .txt' if ".txt" in left_out.suffixes else ""
    _check_files(parts, classes, found, kind, meant)
    return Found(classes, found, left_out)


def _parts(folder: Path, folders: str, left_out: LeftOut) -> dict[str, Path]:
    """Return the folders of the training, validation and test set; else the folder as "train"."""
    inside = subfolders(folder)
    named = {path: part for path in inside if (part := part_names.of_folder(path.name))}
    others = [path for path in inside if path not in named]
    if folders == "auto":
        _check_clear(folder, named, others)
        several = len(inside) > 1 or all(len(subfolders(path)) > 1 for path in named)
        folders = "parts" if named and not others and several else "classes"
    if folders == "classes":
        return {"train": folder}
    _check_named(folder, named)
    left_out.folders += [path.name for path in others]
    return {part: path for part in ORDER for path, its in named.items() if its == part}


def _check_clear(folder: Path, named: Mapping[Path, str], others: list[Path]) -> None:
    """Refuse folders that may be parts or classes."""
    inside = subfolders(folder)
    held = {path: tuple(each.name for each in subfolders(path)) for path in inside}
    same = len(inside) > 1 and len(set(held.values())) == 1 and len(held[inside[0]]) > 1
    if same and not named:
        received = (
            f"nothing, for folders {_names(inside)} that each hold {shortened(held[inside[0]])}"
        )
        wanted = f'"classes" ({_names(inside)}), or parts by the names train, validation and test'
        raise refusal("folders", received, wanted)
    of_classes = [path for path in named if len(held[path]) > 1]
    if others and (of_classes or len(set(named.values())) > 1):
        names, beside = _names(named), _names(others)
        stand = "stand" if len(named) > 1 else "stands"
        received = f"nothing, for {folder.name}, where {names} {stand} beside {beside}"
        wanted = f'"parts" ({names}; without {beside}) or "classes" ({_names(inside)})'
        raise refusal("folders", received, wanted)


def _check_named(folder: Path, named: Mapping[Path, str]) -> None:
    """Refuse parts without a training set, and two folders for the same part."""
    counts = Counter(named.values())
    twice = [path for path, part in named.items() if counts[part] > 1]
    if twice:
        raise refusal("source", f"{_names(twice)} in {folder.name}", "one folder for each part")
    if "train" not in counts:
        received = f"{folder.name} with {_names(subfolders(folder)) or 'no folders'}"
        raise refusal("source", received, "a folder of the training set, such as train")


def _names(paths: Iterable[Path]) -> str:
    return shortened(path.name for path in paths)


def subfolders(folder: Path) -> list[Path]:
    """Return the folders in a folder, without hidden ones."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not is_hidden(path.name))


def is_hidden(name: str) -> bool:
    """Return True for a hidden file or folder, and for one that programs make beside others."""
    return name.startswith(".") or name.lower() in FOREIGN


def _classes(folder: Path, kind: Kind) -> tuple[str, ...]:
    inside = subfolders(folder)
    if len(inside) >= 2:
        names = tuple(path.name for path in inside)
        _refuse_alike(names, folder)
        return names
    received = f"{folder.name} with " + (
        f"one folder ({_names(inside)})" if inside else "no folders"
    )
    deeper = inside and len(subfolders(inside[0])) > 1
    meant = f'; did you mean its folder "{inside[0].name}"?' if deeper else ""
    raise refusal(
        "source", received, f"a folder of {kind.name} for each of two classes or more{meant}"
    )


def _refuse_alike(names: tuple[str, ...], folder: Path) -> None:
    """Refuse folders whose names look the same."""
    counts = Counter(map(unicode_form.composed, names))
    if twice := [name for name, count in counts.items() if count > 1]:
        received = f"two folders called {shortened(twice)}, in two Unicode forms, in {folder.name}"
        raise refusal("source", received, "one folder for each class")


def _check_classes(parts: Mapping[str, Path], classes: tuple[str, ...]) -> None:
    """Refuse classes that only some of the parts have."""
    problems = []
    for part in parts.values():
        names = [path.name for path in subfolders(part)]
        strange = [name for name in names if name not in classes]
        missing = [name for name in classes if name not in names]
        if strange:
            wanted = f"the classes of the training set: {shortened(classes)}"
            problems.append(
                problem("source", f"class {shortened(strange)} only in {part.name}", wanted)
            )
        if missing:
            received = f"{part.name} without a folder {shortened(missing)}"
            alone = "" if names else f"; or the folder {parts['train'].name} alone as source"
            wanted = f"every class of the training set: {shortened(classes)}{alone}"
            problems.append(problem("source", received, wanted))
    if problems:
        raise DataError(problems)


def _check_files(
    parts: Mapping[str, Path],
    classes: tuple[str, ...],
    found: Mapping[str, list[tuple[Path, int]]],
    kind: Kind,
    meant: str,
) -> None:
    """Refuse classes without files."""
    problems = []
    for name, part in parts.items():
        present = {number for _, number in found[name]}
        empty = [each for number, each in enumerate(classes) if number not in present]
        if empty:
            received = f"no {kind.name} in {part.name}/{shortened(empty)}"
            expected = f"some of {', '.join(kind.suffixes)}{meant}"
            problems.append(problem("source", received, expected))
    if problems:
        raise DataError(problems)


def _listed(
    part: Path, source: Path, classes: tuple[str, ...], left_out: LeftOut, kind: Kind
) -> list[tuple[Path, int]]:
    """Return all files of a part and their class numbers, sorted by class."""
    return [
        (path, number)
        for number, name in enumerate(classes)
        for path in sorted(_files(part / name, source, left_out, kind))
    ]


def _files(folder: Path, source: Path, left_out: LeftOut, kind: Kind) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        here = Path(place)
        for name in sorted(folders):
            if is_hidden(name):
                left_out.hidden.update(_all_files(here / name, source))
            elif (here / name).is_symlink():
                left_out.links.append(str((here / name).relative_to(source)))
        folders[:] = [name for name in folders if not is_hidden(name)]
        for name in sorted(files):
            path = here / name
            if is_hidden(name):
                left_out.hidden[str(here.relative_to(source))] += 1
            elif path.suffix.lower() in kind.suffixes:
                yield path
            else:
                left_out.add_other(path.relative_to(source))


def _all_files(folder: Path, source: Path) -> Counter[str]:
    """Return the number of all files in a hidden folder and below it, by the folder's name."""
    count = sum(len(files) for _, _, files in os.walk(folder))
    return Counter({str(folder.relative_to(source)): count})


def _outside(source: Path, parts: list[Path], left_out: LeftOut, kind: Kind) -> None:
    """Note what lies beside the folders of classes and parts."""
    for folder in dict.fromkeys([source, *parts]):
        for path in sorted(folder.iterdir()):
            if path.is_dir() and is_hidden(path.name):
                left_out.hidden.update(_all_files(path, source))
            elif not path.is_dir() and is_hidden(path.name):
                left_out.hidden[str(folder.relative_to(source))] += 1
            elif not path.is_dir() and path.suffix.lower() in kind.suffixes:
                left_out.outside.append(str(path.relative_to(source)))
            elif not path.is_dir():
                left_out.add_other(path.relative_to(source))
