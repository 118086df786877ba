"""The end of a study: its best trials confirmed, its best model proven."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType

from studyhall.search.cli.options import storage_option
from studyhall.search.display import live, tables, words
from studyhall.search.display.live import View
from studyhall.search.display.terminal import out, remark, say
from studyhall.search.evaluation import best, exported_files
from studyhall.search.evaluation.proof_result import NOT_PROVEN
from studyhall.search.launcher import launch
from studyhall.search.process.device import Device
from studyhall.search.retraining import confirm as confirming
from studyhall.search.retraining import confirm_result
from studyhall.search.scripts import continuation
from studyhall.search.study import record
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.trial.disk_quota import Keeper
from studyhall.storage.database import Database
from studyhall.storage.studies.rows import Study


def confirm_if_asked(
    db: Database, study: Study, devices: list[Device], url: str, *, quiet: bool
) -> int:
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
        tidy(db, study)
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
    yield tables.table(*confirm_result.rows(found))
    yield words.beside_budget(found.gpu_seconds)
    if code != 0:
        yield from found.sentences()
        yield f"to continue: studyhall confirm {study.name}{options}{storage_option(url)}"


def finish_if_possible(db: Database, study: Study, url: str) -> int:
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


def tidy(db: Database, study: Study) -> None:
    """Delete the artifacts that the study no longer needs."""
    Keeper(db, study, record.objects(study), record.stored(study).file.study).tidy()
