"""Fingerprints of a study's data and code, and what differs from those that it began with."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from studyhall.search.process import handover
from studyhall.search.study.imported_files import imported
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.sections import StudyFile

OWN_FILE = ".py:"
HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Inspection:
    """The fingerprints of data and code, which must be the same on every worker's machine.

    Attributes:
        data: fingerprint of the arrays and their split (SHA-256, hex).
        code: SHA-256 (hex) of each file of the user's own code, by its name in the study file.
        about: sizes and baseline losses of the data, from `baseline.about`, for the verdicts; what
            tells its streams from others; and ``notes``, sentences on what was left out, changed or
            found twice in the data.
    """

    data: str
    code: dict[str, str]
    about: dict[str, Any] = field(default_factory=dict)


def of_code(file: StudyFile, folder: Path) -> dict[str, str]:
    """Return the SHA-256 (hex) of each file of user code that the study file names or imports.

    And of the file of weights, if it has one.

    Files are named by their paths from the folder.
    """
    keys = {file.data.source: "[data] source", file.model.family: "[model] family"}
    keys |= {each.reference: each.key for each in file.own_code}
    named = {name.rpartition(":")[0] for name in keys if OWN_FILE in name}
    weights = {str(file.model.weights)} if file.model.has_file_of_weights else set()
    used = (os.path.relpath(path, folder) for name in named for path in imported(folder / name))
    handed = {
        name: _of_function(name, key) for name, key in keys.items() if handover.is_handed(name)
    }
    return handed | {
        path: hashlib.sha256((folder / path).read_bytes()).hexdigest()
        for path in sorted({*named, *used, *weights})
    }


def _of_function(name: str, key: str) -> str:
    """Return the fingerprint of a function that a Python program has, or has handed over."""
    try:
        return handover.fingerprint(name)
    except handover.NotHandedError as error:
        raise ConfigError([f"{key}: received {error}"]) from None


def differing(stored: Inspection, found: Inspection) -> list[str]:
    """Return a line for each difference between the study's data and code and those found now."""
    lines = [
        f"{name}: received {_kind(name)} with SHA-256 {found.code.get(name, 'none')[:12]}, "
        f"expected {expected[:12]}, with which the study began"
        for name, expected in stored.code.items()
        if found.code.get(name) != expected
    ]
    if found.data != stored.data:
        lines += _of_streams(stored, found)
    if found.data != stored.data and not _of_streams(stored, found):
        same = " (a function must always return the same data)" if found.code == stored.code else ""
        lines.append(
            f"[data] source: received data with fingerprint {found.data[:12]}, "
            f"expected {stored.data[:12]}, with which the study began{same if found.code else ''}"
        )
    return lines


def _of_streams(stored: Inspection, found: Inspection) -> list[str]:
    """Return a line for each fact by which the streams of a study differ from those found now."""
    before, now = (each.about.get("streams") or {} for each in (stored, found))
    return [
        f"[data] source: received a {part} stream with {fact} {_shown(now[part][fact])}, "
        f"expected {_shown(expected)}, with which the study began"
        for part in before
        if part in now
        for fact, expected in before[part].items()
        if now[part][fact] != expected
    ]


def _shown(fact: Any) -> str:
    text = "unknown" if fact is None else str(fact)
    return text[:12] if HASH.fullmatch(text) else text[:200]


def _kind(name: str) -> str:
    return "a function" if handover.is_handed(name) else "a file"
