"""The life of a study: created or opened, run by workers, confirmed, its best model proven."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import RenderableType

from studyhall.search.cli import stopping
from studyhall.search.cli.options import storage_option
from studyhall.search.display import frame, live, show, tables, words
from studyhall.search.display.live import View
from studyhall.search.display.terminal import out, remark, say
from studyhall.search.evaluation import best, best_text, exported_files, no_result
from studyhall.search.evaluation.proof_result import NOT_PROVEN
from studyhall.search.launcher import launch, ray_cluster
from studyhall.search.launcher.ray_choice import Cluster
from studyhall.search.notices.following import following
from studyhall.search.process.device import Device
from studyhall.search.process.stop import STOPPED
from studyhall.search.process.wire import WorkerProcess
from studyhall.search.retraining import confirm as confirming
from studyhall.search.retraining import confirmation
from studyhall.search.scripts import continuation
from studyhall.search.study import creation, fingerprints, inspection, record
from studyhall.search.study_file import config
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.limits import MOST
from studyhall.search.study_file.sections import StudyFile
from studyhall.search.trial.disk_quota import Keeper
from studyhall.spaces import spelling
from studyhall.storage.database import Database
from studyhall.storage.queries import records, status
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Study

INTERRUPTED = 130  # as the shell calls an end by Ctrl-C
LEADING = 5  # trials that a launch shows in the end


def open_or_create(
    db: Database,
    file: StudyFile,
    path: Path,
    found: fingerprints.Inspection,
    tell: Callable[[str], None] = say,
) -> Study:
    """Create the study of a file, or open it and apply what the file changes.

    Args:
        path: the study file's path.
        found: the inspected data and code.
        tell: prints a line on a change, and on what was left out or changed in the data.

    Raises:
        ConfigError: a study of that name exists, and the file describes a different one.
    """
    study = studies.find(db, file.study.name)
    if study is None:
        _tell_notes(found, tell)
        return creation.create(db, file, path.parent, found)
    record.check_trainable(db, study)
    if study.seed != file.study.seed:  # the data were split by the stored seed
        found = inspection.inspect_apart(creation.with_seed(file, study.seed), path)
    _tell_notes(found, tell)
    counts = status.status(db, study).counts
    begun = counts["COMPLETE"] + counts["PRUNED"] > 0
    changes = creation.compare(study, file, found, path.name, begun=begun)
    if changes:
        tell(f'study "{study.name}" exists and continues; {path.name} differs:')
        for change in changes:
            tell(_change(change))
    return creation.apply(db, study, file, changes, found)


def _tell_notes(found: fingerprints.Inspection, tell: Callable[[str], None]) -> None:
    for note in found.about.get("notes", []):
        tell(f"data: {note}")


def run(
    db: Database,
    study: Study,
    url: str,
    devices: list[Device],
    *,
    quiet: bool,
    early: Sequence[WorkerProcess] = (),
    cluster: Cluster | None = None,
    view: View | None = None,
) -> int:
    """Run workers, show their progress, then prove and show the best model.

    Args:
        url: the database URL for the workers.
        quiet: print only remarks and the result.
        early: workers that were started before the study existed.
        cluster: where the workers run; None for this machine.
        view: shows the progress; default: a live table on a terminal, else lines.

    Returns:
        The exit code: that of `launch.launch`; 143 if somebody stopped the study, 1 if its budget
        is spent without a complete trial, 3 if its best model is not proven.
    """
    code = run_workers(
        db, study, url, devices, quiet=quiet, early=early, cluster=cluster, view=view
    )
    return ended(db, study, url, devices, code, quiet=quiet)


def ended(
    db: Database, study: Study, url: str, devices: list[Device], code: int, *, quiet: bool
) -> int:
    """Prove and show the best model after workers have ended, or say what is still to do.

    Args:
        code: the exit code of the workers; the others are those of `run`.
    """
    state = status.status(db, study)
    if not state.spent:
        if state.stopping:
            code = code or STOPPED
            say("somebody stopped the study; its workers have saved their trials")
        say(f"to continue: studyhall resume {study.name}{storage_option(url)}")
    elif state.incumbent is None:
        say(*no_result.lines(db, study, storage_option(url)))
        code = code or no_result.EXIT_CODE
    elif (stopped := _confirm(db, study, devices, url, quiet=quiet)) != 0:
        code = stopped
    else:
        try:
            code = _finished(db, study, url)
        except KeyboardInterrupt:
            say(*_without_proof(study, state.finished, url))
            return INTERRUPTED
        say("", *best_text.shown(best.read(db, study)))
    return code


def _without_proof(study: Study, finished: int, url: str) -> list[str]:
    """Return what an interrupted proof leaves done, and the command that does the rest."""
    trials = spelling.counted(finished, "trial")
    return [
        f"interrupted: the search is done ({trials}) and its best model is saved, but not proven",
        f"to prove and test it, with no further training: studyhall resume {study.name}"
        f"{storage_option(url)}",
    ]


def run_workers(
    db: Database,
    study: Study,
    url: str,
    devices: list[Device],
    *,
    quiet: bool,
    early: Sequence[WorkerProcess] = (),
    cluster: Cluster | None = None,
    view: View | None = None,
) -> int:
    """Run workers and show their progress; the arguments and the exit code are those of `run`."""
    stopping.lift(db, study)
    view = view or live.view(out, study.name, quiet=quiet)
    with following(db, study):
        if cluster is not None:
            code = ray_cluster.run(db, study, cluster, view, url)
        else:
            code = launch.launch(db, study, devices=devices, view=view, url=url, early=early)
    _tidy(db, study)
    say(*show.standing(study, status.status(db, study)))
    if out.is_terminal and not quiet:
        _show_leading(db, study)
    return code


def _show_leading(db: Database, study: Study) -> None:
    """Show the best trials on a terminal, where the live view only had the last ones."""
    leading, _ = records.best(db, study, LEADING)
    if leading:
        say("", f"the best {min(LEADING, len(leading))} trials", frame.finished_table(leading))


def _confirm(db: Database, study: Study, devices: list[Device], url: str, *, quiet: bool) -> int:
    """Confirm the best trials if the study file asks for it; return the exit code of the launch."""
    chosen = record.stored(study).file.study
    if chosen.confirm_top is None:
        return 0
    view = live.lines(out, quiet=quiet)
    code = confirm(db, study, devices, view, url, chosen.confirm_top, chosen.confirm_seeds)
    say("", *confirmed(db, study, url, code))
    return code


def confirm(
    db: Database, study: Study, devices: list[Device], view: View, url: str, top: int, seeds: int
) -> int:
    """Retrain the best trials with new seeds.

    Args:
        top: the number of trials.
        seeds: the number of trainings of each trial.

    Returns:
        The exit code, as for `launch.launch`.

    Raises:
        ConfigError: no trial is complete.
    """
    remark(confirming.announced(db, study, top, seeds))
    code = confirming.confirm(db, study, devices, view, url, top, seeds)
    if code == 0:
        _tidy(db, study)
    return code


def confirmed(
    db: Database, study: Study, url: str, code: int, options: str = ""
) -> Iterator[RenderableType]:
    """Yield the results of a confirmation, for people.

    Args:
        code: the exit code of its launch; unless 0, the command to continue is shown.
        options: the command-line options of that command, as typed.
    """
    found = confirming.known(db, study)
    yield tables.table(*confirmation.rows(found))
    yield words.beside_budget(found.gpu_seconds)
    if code != 0:
        yield from found.sentences()
        yield f"to continue: studyhall confirm {study.name}{options}{storage_option(url)}"


def _finished(db: Database, study: Study, url: str) -> int:
    """Prove the best model; one that only its script can measure is told to be unproven."""
    try:
        return finish(db, study, url)
    except ConfigError as error:
        if record.SCRIPT not in study.config:
            raise
        say(f"not proven: {error.problems[0]}")
        return 0


def finish(
    db: Database, study: Study, url: str, *, again: bool = False, number: int | None = None
) -> int:
    """Prove and test the best model, unless that is done and its files are unchanged.

    Args:
        again: use the test set for this model even if it was used before.
        number: a trial's number; None: the best trial.

    Returns:
        The exit code: 0, or 3 if the model is not proven; the result is recorded either way.

    Raises:
        ConfigError: the model can't be proven; the reason in one line.
        RuntimeError: the proving process failed.
    """
    found = best.read(db, study, number)
    if found.finished and exported_files.is_whole(found) and not again:
        return 0
    record.check_trainable(db, study)
    continuation.check_script(study)
    remark("proving the best model in a fresh process …")
    answer = launch.finish(study, url, again=again, number=number)
    if answer.returncode == 2:
        raise ConfigError(answer.stderr.strip().splitlines())
    if answer.returncode not in (0, NOT_PROVEN):
        raise RuntimeError(f"the best model could not be proven:\n{answer.stderr}")
    return answer.returncode


def more(written: str, limit: int) -> int:
    """Return how many trials ``+20`` (twenty more) or ``80`` (eighty in all) add to a limit.

    Raises:
        ConfigError: the text has neither form, or the total is below the limit.
    """
    digits = written.removeprefix("+")
    # Cut off after one digit more than MOST has: int() refuses thousands of digits.
    total = int(digits[: len(str(MOST)) + 1]) if digits.isdecimal() else 0
    added = total if written.startswith("+") else total - limit
    if total == 0 or added < 0 or limit + added > MOST:
        expected = f"+20 for twenty more, or the new total, at least {limit}"
        expected += f", at most {MOST}" if limit + added > MOST else ""
        raise ConfigError([f"command line: --trials: received {written!r}, expected {expected}"])
    return added


def _tidy(db: Database, study: Study) -> None:
    """Delete the artifacts that the study no longer needs."""
    Keeper(db, study, record.objects(study), record.stored(study).file.study).tidy()


def _change(change: config.Change) -> str:
    effect = {"applies": "applies from now on", "kept": "ignored, the stored value is kept"}
    old, new = (creation.written(value) for value in (change.old, change.new))
    return f"  {change.key}: {old} → {new}: {effect[change.effect]}"
