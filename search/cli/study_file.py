"""The commands for a study file: `new`, `check`."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from studyhall.search.cli.options import File
from studyhall.search.display.terminal import say
from studyhall.search.process import quiet
from studyhall.search.study_file import template
from studyhall.search.study_file.config_error import ConfigError
from studyhall.spaces import applications, hyperparameters, spelling

if TYPE_CHECKING:
    from studyhall.search.study_file.sections import StudyFile

NEW = "my-study"  # the study's name if the file is printed to the terminal


def new(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]")] = None,
    family: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="The networks: mlp, cnn, sequence, text or keras:ResNet50."
        ),
    ] = "mlp",
) -> None:
    """Write a commented study file, to FILE or to the terminal."""
    if applications.is_named(family):
        _check_application(family)
    elif family not in hyperparameters.BUILT_IN_FAMILIES:
        known = [*hyperparameters.BUILT_IN_FAMILIES, "keras:ResNet50"]
        raise ConfigError(
            [f'--family: received "{family}", expected {spelling.one_of(family, known)}']
        )
    if file is None:
        print(template.template(NEW, family=family), end="")
        return
    if file.exists():
        raise ConfigError([f"{file}: received an existing file, expected a new name"])
    try:
        file.write_text(template.template(file.stem, family=family), encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            [f"{file}: received {error.strerror}, expected a writable file"]
        ) from error
    say(f"{file} written; next: studyhall check {quote(str(file))}")


def _check_application(family: str) -> None:
    try:
        applications.read(family)
    except ValueError as error:
        raise ConfigError([f'--family: received "{family}", expected {error}']) from None


def check(file: File) -> None:
    """Check a study file and show what it resolves to: data, space, model sizes, cost."""
    from studyhall.search.study_file import config

    show_check(config.load(file), file)


def show_check(study_file: StudyFile, path: Path) -> None:
    """Show what a study file resolves to: data, space, model sizes, cost.

    Args:
        study_file: the study file.
        path: its path, for messages, and from whose folder its own paths start.

    Raises:
        ConfigError: data or models can't be used.
        UserCodeError: a function of the user's fails or returns something unusable.
    """
    from studyhall.search.study import chosen_backend, inspection

    study_file = chosen_backend.of_file(study_file, path)
    inspection.glance(study_file, path)
    loaded = inspection.load_early(study_file, path)
    quiet.import_keras()
    from studyhall.search.cli import check as checking

    for part in checking.report(study_file, path, loaded):
        say(part)
