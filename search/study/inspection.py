"""What a study file names, looked at before anything is written: its data and the user's code."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studyhall.search.data import places
from studyhall.search.data.errors import DataError
from studyhall.search.process import keras_settings, wire
from studyhall.search.study import repeated
from studyhall.search.study_file import losses, objectives
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.sections import StudyFile
from studyhall.spaces import user_code
from studyhall.spaces.failures import UserCodeError

if TYPE_CHECKING:
    from studyhall.search.data.loading import Data

OWN_FILE = ".py:"
KERAS = "keras:"
BUILDS_FROM = ("trial", "input_shape", "outputs")  # what the user's builder is called with


@dataclass(frozen=True)
class Inspection:
    """What a worker on another machine must find again.

    Attributes:
        data: fingerprint of the arrays and their split (SHA-256, hex).
        code: SHA-256 (hex) of each file of the user's own code, by its name in the study file.
        about: sizes of the data and what guessing gets on them, for the verdicts on trials.
    """

    data: str
    code: dict[str, str]
    about: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class NamedFunction:
    """A function of the user's that a study file names: where, how, and what it should be."""

    key: str
    reference: str
    expected: str


def glance(file: StudyFile, path: Path) -> None:
    """See that data and code are there, before anything is imported that takes long.

    Raises:
        ConfigError, UserCodeError: as `inspect`.
    """
    if OWN_FILE in file.model.family:
        with naming(path.name, builder(file)):
            user_code.find(file.model.family, path.parent, BUILDS_FROM)
    with naming(path.name, _own_data(file)):
        places.check(file.data.source, path.parent)


def needs_tensorflow(file: StudyFile) -> bool:
    """Whether its data can't be read without: the user's code imports it, as a rule."""
    return OWN_FILE in file.data.source or file.data.source.startswith(KERAS)


def inspect(
    file: StudyFile,
    path: Path,
    *,
    once: bool = False,
    tried: Callable[[StudyFile, Data, Path], None] | None = None,
    loaded: Data | None = None,
) -> Inspection:
    """Load the data and the user's functions in this process.

    Args:
        file: the study file, checked.
        path: where it lies.
        once: don't see whether a function of the user's returns the same data again.
        tried: is given the data and the folder, where the builder is the user's.
        loaded: the data, where they have been loaded.

    Raises:
        ConfigError: the data can't be used, or a loss or a metric doesn't fit them.
        UserCodeError: a function of the user can't be used.
    """
    own = OWN_FILE in file.model.family
    glance(file, path)
    loaded = loaded or load(file, path, once=once)
    if own:
        with naming(path.name, builder(file)):
            user_code.load(file.model.family, path.parent, BUILDS_FROM)
            keras_settings.check_code(path.parent / file.model.family.rpartition(":")[0])
            if tried is not None:
                tried(file, loaded, path.parent)
    from studyhall.search.data import baseline

    known = baseline.about(loaded, file.training.loss)
    return Inspection(loaded.fingerprint, code_fingerprints(file, path.parent), known)


def load(file: StudyFile, path: Path, *, once: bool = False) -> Data:
    """The data of a study file, with losses and metrics that fit them; see `inspect`.

    Raises:
        ConfigError, UserCodeError: as `inspect`.
    """
    from studyhall.search.data import (
        loading,  # scikit-learn takes a second that questions need not wait for
    )

    with naming(path.name, _own_data(file)):
        began = time.monotonic()
        loaded = loading.of_file(file, path.parent, file.study.seed)
        if OWN_FILE in file.data.source and not once:
            repeated.check(file, path, loaded, time.monotonic() - began)
        chosen, named = file.training, objectives.of_file(dict(file.study))
        if file.model.is_own and loaded.train.y.ndim > 1:  # what they mean its code knows
            named = []
        if misfits := losses.problems(chosen.loss, chosen.metrics, loaded.task, named):
            raise ConfigError(misfits)
    return loaded


def load_early(file: StudyFile, path: Path) -> Data | None:
    """The data where TensorFlow need not be there, so that what is wrong is said at once.

    Raises:
        ConfigError: as `inspect`.
    """
    return None if needs_tensorflow(file) else load(file, path)


@contextmanager
def naming(name: str, own: NamedFunction) -> Iterator[None]:
    """Put the study file's name in front of each mistake, and the key where user code fails."""
    try:
        yield
    except (ConfigError, DataError) as error:
        raise ConfigError([f"{name}: {problem}" for problem in error.problems]) from error
    except UserCodeError as error:
        line = f'{own.key}: received "{own.reference}" ({error}), expected {own.expected}'
        raise UserCodeError(f"{name}: {line}") from error.__cause__


def builder(file: StudyFile) -> NamedFunction:
    """The user's builder, as `naming` tells of it."""
    takes = ", ".join(BUILDS_FROM)
    return NamedFunction(
        "[model] family", file.model.family, f"a function ({takes}) -> keras.Model"
    )


def _own_data(file: StudyFile) -> NamedFunction:
    return NamedFunction("[data] source", file.data.source, "a function () that returns the data")


def code_fingerprints(file: StudyFile, folder: Path) -> dict[str, str]:
    """SHA-256 of each file of the user's code that the study file names."""
    named = [file.data.source, file.model.family]
    paths = sorted({name.rpartition(":")[0] for name in named if OWN_FILE in name})
    return {path: hashlib.sha256((folder / path).read_bytes()).hexdigest() for path in paths}


def inspect_apart(file: StudyFile, path: Path) -> Inspection:
    """Do the same, in a process of its own where it would import TensorFlow.

    The user's code and Keras' own data sets import it, and a launcher must not: it would hold a
    GPU's memory that its workers need.

    Raises:
        ConfigError: as `inspect`, or with the lines that the other process printed.
    """
    if not needs_tensorflow(file) and OWN_FILE not in file.model.family:
        return inspect(file, path)
    answer = wire.answer("inspect", str(path), "--seed", str(file.study.seed))
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
        same = " (a function must return the same each time)" if found.code == stored.code else ""
        lines.append(
            f"[data] source: received data with fingerprint {found.data[:12]}, "
            f"expected {stored.data[:12]}, with which the study began{same if found.code else ''}"
        )
    return lines
