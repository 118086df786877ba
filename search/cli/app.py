"""The command line: finds and runs commands, and reports the user's mistakes."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from studyhall import __version__
from studyhall.search.cli import (
    storage_file,
)
from studyhall.search.cli.command_list import HIDDEN, SHOWN
from studyhall.search.data.errors import DataError
from studyhall.search.display.terminal import complain, remark
from studyhall.search.process.garbage import uncollected
from studyhall.search.study_file.config_error import ConfigError
from studyhall.spaces.failures import UserCodeError
from studyhall.storage.database.urls import StorageError


class Commands(TyperGroup):
    """A group of commands, each imported only when it is called.

    Importing the libraries of `report` takes longer than running all of `status`.
    """

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Import and return the command that the user has typed."""
        name, listed, rest = super().resolve_command(ctx, args)
        return name, listed if name is None else imported(name), rest


# The exception for an invalid command line: of click, or of typer's own copy of click, depending
# on typer's version. It is the base class of BadParameter in both.
UsageError: type[Exception] = typer.BadParameter.__bases__[0]
app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Hyperparameter search for Keras models, with studies that resume after crashes.",
    context_settings={"help_option_names": ["--help", "-h"]},
)


def imported(name: str) -> Any:
    """Import a command by name and return it with its options."""
    module, _, function = {**SHOWN, **HIDDEN}[name].place.partition(":")
    with uncollected():
        found = getattr(import_module(f"studyhall.search.cli.{module}"), function)
    if isinstance(found, typer.Typer):
        return typer.main.get_command(found)
    alone = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
    alone.command(name)(found)
    return typer.main.get_command(alone)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"studyhall {__version__}")
        raise typer.Exit


@app.callback()
def _every_command(
    shown: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Accept the options of `studyhall` itself, without a command."""


def _stand_in() -> None:
    """Stand for a command in the list, which needs no imports."""


for name, each in SHOWN.items():
    app.command(name, help=each.help)(_stand_in)
for name in HIDDEN:
    app.command(name, hidden=True)(_stand_in)


def run() -> None:
    """Run the command line; print the user's mistakes to stderr and exit with code 2."""
    try:
        storage_file.read()
        sys.exit(app(standalone_mode=False, prog_name="studyhall"))
    except typer.Abort:  # the user answered a prompt with Ctrl-C or Ctrl-D
        remark("aborted: nothing was changed")
        sys.exit(1)
    except UsageError as mistake:
        if said := _usage(mistake):
            remark(said)
        sys.exit(2)
    except (ConfigError, DataError, StorageError, UserCodeError) as mistake:
        complain(mistake)
        sys.exit(2)


def _usage(mistake: Any) -> str:
    """Describe an invalid command line in one line; empty if typer has printed the help instead."""
    said = mistake.format_message()
    asked = mistake.ctx.command_path if mistake.ctx else "studyhall"  # older typer leaves ctx empty
    return f"{asked}: {said.rstrip('.')}; see {asked} --help" if said else ""
