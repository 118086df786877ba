"""The command line: which commands there are, and how a user's mistake ends one."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated, Any

import optuna
import typer

from studyhall.search.cli import (
    dashboard,
    deletion,
    internal,
    reports,
    retraining,
    runs,
    status,
    storage_file,
    study_file,
    users,
    watch,
)
from studyhall.search.cli.terminal import complain, remark
from studyhall.search.data.errors import DataError
from studyhall.search.study_file.config import ConfigError
from studyhall.spaces.failures import UserCodeError
from studyhall.storage.database.urls import StorageError

# What a command line that nobody understands raises: of typer's own, or of click, by its version.
UsageError: type[Exception] = typer.BadParameter.__bases__[0]
app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Hyperparameter search for Keras models, with studies that survive anything.",
)
SHOWN: tuple[Callable[..., None], ...] = (
    study_file.new,
    study_file.check,
    runs.launch,
    runs.resume,
    runs.stop,
    status.status,
    watch.watch,
    status.trials,
    status.best,
    retraining.confirm,
    retraining.replay,
    retraining.datacurve,
    reports.report,
    reports.compare,
    reports.refine,
    status.doctor,
    deletion.delete,
    deletion.trash,
    dashboard.dashboard,
    runs.worker,
)
HIDDEN: tuple[Callable[..., None], ...] = (
    internal.inspect,
    internal.finish,
    internal.retrain,
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"studyhall {version('studyhall')}")
        raise typer.Exit


@app.callback()
def _every_command(
    shown: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """What can be asked of the command itself."""


for each in SHOWN:
    app.command()(each)
for each in HIDDEN:
    app.command(hidden=True)(each)
app.add_typer(users.app, name="users")


def run() -> None:
    """Run the command line; the user's mistakes are lines on stderr and exit code 2."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        storage_file.read()
        sys.exit(app(standalone_mode=False))
    except typer.Abort:  # a question was not answered
        remark("aborted, nothing done")
        sys.exit(1)
    except UsageError as mistake:
        if said := _usage(mistake):
            remark(said)
        sys.exit(2)
    except (ConfigError, DataError, StorageError, UserCodeError) as mistake:
        complain(mistake)
        sys.exit(2)


def _usage(mistake: Any) -> str:
    """A command that nobody understands, in a line; empty where the help has been shown instead."""
    said = mistake.format_message()
    asked = mistake.ctx.command_path if mistake.ctx else "studyhall"  # older ones don't always say
    return f"{asked}: {said.rstrip('.')}; see {asked} --help" if said else ""
