"""Inspection of a study file's data and user code, before anything is written."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from studyhall.search.data.errors import DataError
from studyhall.search.data.sources import source_check
from studyhall.search.process import keras_settings, wire
from studyhall.search.study import extras, fingerprints, repeated
from studyhall.search.study.fingerprints import OWN_FILE, Inspection
from studyhall.search.study_file import losses, objectives, own_code
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.sections import StudyFile
from studyhall.spaces import builder_forms, user_code
from studyhall.spaces.failures import NamedCodeError, UnusableNamedError, UserCodeError

if TYPE_CHECKING:
    from studyhall.search.data.loading import Data

KERAS = "keras:"
LEAST_LOG_COSH = 0.03  # deviation of targets


@dataclass(frozen=True)
class NamedFunction:
    """A user's function in a study file: the key, its reference, and what it should be."""

    key: str
    reference: str
    expected: str


def glance(file: StudyFile, path: Path) -> None:
    """See that data and code are there, before anything is imported that takes long.

    Raises:
        ConfigError, UserCodeError: as `inspect`; or a package is missing that the file needs.
    """
    extras.check(file, path.name)
    if OWN_FILE in file.model.family:
        with naming(path.name, builder(file)):
            user_code.find_builder(file.model.family, path.parent)
    if problems := [*_unfindable(file, path)]:
        raise ConfigError(problems)
    with naming(path.name, _own_data(file)):
        source_check.check(file.data, path.parent)
        source_check.weights(file.model, path.parent)


def _unfindable(file: StudyFile, path: Path) -> Iterator[str]:
    """Yield a line for each loss, metric or callback of the user's that is not there."""
    for named in file.own_code:
        if OWN_FILE in named.reference:
            try:
                user_code.find_any(named.reference, path.parent, own_code.FORMS[named.role])
            except UserCodeError as error:
                yield f"{path.name}: {named.label.error(error)}"


def runs_own_code(file: StudyFile) -> bool:
    """Return True if the study file names code of the user's that only Keras can run."""
    return OWN_FILE in file.model.family or bool(file.own_code)


def needs_models(file: StudyFile) -> bool:
    """Return True if only a model can show whether the study file holds: it has code or weights."""
    return runs_own_code(file) or file.model.application is not None


def needs_keras(file: StudyFile) -> bool:
    """Return True if only Keras can read the data: code of the user's usually imports it."""
    return OWN_FILE in file.data.source or file.data.source.startswith(KERAS)


def inspect(
    file: StudyFile,
    path: Path,
    *,
    once: bool = False,
    tried: Callable[[StudyFile, Data, Path], None] | None = None,
    loaded: Data | None = None,
) -> Inspection:
    """Load and check the data and the user's functions in this process.

    Args:
        file: the study file, checked.
        path: the study file's path.
        once: skip the check that the user's function returns the same data each time.
        tried: called with file, data and folder if the user's own code builds or trains the model,
            to try it out.
        loaded: the data, if they have been loaded already.

    Raises:
        ConfigError: the data can't be used, or a loss or metric doesn't fit them.
        UserCodeError: a function of the user's can't be used.
    """
    glance(file, path)
    loaded = loaded or load(file, path, once=once)
    with naming(path.name, builder(file)):
        if OWN_FILE in file.model.family:
            user_code.load_builder(file.model.family, path.parent)
            keras_settings.check_code(path.parent / file.model.family.rpartition(":")[0])
        if needs_models(file) and tried is not None:
            tried(file, loaded, path.parent)
    from studyhall.search.data import baseline, duplicates  # the latter needs scikit-learn

    known = baseline.about(loaded, file.training.loss)
    known["notes"] = [*file.model.notes, *duplicates.notes(loaded)]
    return Inspection(loaded.fingerprint, fingerprints.of_code(file, path.parent), known)


def load(file: StudyFile, path: Path, *, once: bool = False) -> Data:
    """Load the data of a study file and check that losses and metrics fit them; see `inspect`.

    Raises:
        ConfigError, UserCodeError: as `inspect`.
    """
    from studyhall.search.data import loading

    with naming(path.name, _own_data(file)):
        began = time.monotonic()
        loaded = loading.of_file(file, path.parent, file.study.seed)
        if OWN_FILE in file.data.source and not once:
            repeated.check(file, path, loaded, time.monotonic() - began)
        chosen, named = file.training, objectives.of_file(dict(file.study))
        many = loaded.task != losses.AS_GIVEN and loaded.train.y.ndim > 1
        if file.model.is_own and many:  # only the user's code can interpret them
            named = []
        _check_log_cosh(chosen.loss, loaded)
        misfits = losses.problems(chosen.loss, chosen.metrics, loaded.task, named)
        if chosen.loss_weights and loaded.task != losses.AS_GIVEN:
            misfits.append("[training] loss_weights: received some for one target, expected none")
        if misfits:
            raise ConfigError(misfits)
    return loaded


def _check_log_cosh(loss: object, loaded: Data) -> None:
    """Refuse a loss that float32 can't compute for small differences: they vanish beside log 2."""
    if loss != "log_cosh" or loaded.task != "regression" or loaded.train.y.ndim > 2:
        return
    from studyhall.search.data import units

    deviation = units.fit(loaded.train.y).deviation.min()
    if deviation < LEAST_LOG_COSH:
        received = f'"log_cosh" for targets that differ by about {deviation:.1e}'
        raise ConfigError([f"[training] loss: received {received}, expected mean_squared_error"])


def load_early(file: StudyFile, path: Path) -> Data | None:
    """The data where Keras need not be there, so that what is wrong is said at once.

    Raises:
        ConfigError: as `inspect`.
    """
    return None if needs_keras(file) else load(file, path)


@contextmanager
def naming(name: str, own: NamedFunction) -> Iterator[None]:
    """Prefix each mistake with the study file's name, and errors of user code with the key too."""
    try:
        yield
    except (ConfigError, DataError) as error:
        raise ConfigError([f"{name}: {problem}" for problem in error.problems]) from error
    except NamedCodeError as error:
        kind = UnusableNamedError if isinstance(error, UnusableNamedError) else NamedCodeError
        raise kind(f"{name}: {error}") from error.__cause__
    except UserCodeError as error:
        line = f'{own.key}: received "{own.reference}" ({error}), expected {own.expected}'
        raise UserCodeError(f"{name}: {line}") from error.__cause__


def builder(file: StudyFile) -> NamedFunction:
    """Describe the user's builder, for `naming`."""
    return NamedFunction("[model] family", file.model.family, builder_forms.EXPECTED)


def _own_data(file: StudyFile) -> NamedFunction:
    return NamedFunction("[data] source", file.data.source, "a function () that returns the data")


def is_inspected_apart(file: StudyFile) -> bool:
    """Return True if inspecting a study file imports Keras, so that another process does it."""
    return needs_keras(file) or needs_models(file)


def inspect_apart(file: StudyFile, path: Path) -> Inspection:
    """Inspect as `inspect`, but in a subprocess if Keras and its backend would be imported.

    The user's code and Keras' data sets import them. The launcher must not: the backend would
    occupy GPU memory that its workers need.

    Raises:
        ConfigError: as `inspect`, or with the lines that the subprocess printed.
        RuntimeError: the subprocess failed by a bug; the message is its stderr.
    """
    if not is_inspected_apart(file):
        return inspect(file, path)
    answer = wire.answer("inspect", str(path), "--seed", str(file.study.seed))
    if answer.returncode == 0:
        return Inspection(**json.loads(answer.stdout.splitlines()[-1]))
    if answer.returncode == 2:  # a mistake of the user's, one per line
        raise ConfigError(answer.stderr.strip().splitlines())
    raise RuntimeError(answer.stderr)


def to_json(found: Inspection) -> str:
    """Return the inspection as one line of JSON, which `inspect_apart` reads."""
    return json.dumps(asdict(found))
