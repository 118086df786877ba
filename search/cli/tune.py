"""The command `tune`: a study of data without a study file, which it writes itself."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from studyhall.search.cli import launch
from studyhall.search.cli.options import Gpus, PerGpu, QuietFlag, Storage, Workers, finite
from studyhall.search.data.sources import table_patterns
from studyhall.search.display import tables
from studyhall.search.display.terminal import say
from studyhall.search.launcher import places
from studyhall.search.process import wire
from studyhall.search.study import chosen_backend, inspection, proposal
from studyhall.search.study.proposal import Budget, Proposal
from studyhall.search.study_file import config, study_names, toml_reader
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.sections import StudyFile
from studyhall.spaces import spelling
from studyhall.spaces.failures import UserCodeError

HERE = "studyhall tune"  # in messages, in place of a study file's name
KEY = re.compile(rf"^({HERE}: )\[data\] (\w+)", re.MULTILINE)
OPTIONS = {"source": "SOURCE", "target": "--target", "query": "--query"}
ENDINGS = re.compile(r"(\.(csv|tsv|txt|xlsx|npz|parquet|feather|gz|db|sqlite3?))+$", re.IGNORECASE)


def tune(
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help=r"The data: anything that \[data] source takes."),
    ],
    target: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column of a table to predict.")
    ] = None,
    query: Annotated[
        str | None, typer.Option(metavar="SELECT", help="The rows to read from a database.")
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(min=0.01, callback=finite, help="Time of the search; default: 10."),
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(min=1, help="Trials in all; default: 10 for each minute, at least 20."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The study's name; default: that of source and target.")
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help=r"A further key of \[data]; may be repeated."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show data and study file; write and run nothing.")
    ] = False,
    workers: Workers = None,
    gpus: Gpus = None,
    per_gpu: PerGpu = None,
    storage: Storage = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The study's seed.")] = None,
    silent: QuietFlag = False,
) -> None:
    """Search on the data SOURCE without a study file: write one, NAME.toml, and launch it."""
    given = {"trials": trials, "seed": seed, "storage": storage}
    path, file, proposed = prepared(
        _keys({"source": source, "target": target, "query": query}, data or []),
        name,
        minutes,
        given,
    )
    if dry_run:
        _show(path, proposed)
        return
    code = launch.run_file(
        file,
        path,
        places.given(workers, gpus, per_gpu),
        quiet=silent,
        found=None if proposed is None else proposed.found,
        opened=lambda: write(path, file, proposed),
    )
    raise typer.Exit(code)


def prepared(
    keys: Mapping[str, Any], name: str | None, minutes: float | None, given: Mapping[str, Any]
) -> tuple[Path, StudyFile, Proposal | None]:
    """Return the path of the study file, its content, and how it came about if it is a new one.

    Args:
        keys: of ``[data]``.
        name: the study's name; None: made of source and target.
        minutes: time of the search; None: as in the file, else 10.
        given: trials, seed and storage; None where they are not given.

    Raises:
        ConfigError, UserCodeError: the data can't be used, or the file is about others.
    """
    path = Path.cwd() / f"{_name(name, keys)}.toml"
    known = {key: value for key, value in given.items() if value is not None}
    if path.exists():
        hours = {} if minutes is None else {"hours": proposal.hours(minutes)}
        return path, _continued(path, keys, {**known, **hours}), None
    budget = Budget(minutes or proposal.MINUTES, given["trials"], given["seed"] or 0)
    proposed = _proposed(path, keys, budget)
    return (
        path,
        config.overridden(config.parse(proposed.text, path.name), {"study": known}),
        proposed,
    )


def _keys(given: Mapping[str, Any], written: list[str]) -> dict[str, Any]:
    """Return the keys of ``[data]`` that the command line gives.

    Raises:
        ConfigError: an option does not have the form KEY=VALUE, or names a key again.
    """
    keys: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    problems = []
    for each in written:
        key, equals, value = each.partition("=")
        table, dot, inner = key.strip().partition(".")
        inside = keys.setdefault(table, {}) if dot else keys
        name = inner if dot else table
        if not (table and name and equals) or not isinstance(inside, dict) or name in inside:
            expected = "expected KEY=VALUE, each key once"
            problems.append(f"{HERE}: --data: received {each!r}, {expected}")
        else:
            inside[name] = _value(value)
    if problems:
        raise ConfigError(problems)
    return keys


def _value(written: str) -> Any:
    """Return a value in TOML's notation; anything else is text, without quotes."""
    try:
        return toml_reader.parsed(f"value = {written}")["value"]
    except (ValueError, KeyError):
        return written.strip()


def _name(given: str | None, keys: Mapping[str, Any]) -> str:
    """Return the study's name: as given, else made of the source's and the target's."""
    if given is not None:
        proposal.bare(given, {"source": "-"}, Budget(), HERE)  # refuses a name that is none
        return given
    stem, target = _stem(str(keys["source"])), keys.get("target")
    return study_names.legal(f"{stem}-{target}" if target else stem)


def _stem(source: str) -> str:
    """Return what a source is called: its last folder or file, its database, its data set."""
    collection = re.fullmatch(r"(sklearn|keras):(\w+).*", source, re.DOTALL)
    if collection:
        return collection[2]
    path = source.partition(".py:")[0].partition("://")
    parts = [
        part for part in (path[2] or path[0]).split("/") if not table_patterns.WILD.search(part)
    ]
    named = [part for part in parts if part not in ("", ".", "..")]
    return ENDINGS.sub("", named[-1]) if named else "data"


def _continued(path: Path, keys: Mapping[str, Any], study: Mapping[str, Any]) -> StudyFile:
    """Return the study file that an earlier call has written, with what the options change.

    Raises:
        ConfigError: it has mistakes, or is about other data.
    """
    file = config.load(path, {"study": study})
    about = file.data.model_dump(mode="json")
    other = [key for key, value in keys.items() if about.get(key) != _as_stored(value)]
    if other:
        found = ", ".join(f"{key} = {spelling.as_toml(about.get(key) or '')}" for key in other)
        wanted = ", ".join(f"{key} = {spelling.as_toml(keys[key])}" for key in other)
        received = f"received a file with {found}, expected {wanted}, or another --name"
        raise ConfigError([f"{path.name}: [data]: {received}"])
    return file


def _as_stored(value: Any) -> Any:
    return [*value] if isinstance(value, list | tuple) else value


def _proposed(path: Path, keys: Mapping[str, Any], budget: Budget) -> Proposal:
    """Return a study file for the data.

    Raises:
        ConfigError, UserCodeError: they can't be used; keys are named as the options are.
    """
    if not os.access(path.parent, os.W_OK):
        raise ConfigError([f"{path}: received a folder that can't be written to, expected another"])
    try:
        file = proposal.bare(path.stem, keys, budget, HERE)
        where = path.with_name(HERE)
        if inspection.needs_keras(file):
            return _apart(file, where, budget)
        chosen_backend.of_file(file, where)
        inspection.glance(file, where)
        return proposal.of_data(file, where, budget)
    except ConfigError as error:
        raise ConfigError([_by_option(line) for line in error.problems]) from error.__cause__
    except UserCodeError as error:
        error.args = (_by_option(str(error)),)
        raise


def _apart(file: StudyFile, where: Path, budget: Budget) -> Proposal:
    """Read the data in a process of its own, as only Keras, or code that imports it, can."""
    inspection.glance(file, where)
    answer = wire.answer(
        "propose", file.model_dump_json(exclude_unset=True), str(where), *_words(budget)
    )
    if answer.returncode == 0:
        return proposal.from_json(answer.stdout.splitlines()[-1])
    if answer.returncode == 2:
        raise ConfigError(answer.stderr.strip().splitlines())
    raise RuntimeError(answer.stderr)


def _words(budget: Budget) -> list[str]:
    trials = [] if budget.trials is None else ["--trials", str(budget.trials)]
    return ["--minutes", repr(budget.minutes), "--seed", str(budget.seed), *trials]


def _by_option(line: str) -> str:
    """Return a message in which keys of ``[data]`` are called as the command line has them."""
    first = KEY.sub(lambda found: found[1] + OPTIONS.get(found[2], f"--data {found[2]}"), line)
    return first.replace("a [data] query", "a --query")


def _show(path: Path, proposed: Proposal | None) -> None:
    """Show what the data are, and the file that would be written."""
    if proposed is None:
        say(f"{path.name} is there; next: studyhall check {quote(path.name)}")
        return
    say(tables.table((), proposed.about, title="data"))
    for note in proposed.found.about.get("notes", []):
        say(f"data: {note}")
    say(f"{path.name} would be:", "", *proposed.text.splitlines())


def write(path: Path, file: StudyFile, proposed: Proposal | None) -> None:
    """Write a proposed file, never over another one."""
    if proposed is None:
        return
    try:
        with path.open("x", encoding="utf-8") as opened:
            opened.write(proposed.text)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError([f"{path}: received {reason}, expected a new, writable file"]) from error
    about = dict(proposed.about)
    say(f"{path.name} written: {about['task']}; {proposal.sentence(file)}")
