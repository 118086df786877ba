"""A study from its file or its name to its end: created or found, run, its best model proven."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import RenderableType

from studyhall.search.cli import stopping
from studyhall.search.cli.options import storage_option
from studyhall.search.display import live, show, tables, words
from studyhall.search.display.live import View
from studyhall.search.display.terminal import out, remark, say
from studyhall.search.evaluation import best, best_text, no_result
from studyhall.search.evaluation.proof_result import NOT_PROVEN
from studyhall.search.launcher import launch
from studyhall.search.notices.following import following
from studyhall.search.process.device import Device
from studyhall.search.process.stop import STOPPED
from studyhall.search.process.wire import WorkerProcess
from studyhall.search.retraining import confirm as confirming
from studyhall.search.retraining import confirmation
from studyhall.search.study import creation, inspection, record
from studyhall.search.study_file import config
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.limits import MOST
from studyhall.search.study_file.sections import StudyFile
from studyhall.search.trial.disk_quota import Keeper
from studyhall.storage.database import Database
from studyhall.storage.queries import status
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Study


def open_or_create(
    db: Database, file: StudyFile, path: Path, found: inspection.Inspection
) -> Study:
    """The study of a file, with what its file changes.

    Raises:
        ConfigError: it exists, and its file asks for another study.
    """
    study = studies.find(db, file.study.name)
    if study is None:
        return creation.create(db, file, path.parent, found)
    if study.seed != file.study.seed:  # its data were split by its own seed
        found = inspection.inspect_apart(creation.with_seed(file, study.seed), path)
    counts = status.status(db, study).counts
    begun = counts["COMPLETE"] + counts["PRUNED"] > 0
    changes = creation.compare(study, file, found, path.name, begun=begun)
    if changes:
        say(f'study "{study.name}" exists and goes on; {path.name} differs:')
        say(*(_change(change) for change in changes))
    return creation.apply(db, study, file, changes, found)


def run(
    db: Database,
    study: Study,
    url: str,
    devices: list[Device],
    *,
    quiet: bool,
    early: Sequence[WorkerProcess] = (),
) -> int:
    """Run workers, show what they do, and in the end the best model with its proof.

    Args:
        early: workers that were started before the study was there.

    Returns:
        Exit code, as `launch.launch` gives it; 143 if somebody has stopped the study, 1 if its
        budget is spent without a complete trial, 3 if its best model is not proven.
    """
    stopping.lift(db, study)
    view = live.view(out, study.name, quiet=quiet)
    with following(db, study):
        code = launch.launch(db, study, devices=devices, view=view, url=url, early=early)
    _tidy(db, study)
    state = status.status(db, study)
    say("", show.studies_table([(study, state)]))
    if not state.spent:
        if state.stopping:
            code = code or STOPPED
            say("somebody has stopped it: its workers have handed their trials back")
        say(f"it goes on with: studyhall resume {study.name}{storage_option(url)}")
    elif state.incumbent is None:
        say(*no_result.lines(db, study, storage_option(url)))
        code = code or no_result.EXIT_CODE
    elif (stopped := _confirm(db, study, devices, url, quiet=quiet)) != 0:
        code = stopped
    else:
        code = finish(db, study, url)
        say("", *best_text.shown(best.read(db, study)))
    return code


def _confirm(db: Database, study: Study, devices: list[Device], url: str, *, quiet: bool) -> int:
    """Confirm the best trials, where the study file asks for it; exit code, as the launch's."""
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
    """Train the best trials anew.

    Returns:
        Exit code, as `launch.launch` gives it.

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
    """What has come of a confirmation that ended with this code, for people.

    Args:
        options: that it was asked for with, as they are typed.
    """
    found = confirming.known(db, study)
    yield tables.table(*confirmation.rows(found))
    yield words.beside_budget(found.gpu_seconds)
    if code != 0:
        yield from found.sentences()
        yield f"it goes on with: studyhall confirm {study.name}{options}{storage_option(url)}"


def finish(
    db: Database, study: Study, url: str, *, again: bool = False, number: int | None = None
) -> int:
    """Prove and test the best model, unless that has been done and its files are as they were.

    Args:
        again: use the test set for it, whatever it was used for.
        number: of the trial that is asked for instead of the best.

    Returns:
        Exit code: 0, or 3 if the model is not proven, which was written down.

    Raises:
        ConfigError: it can't be done; the reason in a line.
    """
    found = best.read(db, study, number)
    if found.finished and best.is_whole(found) and not again:
        return 0
    remark("proving the best model in a fresh process …")
    answer = launch.finish(study, url, again=again, number=number)
    if answer.returncode == 2:
        raise ConfigError(answer.stderr.strip().splitlines())
    if answer.returncode not in (0, NOT_PROVEN):
        raise RuntimeError(f"the best model could not be proven:\n{answer.stderr}")
    return answer.returncode


def more(written: str, limit: int) -> int:
    """How many trials ``+20`` (twenty more) or ``80`` (eighty in all) add to a limit.

    Raises:
        ConfigError: neither of the two, or fewer than the limit.
    """
    digits = written.removeprefix("+")
    total = int(digits[: len(str(MOST)) + 1]) if digits.isdecimal() else 0
    added = total if written.startswith("+") else total - limit
    if total == 0 or added < 0 or limit + added > MOST:
        expected = f"+20 for twenty more, or a number from {limit} on for all"
        expected += f", {MOST} at most" if limit + added > MOST else ""
        raise ConfigError([f"command line: --trials: received {written!r}, expected {expected}"])
    return added


def _tidy(db: Database, study: Study) -> None:
    """Remove the objects that the study needs no more."""
    Keeper(db, study, record.objects(study), record.stored(study).file.study).tidy()


def _change(change: config.Change) -> str:
    effect = {"applies": "applies from now on", "kept": "does not apply, stays as it was"}
    old, new = (creation.written(value) for value in (change.old, change.new))
    return f"  {change.key}: {old} → {new}: {effect[change.effect]}"
