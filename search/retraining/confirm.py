"""The confirmation of a study's best trials: plan it, train on all devices, keep the best model."""

from __future__ import annotations

from studyhall.search.display.live import View
from studyhall.search.process.device import Device
from studyhall.search.retraining import confirm_result, launch
from studyhall.search.retraining.confirm_result import Confirmation
from studyhall.search.retraining.confirmed_trial import Confirmed
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.sections import CONFIRM_TOP, StudySection
from studyhall.spaces import spelling
from studyhall.storage.database import Database
from studyhall.storage.database.companions import CONFIRM
from studyhall.storage.queries import records
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies import retrainings
from studyhall.storage.studies.rows import Study


def confirm(
    db: Database, study: Study, devices: list[Device], view: View, url: str, top: int, seeds: int
) -> int:
    """Retrain the best trials, unless that has been done, and keep the winner's best model.

    Args:
        db: database of the study.
        study: the study.
        devices: one worker process is started per entry.
        view: display of the launch.
        url: URL of the database.
        top: number of trials.
        seeds: number of new seeds per trial.

    Returns:
        Exit code, as of `launch.launch`.

    Raises:
        ConfigError: no trial is complete.
    """
    _choose(db, study, top)
    confirm_result.plan(db, study, top, seeds)
    for _ in range(2):  # again if the winner lost its models, because another trial once led
        if code := launch.run(db, study, CONFIRM, devices, view, url):
            return code
        found = known(db, study)
        if not found.current or not _reopened(db, study, found):
            break
    if found.current:
        confirm_result.settle(db, study, found)
        _drop_beaten(db, study, found)
    return 0


def asked(
    db: Database, study: Study, top: int | None, seeds: int | None, file: StudySection
) -> tuple[int, int]:
    """Return the numbers of trials and of seeds to confirm.

    Arguments take precedence over the last request, that over the study file, that over defaults.
    """
    last = confirm_result.read(db, study)
    if last is not None:
        return top or last.top, seeds or last.seeds
    return top or file.confirm_top or CONFIRM_TOP, seeds or file.confirm_seeds


def trains(db: Database, study: Study, top: int, seeds: int) -> bool:
    """Return True if a confirmation trains anything, and does not only show what is known.

    Raises:
        ConfigError: no trial is complete.
    """
    _choose(db, study, top)
    found = confirm_result.read(db, study)
    return found is None or not found.current or top > found.top or seeds > found.seeds


def announced(db: Database, study: Study, top: int, seeds: int) -> str:
    """Return the line that announces a confirmation.

    Raises:
        ConfigError: no trial is complete.
    """
    count = len(_choose(db, study, top))
    trials = "trial" if count == 1 else f"{count} trials"
    return f"confirming the best {trials} with {spelling.counted(seeds, 'new seed')} each …"


def known(db: Database, study: Study) -> Confirmation:
    """Read the state of the confirmation.

    Raises:
        ConfigError: no trial is complete.
    """
    found = confirm_result.read(db, study)
    if found is None or not (found.ranked or found.missing):
        raise _empty(study)
    return found


def _choose(db: Database, study: Study, top: int) -> list[TrialRecord]:
    """Return the best ``top`` trials, or all if there are fewer."""
    best, _ = records.best(db, study, top)
    if not best:
        raise _empty(study)
    return best


def _empty(study: Study) -> ConfigError:
    problem = "received no complete trial yet, expected at least one"
    return ConfigError([f'study "{study.name}": {problem}'])


def _reopened(db: Database, study: Study, found: Confirmation) -> bool:
    """Reopen the winner's best training if its model is deleted; return True if it is reopened."""
    winner = found.winner
    if winner is None or winner.model is not None or _unsavable(winner):
        return False
    runs = [run for run in winner.runs if run.result is not None and "value" in run.result]
    best = min(runs, key=lambda run: winner.sign * run.result["value"] if run.result else 0.0)
    retrainings.reopen(db, study, best)
    return True


def _unsavable(winner: Confirmed) -> bool:
    return any(run.result and "model_error" in run.result for run in winner.runs)


def _drop_beaten(db: Database, study: Study, found: Confirmation) -> None:
    """Drop all models but the winner's best; their files are deleted with the next save."""
    if found.winner is None or found.winner.model is None:
        return
    keep = found.winner.model.id
    for run in (run for each in found.ranked for run in each.runs):
        if run.result and run.result.get("model") and run.id != keep:
            retrainings.drop_model(db, run)
