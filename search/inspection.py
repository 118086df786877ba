"""What a study file names, looked at before anything is written: its data and the user's code."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from search import losses
from search.config import ConfigError
from search.data_error import DataError
from search.sections import StudyFile

OWN_FILE = ".py:"


@dataclass(frozen=True)
class Inspection:
    """What a worker on another machine must find again.

    Attributes:
        data: fingerprint of the arrays and their split (SHA-256, hex).
        code: SHA-256 (hex) of each file of the user's own code, by its name in the study file.
    """

    data: str
    code: dict[str, str]


def inspect(file: StudyFile, folder: Path) -> Inspection:
    """Load the data and the user's functions in this process.

    Raises:
        ConfigError: a loss or a metric doesn't fit the targets.
        DataError: the data can't be used.
        UserCodeError: a function of the user can't be used.
    """
    from search import data  # scikit-learn takes a second that questions need not wait for

    loaded = data.load(file.data, seed=file.study.seed, folder=folder)
    if misfits := losses.problems(file.training.loss, file.training.metrics, loaded.task):
        raise ConfigError(misfits)
    if OWN_FILE in file.model.family:
        from spaces import user_code

        user_code.load(file.model.family, folder, ("trial", "input_shape", "outputs"))
    return Inspection(loaded.fingerprint, code_fingerprints(file, folder))


def code_fingerprints(file: StudyFile, folder: Path) -> dict[str, str]:
    """SHA-256 of each file of the user's code that the study file names."""
    named = [file.data.source, file.model.family]
    paths = sorted({name.rpartition(":")[0] for name in named if OWN_FILE in name})
    return {path: hashlib.sha256((folder / path).read_bytes()).hexdigest() for path in paths}


def inspect_apart(file: StudyFile, path: Path) -> Inspection:
    """Do the same, in a process of its own where it would import TensorFlow.

    The user's code imports Keras as a rule, and a launcher must not: it would hold a GPU's
    memory that its workers need.

    Raises:
        ConfigError: with the lines that the other process printed.
        DataError: the data can't be used.
    """
    if not any(OWN_FILE in name for name in (file.data.source, file.model.family)):
        return inspect(file, path.parent)
    command = [sys.executable, "-P", "-m", "search", "inspect", str(path)]
    command += ["--seed", str(file.study.seed)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode == 0:
        return Inspection(**json.loads(answer.stdout.splitlines()[-1]))
    if answer.returncode == 2:
        raise ConfigError(answer.stderr.strip().splitlines())
    raise RuntimeError(answer.stderr)


def to_json(found: Inspection) -> str:
    """One line, for `inspect_apart`."""
    return json.dumps(asdict(found))


def differing(stored: Inspection, found: Inspection) -> list[str]:
    """What a worker has that is not what the study was begun with, a line each."""
    lines = [
        f"{name}: received a file with SHA-256 {found.code.get(name, 'none')[:12]}, "
        f"expected {expected[:12]}, with which the study began"
        for name, expected in stored.code.items()
        if found.code.get(name) != expected
    ]
    if found.data != stored.data:
        lines.append(
            f"[data] source: received data with fingerprint {found.data[:12]}, "
            f"expected {stored.data[:12]}, with which the study began"
        )
    return lines


__all__ = [
    "DataError",
    "Inspection",
    "code_fingerprints",
    "differing",
    "inspect",
    "inspect_apart",
    "to_json",
]
