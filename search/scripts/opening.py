"""The study of a script's call: created, opened again, or put aside for a new one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from studyhall.search.scripts import fingerprint
from studyhall.search.scripts.call import Call
from studyhall.search.scripts.script import Script, recorded
from studyhall.search.study import creation, inspection, record
from studyhall.search.study.inspection import Inspection
from studyhall.search.study_file import config, objectives
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.sections import StudyFile
from studyhall.storage.database import Database
from studyhall.storage.queries import status
from studyhall.storage.queries.status import Status
from studyhall.storage.studies import adoption, studies, trash
from studyhall.storage.studies.rows import Queued, Study

ADOPTED = "adopted"  # key of a study's record: the number of trials that another tool has run
FOREIGN_KEYS = (adoption.FOREIGN, adoption.METRIC)


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
        StorageError: an Optuna study of that name has not been adopted.
    """
    found, script = found_in(file, script), _for(script, call)
    study = _adopted(db, call.name) or studies.find(db, file.study.name)
    if study is not None and adoption.FOREIGN in study.config:
        study = _taken_over(db, study, file, script, found)
    if study is not None:
        file = _beside(file, study.config.get(ADOPTED, 0))
    if study is not None and _makes_way(db, study, found, call):
        trash.put(db, study.study_id, "studyhall run")
        tell(f'the earlier study "{study.name}" is in the trash; see: studyhall trash')
        study = None
    if study is None:
        queue = [dict(each) for each in call.queue]
        about = script.to_record()
        return creation.create(db, file, Path(script.folder), found, further=about, queue=queue)
    if recorded(study) is None:
        received = f'received "{study.name}", which is the study of a study file'
        raise ConfigError([f"{script.path}: {received}, expected another name"])
    if script.to_record()[record.SCRIPT] != study.config[record.SCRIPT]:
        changed = {**study.config, **script.to_record()}
        study = studies.change_config(db, study, changed, [*map(Queued, call.queue)])
    state = status.status(db, study)
    if state.spent and file.study.trials <= state.limit:
        tell(_finished(study, state, script, found))
        return study
    changes = creation.compare(study, file, found, script.path)
    return creation.apply(db, study, file, changes, found)


def _taken_over(
    db: Database, study: Study, file: StudyFile, script: Script, found: Inspection
) -> Study:
    """Give an adopted study of Optuna a script, whose trials come beside those that it has.

    Raises:
        ConfigError: the script optimises in the other direction.
    """
    (direction,) = objectives.directions(dict(file.study))
    if direction != study.direction:
        received = f'received "{direction}", expected "{study.direction}", as {study.name} has it'
        raise ConfigError([f"{script.path}: direction: {received}"])
    count = status.status(db, study).finished
    kept = {key: study.config[key] for key in study.config if key not in FOREIGN_KEYS}
    file = _beside(file, count)
    about = {
        **kept,
        "file": config.to_dict(file),
        "folder": script.folder,
        "inspection": asdict(found),
        ADOPTED: count,
        **script.to_record(),
    }
    changed = studies.change_config(db, study, about)
    studies.set_limits(db, study, **creation.budget(file))
    return changed


def _beside(file: StudyFile, count: int) -> StudyFile:
    """Return a file whose budget is for trials beside so many of another tool."""
    section = file.study.model_copy(update={"trials": file.study.trials + count})
    return file.model_copy(update={"study": section})


def found_in(file: StudyFile, script: Script) -> Inspection:
    """Return the fingerprints of a script and of the files that it imports from its folder."""
    if not script.file.is_file():  # cells of a notebook have no file
        return Inspection("", {})
    code = inspection.code_fingerprints(file, Path(script.folder))
    return Inspection("", {**code, script.path: fingerprint.of_file(script.file)})


def _finished(study: Study, state: Status, script: Script, found: Inspection) -> str:
    """Return the line that says why nothing is trained."""
    said = f'study "{study.name}" has {state.finished} of {state.limit} trials and is finished'
    if study.config["inspection"]["code"] != found.code:
        said += f"; {script.path} has changed since: these are the results of the earlier code"
    return said


def _for(script: Script, call: Call) -> Script:
    """Return a script as the study of one of its searches records it."""
    return replace(script, ordinal=call.ordinal, measures=call.measure is not None)


def _adopted(db: Database, name: str) -> Study | None:
    """Return the study of Optuna's that has this name, which may hold any characters."""
    study = studies.find(db, name)
    if study is None or not {adoption.FOREIGN, ADOPTED} & study.config.keys():
        return None
    return study


def _makes_way(db: Database, study: Study, found: Inspection, call: Call) -> bool:
    """Return True if a new study may take the name of this one.

    It has no result yet and is of other code, or the script begins anew and it is over or of other
    code; and nobody works on it right now.
    """
    state, other = status.status(db, study), study.config["inspection"]["code"] != found.code
    if any(one.held for one in state.running) or recorded(study) is None:
        return False
    if not call.fresh:
        return other and not state.counts["COMPLETE"] + state.counts["PRUNED"]
    return state.spent or other
