"""The command `predict`: apply a study's proven model to new data."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from studyhall.search.cli.options import Name, Storage, find_described, writing
from studyhall.search.display.terminal import remark, say, write
from studyhall.search.process import quiet
from studyhall.search.study import chosen_backend
from studyhall.spaces import spelling
from studyhall.storage.artifacts import atomic_files
from studyhall.storage.database import Database
from studyhall.storage.database.urls import default_url


def predict(
    name: Name,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="A table, several by a pattern, an .npz or .npy file, a folder of pictures or "
            "texts, or the URL of a database.",
        ),
    ],
    query: Annotated[
        str | None,
        typer.Option(metavar="SELECT", help="What to read from a database, with an order by."),
    ] = None,
    storage: Storage = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="Write the predictions here; default: print them."),
    ] = None,
    trial: Annotated[
        int | None, typer.Option(min=0, help="Use this trial instead of the best.")
    ] = None,
) -> None:
    """Predict new data by the proven model: class names and probabilities, or values."""
    with closing(Database.open(storage or default_url(), create=False)) as db:
        study = find_described(db, name, "predict")
        chosen_backend.of_study(study)
        quiet.import_keras()
        from studyhall.search.evaluation import new_query, prediction

        told, remarks = prediction.of(db, study, new_query.of(file, query), trial)
    for line in remarks:
        remark(line)
    if output is None:
        write(told.to_csv(index=False))
        return
    with writing(output), atomic_files.replacing(output) as unfinished:
        told.to_csv(unfinished, index=False)
    say(f"{output}: {spelling.counted(len(told), 'prediction')}")
