"""Sources that are folders of texts: .txt files in a folder per class, in parts or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from studyhall.search.data import memory_share
from studyhall.search.data.arrays import Arrays
from studyhall.search.data.errors import DataError, problem, shortened
from studyhall.search.data.sources import class_folders, decoding
from studyhall.search.data.texts import Texts

NAMED = 5  # refused files listed in a message; the rest is counted


def read(folder: Path, folders: str = "auto") -> Arrays:
    """Read texts (N,) and their class numbers (N,).

    Args:
        folder: contains a subfolder per class, or training, test and validation set with these.
        folders: what its subfolders are: "classes", "parts" or "auto".

    Raises:
        DataError: the folder's structure is not clear, files can't be decoded, or take more
            memory than data may.
    """
    found = class_folders.find(folder, folders, class_folders.TEXTS)
    listed = [path for part in found.files.values() for path, _ in part]
    memory_share.check(sum(path.stat().st_size for path in listed), folder.name, "texts")
    texts, start, pairs = _decoded(listed, folder), 0, {}
    for name, part in found.files.items():
        stop = start + len(part)
        pairs[name] = texts[start:stop], np.array([number for _, number in part])
        start = stop
    return Arrays(
        *pairs["train"],
        pairs.get("validation"),
        pairs.get("test"),
        classes=found.classes,
        notes=(*found.left_out.notes(),),
    )


def all_of(listed: list[Path], folder: Path) -> tuple[Texts, dict[str, list[str]]]:
    """Return the texts of files, and the names of those that can't be decoded by the reason."""
    texts, refused = np.full(len(listed), "", object), dict[str, list[str]]()
    for number, path in enumerate(listed):
        try:
            texts[number] = decoding.text_of(path.read_bytes())
        except decoding.DecodingError as error:
            refused.setdefault(str(error), []).append(str(path.relative_to(folder)))
    return texts, refused


def _decoded(listed: list[Path], folder: Path) -> Texts:
    texts, refused = all_of(listed, folder)
    if refused:
        raise DataError(_problems(refused))
    return texts


def _problems(refused: dict[str, list[str]]) -> Iterator[str]:
    for reason, names in refused.items():
        yield problem("source", f"{reason}: {shortened(names, NAMED)}", decoding.EXPECTED[reason])
