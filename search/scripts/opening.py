"""The study of a script's call: created, opened again, or put aside for a new one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from studyhall.search.scripts.call import Call
from studyhall.search.scripts.script import Script, recorded
from studyhall.search.study import creation, inspection
from studyhall.search.study.inspection import Inspection
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.sections import StudyFile
from studyhall.storage.database import Database
from studyhall.storage.queries import status
from studyhall.storage.queries.status import Status
from studyhall.storage.studies import studies, trash
from studyhall.storage.studies.rows import Study


def opened(
    db: Database, file: StudyFile, call: Call, script: Script, tell: Callable[[str], None]
) -> Study:
    """Return the study of a call, created if there is none.

    A finished study of that name, or an unfinished one of other code, makes way if the script says
    so (`Call.fresh`); it can be restored from the trash. An unfinished one goes on.

    Args:
        db: the database.
        file: the call as a study file.
        call: the call.
        script: the script that makes it.
        tell: prints a line for the user.

    Raises:
        ConfigError: an unfinished study of that name has other code or settings.
    """
    found = found_in(file, script)
    study = studies.find(db, file.study.name)
    if study is not None and call.fresh and _makes_way(db, study, found):
        trash.put(db, study.study_id, "studyhall run")
        tell(f'the earlier study "{study.name}" is in the trash; see: studyhall trash')
        study = None
    if study is None:
        queue = [dict(each) for each in call.queue]
        record = script.to_record()
        return creation.create(db, file, Path(script.folder), found, further=record, queue=queue)
    if recorded(study) is None:
        received = f'received "{study.name}", which is the study of a study file'
        raise ConfigError([f"{script.path}: {received}, expected another name"])
    state = status.status(db, study)
    if state.spent and file.study.trials <= state.limit:
        tell(_finished(study, state, script, found))
        return study
    changes = creation.compare(study, file, found, script.path)
    return creation.apply(db, study, file, changes, found)


def found_in(file: StudyFile, script: Script) -> Inspection:
    """Return the fingerprints of a script and of the files that it imports from its folder."""
    if not script.file.is_file():  # cells of a notebook have no file
        return Inspection("", {})
    return Inspection("", inspection.code_fingerprints(file, Path(script.folder)))


def _finished(study: Study, state: Status, script: Script, found: Inspection) -> str:
    """Return the line that says why nothing is trained."""
    said = f'study "{study.name}" has {state.finished} of {state.limit} trials and is finished'
    if study.config["inspection"]["code"] != found.code:
        said += f"; {script.path} has changed since: these are the results of the earlier code"
    return said


def _makes_way(db: Database, study: Study, found: Inspection) -> bool:
    """Return True if a new study may take the name of this one: it is over, or of other code."""
    state = status.status(db, study)
    if any(one.held for one in state.running):
        return False  # somebody works on it right now
    return state.spent or study.config["inspection"]["code"] != found.code
