"""The command `best`: show a study's best trial and export its model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from studyhall.search.cli.options import Again, AsJson, Name, Storage, find, writing
from studyhall.search.display.terminal import remark, say
from studyhall.search.evaluation import best as winner
from studyhall.search.evaluation import best_text, exported_files, formats
from studyhall.search.evaluation.best import Best
from studyhall.search.evaluation.proof_result import NOT_PROVEN
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.database import Database
from studyhall.storage.database.urls import default_url


def best(
    name: Name,
    storage: Storage = None,
    as_json: AsJson = False,
    export: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER|FILE",
            help="Copy the model and its card to this folder, or the model alone to this file.",
        ),
    ] = None,
    forms: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="keras|savedmodel|onnx|litert",
            help="A format to export, which may be given several times; default: keras.",
        ),
    ] = None,
    again: Again = False,
    trial: Annotated[
        int | None, typer.Option(min=0, help="Use this trial instead of the best.")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Show all: verdict, scores per class, baselines.")
    ] = False,
) -> None:
    """Show the best trial, its proof and its test scores; with --export, copy its model."""
    found, converted = read(
        name, storage or default_url(), export, forms or [], again=again, trial=trial
    )
    written = [] if export is None or found.failed else _files(found, export, forms or [])
    if as_json:
        told: dict[str, Any] = {"formats": converted} if converted else {}
        if written:
            told["exported"] = [{"path": str(path), "bytes": size} for path, size in written]
        print(json.dumps({**winner.to_json(found), **told}, indent=2))
    else:
        say(*best_text.shown(found, full=full), *map(_line, converted), *_exported(written))
    raise typer.Exit(NOT_PROVEN if found.failed else 0)


def read(
    name: str,
    url: str,
    export: Path | None = None,
    forms: Sequence[str] = (),
    *,
    again: bool = False,
    trial: int | None = None,
) -> tuple[Best, list[dict[str, Any]]]:
    """Return the best trial, and what came of its conversions into other formats.

    Args:
        name: the study's name.
        url: URL of the database.
        export: folder or file that its model is copied to, once it is proven; None: nowhere.
        forms: formats to export.
        again: prove it again and use the test set again.
        trial: number of a trial to use instead of the best.

    Raises:
        ConfigError: there is no such study or format, or the model can't be proven or written.
    """
    wanted = formats.chosen(export, forms)
    with closing(Database.open(url, create=False)) as db:
        study = find(db, name)
        if export is not None or again:
            from studyhall.search.cli import finishing  # imports the training modules: slow

            finishing.finish(db, study, url, again=again, number=trial)
        found = winner.read(db, study, trial)
    if export is None or found.failed:
        return found, []
    return found, _export(found, url, export, wanted, trial)


def _export(
    found: Best, url: str, export: Path, wanted: list[str], trial: int | None
) -> list[dict[str, Any]]:
    """Write the model in the wanted formats; return what is to be said of conversions."""
    is_file = export.suffix.lower() in formats.ENDINGS
    with writing(export):
        if is_file and wanted == [formats.KERAS]:
            exported_files.copy_model(found, export)
        elif not is_file:
            exported_files.copy(found, export, model=formats.KERAS in wanted)
    targets = {
        form: export if is_file else export / formats.FORMATS[form].file
        for form in wanted
        if form != formats.KERAS
    }
    if not targets:
        return []
    from studyhall.search.launcher import launch  # imports the training modules: slow

    remark("converting the model, and comparing its predictions in a fresh process …")
    answer = launch.convert(found.study, url, targets, number=trial)
    if answer.returncode == 2:
        raise ConfigError(answer.stderr.strip().splitlines()[-1:])  # after what converters say
    if answer.returncode != 0:
        raise RuntimeError(f"the model could not be converted:\n{answer.stderr}")
    return list(json.loads(answer.stdout.splitlines()[-1]))


def _files(found: Best, export: Path, forms: Sequence[str]) -> list[tuple[Path, int]]:
    """Return the files of ours that an export has written, and their sizes in bytes."""
    wanted = formats.chosen(export, forms)
    if export.suffix.lower() in formats.ENDINGS:
        paths = [export] if wanted == [formats.KERAS] else []
    else:
        names = found.files if formats.KERAS in wanted else winner.FILES[1:]
        paths = [export / name for name in names]
    return [(path, path.stat().st_size) for path in paths]


def _exported(written: Sequence[tuple[Path, int]]) -> Iterator[str]:
    """Yield a line for each file that an export has written."""
    yield from (f"exported {path.absolute()} ({_size(size)})" for path, size in written)


def _size(size: int) -> str:
    return f"{size / 1024:.1f} KiB" if size < 2**20 else f"{size / 2**20:.1f} MiB"


def _line(made: dict[str, Any]) -> str:
    same = f"{made['samples']} validation samples predicted as by the model"
    return f"{made['format']}  {made['path']}: {same}, to {made['difference']:.1e}"
