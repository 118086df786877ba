"""The study file of a `studyhall.Study`: its arguments under the keys that a file has."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from studyhall.search.api import data_file, notation
from studyhall.search.process import handover
from studyhall.search.study import inspection
from studyhall.search.study_file import config, toml_writer
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.sections import StudyFile, StudySection
from studyhall.spaces.failures import UserCodeError

CODE = {"training": ("loss", "metrics", "callbacks"), "study": ("objective",)}
OF_CALL = ("name", "storage", "trials")  # keys of [study] that a call sets
OF_OWN_CODE = ("checkpoint_every_epochs", "checkpoint_every_s")  # keys of [training] that it lacks
UNREAD = "data.npz"  # stands for the source until everything else is known to be right

Tables = Mapping[str, Mapping[str, Any]]


def merged(*parts: Tables) -> dict[str, dict[str, Any]]:
    """Return tables with the keys of all parts, of which the later ones count; None is no value."""
    found: dict[str, dict[str, Any]] = {}
    for part in parts:
        for table, keys in part.items():
            given = {key: notation.plain(value) for key, value in keys.items() if value is not None}
            found.setdefault(table, {}).update(given)
    return found


def check_tables(name: str, given: Mapping[str, Any]) -> None:
    """Check that what is to be tables of a study file are dictionaries.

    Args:
        name: the study's name.
        given: the arguments, by the names of the tables; None is no value.

    Raises:
        ConfigError: they are not; a line for each.
    """
    problems = [
        f"{name}: {table}: received {notation.shortened(keys)}, expected a dictionary: the table "
        f"[{table}] of a study file"
        for table, keys in given.items()
        if keys is not None and not isinstance(keys, Mapping)
    ]
    if problems:
        raise ConfigError(problems)


def checked(name: str, tables: Mapping[str, Any]) -> StudyFile:
    """Return tables as a study file, without those that are empty.

    Raises:
        ConfigError: they have mistakes, all of which are listed, headed by the study's name.
    """
    return config.from_dict({key: value for key, value in tables.items() if value}, name)


def handed(tables: Tables, family: Any) -> tuple[Tables, dict[str, Any]]:
    """Return tables that name functions, classes and objects, and these by their names.

    Args:
        tables: tables, in which functions, losses, metrics and their classes may stand as they are.
        family: what builds the models, as `studyhall.Study` takes it.
    """
    training, study = tables.get("training", {}), tables.get("study", {})
    listed = [family, training.get("loss"), *_listed(training.get("metrics"))]
    listed += [*_listed(study.get("objective")), training.get("callbacks")]
    things = handover.named([each for each in listed if _is_thing(each)], {})
    names = {id(thing): name for name, thing in things.items()}

    def named(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [named(each) for each in value]
        return names.get(id(value), value)

    model = family if isinstance(family, Mapping) else {"family": named(family)}
    found = merged(tables, {"model": dict(model)})
    for table, keys in CODE.items():
        written = found.get(table, {})
        written.update({key: named(written[key]) for key in keys if key in written})
    return found, things


def _listed(value: Any) -> list[Any]:
    return [*value] if isinstance(value, list | tuple) else [value]


def _is_thing(value: Any) -> bool:
    """Return True for what a study file can't hold: a function, a class, an object of Keras'."""
    return callable(value) or any(
        hasattr(value, method) for method in ("update_state", "get_config")
    )


def study_file(
    name: str,
    tables: Tables,
    space: Mapping[str, Any] | None,
    data: Any,
    fixed: Sequence[Mapping[str, Any]],
    trials: int | None,
) -> StudyFile:
    """Return the study file of a study that Python describes.

    Args:
        name: the study's name.
        tables: its tables, but for space, data and fixed trials.
        space: the space in Python's notation.
        data: as `data_file.source` takes it, or a table ``[data]`` with such a source.
        fixed: fixed trials.
        trials: number of trials; None for that of the tables.

    Raises:
        ConfigError: there are mistakes, all of which are listed.
        ArtifactError: the file of the data can't be written.
    """
    about = data if isinstance(data, Mapping) else {"source": data}
    known = merged(tables, {"study": {"trials": trials}})
    written = notation.space({} if space is None else space, name)
    rest = {"space": written, "trials": notation.tables(fixed, name)}
    checked(name, {**merged(known, {"data": {**about, "source": UNREAD}}), **rest})
    artifacts = known["study"].get("artifacts", StudySection.model_fields["artifacts"].default)
    source = data_file.source(about.get("source"), artifacts, name)
    return checked(name, {**merged(known, {"data": {**about, "source": source}}), **rest})


def of_own_code(name: str, given: Mapping[str, Any], method: str) -> dict[str, dict[str, Any]]:
    """Return the keys that a study may have whose trials code of the user's runs.

    Args:
        name: the study's name.
        given: tables with the keys that are given.
        method: the method that is called, for messages.

    Raises:
        ConfigError: there are keys that only that code can say; all of them are listed.
    """
    tables = {table: dict(given[table]) for table in ("study", "training", "search", "workers")}
    refused = {table: keys for table, keys in given.items() if table not in tables}
    refused["training"] = {key: ... for key in tables["training"] if key not in OF_OWN_CODE}
    refused["study"] = {key: ... for key in ("objective", "direction") if key in tables["study"]}
    problems = [
        f"{name}: [{table}] {key}: received a value, {_expected(key, method)}"
        for table, keys in refused.items()
        for key in (keys if isinstance(keys, Mapping) else ["[trials]"] * bool(keys))
    ]
    if problems:
        raise ConfigError(problems)
    kept = {key: value for key, value in tables["study"].items() if key not in OF_CALL}
    return {**tables, "study": kept}


def _expected(key: str, method: str) -> str:
    if key == "direction" or (key == "objective" and method == "search"):
        return f"expected it in the call: {method}(…, {key}=…)"
    return f"expected none: {method}() takes it from your code"


@contextlib.contextmanager
def as_path(file: StudyFile, folder: Path) -> Iterator[Path]:
    """Give a study file a path, at which it lies where another process must read it.

    Messages name the study instead of that file.

    Args:
        file: the study file.
        folder: the folder that its paths start from.
    """
    if not inspection.is_inspected_apart(file):
        yield folder / file.study.name
        return
    with tempfile.NamedTemporaryFile(
        "w", prefix=f".{file.study.name}-", suffix=".toml", dir=folder, encoding="utf-8"
    ) as written:
        written.write(toml_writer.text(config.to_dict(file)))
        written.flush()
        path = Path(written.name)
        try:
            yield path
        except ConfigError as error:
            named = [line.replace(path.name, file.study.name) for line in error.problems]
            raise ConfigError(named) from error.__cause__
        except UserCodeError as error:
            said = str(error).replace(path.name, file.study.name)
            raise type(error)(said) from error.__cause__
