"""The command `best`: show a study's best trial and export its model."""

from __future__ import annotations

import json
from collections.abc import Sequence
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
) -> None:
    """Show the best trial, its proof and its test scores; with --export, copy its model."""
    found, converted = read(
        name, storage or default_url(), export, forms or [], again=again, trial=trial
    )
    if as_json:
        told = {"formats": converted} if converted else {}
        print(json.dumps({**winner.to_json(found), **told}, indent=2))
    else:
        say(*best_text.shown(found), *map(_line, converted))
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
            from studyhall.search.cli import lifecycle  # imports the training modules: slow

            lifecycle.finish(db, study, url, again=again, number=trial)
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


def _line(made: dict[str, Any]) -> str:
    same = f"{made['samples']} validation samples predicted as by the model"
    return f"{made['format']}  {made['path']}: {same}, to {made['difference']:.1e}"
