"""The command line: each command a thin call into the module that does it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Annotated

import optuna
import typer

from search import creation, inspection, quiet, running
from search.data.data_error import DataError
from search.report import show, time_split
from search.stop import Stop, StopNow
from search.study_file import config, template
from search.study_file.config import ConfigError
from search.terminal import complain, say
from spaces.user_code import UserCodeError
from storage import records, studies
from storage import status as standing
from storage.database import Database, StorageError, default_url
from storage.studies import Study

NEW = "my-study"  # name in a study file that goes to the terminal

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Hyperparameter search for Keras models, with studies that survive anything.",
)

Storage = Annotated[
    str | None,
    typer.Option(help="Database URL; default: $STUDYHALL_STORAGE, else sqlite:///studyhall.db."),
]
Name = Annotated[str, typer.Argument(metavar="STUDY", help="Name of the study.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="The study file (TOML).")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, with stable keys.")]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Worker processes; default: the study file's count.")
]
QuietFlag = Annotated[bool, typer.Option("--quiet", help="Print remarks and the result only.")]


def run() -> None:
    """Run the command line; the user's mistakes are lines on stderr and exit code 2."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        app()
    except (ConfigError, DataError, StorageError, UserCodeError) as mistake:
        complain(mistake)
        sys.exit(2)


@app.command()
def new(file: Annotated[Path | None, typer.Argument(metavar="[FILE]")] = None) -> None:
    """Write a commented study file, to FILE or to the terminal."""
    if file is None:
        print(template.template(NEW), end="")
        return
    if file.exists():
        raise ConfigError([f"{file}: received a file that exists, expected a new name"])
    try:
        file.write_text(template.template(file.stem), encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            [f"{file}: received {error.strerror}, expected a file to write"]
        ) from error
    say(f"{file} written; next: studyhall check {file}")


@app.command()
def check(file: File) -> None:
    """Check a study file and show what it resolves to: data, space, model sizes, cost."""
    quiet.import_tensorflow()
    from search import check as checking

    for part in checking.report(config.load(file), file):
        say(part)


@app.command()
def launch(
    file: File,
    trials: Annotated[int | None, typer.Option(min=1, help="Results in all.")] = None,
    workers: Workers = None,
    storage: Storage = None,
    seed: Annotated[int | None, typer.Option(min=0, help="The study's seed.")] = None,
    silent: QuietFlag = False,
) -> None:
    """Run the study of FILE until its budget is spent; the same command continues it."""
    given = {"trials": trials, "seed": seed, "storage": storage}
    overrides = {"study": {key: value for key, value in given.items() if value is not None}}
    study_file = config.load(file, overrides)
    found = inspection.inspect_apart(study_file, file)
    creation.check_artifacts(study_file, file.name)
    url = study_file.study.storage or default_url()
    with closing(Database.open(url)) as db:
        study = running.open_or_create(db, study_file, file, found)
        code = running.run(db, study, url, workers, quiet=silent)
    raise typer.Exit(code)


@app.command()
def resume(
    name: Name,
    trials: Annotated[
        str | None, typer.Option(help="+20: twenty more results; 80: eighty in all.")
    ] = None,
    workers: Workers = None,
    storage: Storage = None,
    silent: QuietFlag = False,
) -> None:
    """Continue a study from the database alone, with more trials if asked for."""
    url = storage or default_url()
    with closing(Database.open(url, create=False)) as db:
        study = _find(db, name)
        if trials is not None:
            added = running.more(trials, standing.status(db, study).limit)
            studies.extend(db, study, trials=added)
        code = running.run(db, study, url, workers, quiet=silent)
    raise typer.Exit(code)


@app.command()
def status(
    name: Annotated[str | None, typer.Argument(metavar="[STUDY]")] = None,
    storage: Storage = None,
    as_json: AsJson = False,
) -> None:
    """Show how a study stands and what its workers do; without a name, every study."""
    with closing(Database.open(storage or default_url(), create=False)) as db:
        names = [name] if name else studies.names(db)
        found = [_find(db, each) for each in names]
        rows = [(study, standing.status(db, study)) for study in found]
        splits = [time_split.read(db, study) for study in found]
    if as_json:
        shown = [show.status_json(*row, split) for row, split in zip(rows, splits, strict=True)]
        print(json.dumps(shown[0] if name else shown, indent=2))
        return
    say(show.studies_table(rows) if rows else "no studies yet; the first: studyhall launch FILE")
    for study, state in rows:
        if state.running:
            say("", f"{study.name}: trials under way", show.running_table(state))
    if name:
        say("", f"time spent in trials: {time_split.sentence(splits[0])}")


@app.command()
def trials(
    name: Name,
    storage: Storage = None,
    as_json: AsJson = False,
    csv: Annotated[Path | None, typer.Option(help="Write them to this CSV file.")] = None,
) -> None:
    """Show every trial of a study."""
    with closing(Database.open(storage or default_url(), create=False)) as db:
        found = records.trials(db, _find(db, name))
    if csv is not None:
        with _writing(csv):
            show.trials_csv(found, csv)
        say(f"{csv}: {len(found)} trials")
    elif as_json:
        print(json.dumps([show.trial_json(trial) for trial in found], indent=2))
    else:
        say(show.trials_table(found))


@app.command()
def best(
    name: Name,
    storage: Storage = None,
    as_json: AsJson = False,
    export: Annotated[Path | None, typer.Option(help="Copy model and card to this folder.")] = None,
) -> None:
    """Show the best trial, its proof and its test scores; with --export, copy its model."""
    from search import best as winner

    url = storage or default_url()
    with closing(Database.open(url, create=False)) as db:
        study = _find(db, name)
        if export is not None:
            running.finish(db, study, url)
        found = winner.read(db, study)
    if export is not None:
        with _writing(export):
            winner.copy(found, export)
    if as_json:
        print(json.dumps(winner.to_json(found), indent=2))
        return
    for part in winner.shown(found):
        say(part)


@app.command()
def delete(
    name: Name,
    storage: Storage = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a study: its trials, its history, its checkpoints and models."""
    with closing(Database.open(storage or default_url(), create=False)) as db:
        study = _find(db, name)
        state = standing.status(db, study)
        what = f'study "{name}" with {state.finished} trials and {creation.stored(study).artifacts}'
        if not yes and not typer.confirm(f"Delete {what}?"):
            say("kept")
            return
        studies.delete(db, study)
        creation.remove_artifacts(study)
    say(f"{what}: deleted")


@app.command()
def dashboard(
    storage: Storage = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8080,
) -> None:
    """Serve optuna-dashboard for every study of the database."""
    from search import dashboard as service

    with closing(Database.open(storage or default_url())) as db:
        stores = [creation.objects(_find(db, name)) for name in studies.names(db)]
        service.serve(db, stores, host, port, started=lambda address: say(address, "Ctrl-C ends"))


@app.command()
def worker(
    name: Name,
    storage: Storage = None,
    folder: Annotated[Path | None, typer.Option(help="Where its data and code lie.")] = None,
) -> None:
    """Work on a study, started by hand on any machine that reaches its database."""
    stop = Stop()
    stop.listen()  # before the long import
    with suppress(StopNow):
        quiet.import_tensorflow()
        from search import worker as working

        with closing(Database.open(storage or default_url(), create=False)) as db:
            working.work(db, _find(db, name), stop, folder)
    raise typer.Exit(stop.code)


@app.command(hidden=True)
def inspect(file: File, seed: int = 0) -> None:
    """Print the fingerprints of a study file's data and code as JSON."""
    study_file = config.load(file, {"study": {"seed": seed}})
    quiet.import_tensorflow()  # the user's code will, as a rule
    print(inspection.to_json(inspection.inspect(study_file, file)))


@app.command(hidden=True)
def finish(name: Name, storage: Storage = None) -> None:
    """Export, prove and test a study's best model; print its card as JSON."""
    quiet.import_tensorflow()
    from search import proof

    with closing(Database.open(storage or default_url(), create=False)) as db:
        try:
            print(json.dumps(proof.finish(db, _find(db, name))))
        except (proof.ProofError, OSError) as error:
            raise ConfigError([str(error)]) from error


def _find(db: Database, name: str) -> Study:
    study = studies.find(db, name)
    if study is None:
        known = studies.names(db)
        raise ConfigError([f"study: received {name!r}, expected {_one_of(known)}"])
    return study


def _one_of(known: list[str]) -> str:
    return f"one of {', '.join(known)}" if known else "a study; this database has none"


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Say in one line what keeps a file from being written."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError([f"{path}: received {reason}, expected a place to write"]) from error
