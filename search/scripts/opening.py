"""The study of a script's call: created, opened again, or put aside for a new one."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from studyhall.search.display import show
from studyhall.search.scripts import fingerprint, replay
from studyhall.search.scripts.call import Call
from studyhall.search.scripts.script import Script, recorded
from studyhall.search.study import creation, fingerprints, record
from studyhall.search.study.fingerprints import Inspection
from studyhall.search.study_file import config, objectives
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.sections import StudyFile
from studyhall.storage.database import Database, urls
from studyhall.storage.queries import status
from studyhall.storage.queries.status import Status
from studyhall.storage.studies import adoption, searches, studies, trash
from studyhall.storage.studies.rows import Study

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
    study = adopted(db, call.name) or studies.find(db, file.study.name)
    if study is not None and adoption.FOREIGN in study.config:
        study = _taken_over(db, study, file, script, found)
    if study is not None and _makes_way(db, study, found, call):
        trash.put(db, study.study_id, "studyhall run")
        listed = f"studyhall trash{urls.storage_option(str(db))}"
        tell(f'the earlier study "{study.name}" is in the trash; see: {listed}')
        study = None
    if study is None:
        return _described(db, _created(db, file, call, script, found), call)
    known = recorded(study)
    if known is None:
        received = f'received "{study.name}", which is the study of a study file'
        raise ConfigError([f"{script.path}: {received}, expected another name"])
    if is_over(study, call):
        replay.check(script, known, call)
        return study
    script = _after_earlier(db, study, script, known, call)
    file = _beside(file, script, call, study.config.get(ADOPTED, 0))
    study = _begun(db, study, file, script, known, call)
    return _continued(db, _described(db, study, call), file, call, script, found, tell)


def is_over(study: Study, call: Call) -> bool:
    """Return True if the script has begun a later search beside this one, which so is over."""
    known = recorded(study)
    return known is not None and call.ordinal < known.ordinal and known.trials_before > 0


def _created(db: Database, file: StudyFile, call: Call, script: Script, found: Inspection) -> Study:
    about = script.to_record()
    study = creation.create(db, file, Path(script.folder), found, further=about, queue=call.queue)
    known = recorded(study)
    if known is None or not call.ended:
        return study
    script = replace(script, added=len(call.ended))
    return _begun(db, study, _beside(file, script, call, 0), script, known, call)


def _after_earlier(db: Database, study: Study, script: Script, known: Script, call: Call) -> Script:
    """Return the script's record with what the study had before this search."""
    script = replace(script, added=len(call.ended))
    if call.ordinal == known.ordinal:
        count, seconds = known.trials_before, known.seconds_before
        script = replace(script, ends=known.ends, added_behind=known.added_behind)
    elif call.adds:
        state = status.status(db, study)
        count, seconds = state.used, state.seconds_used
        script = replace(script, ends=known.ends)
    else:
        return script
    return replace(script, trials_before=count, seconds_before=seconds)


def _begun(
    db: Database, study: Study, file: StudyFile, script: Script, known: Script, call: Call
) -> Study:
    """Record that a search begins: its queue, its trials and its budget, unless it has begun."""
    record_of = script.to_record()
    if record_of[record.SCRIPT] == study.config[record.SCRIPT]:
        return study
    begins = script.ordinal != known.ordinal
    kept = 0 if begins else known.added
    changed = {**study.config, **record_of}
    if begins or script.added != kept:
        tables = changed["file"]
        amount = {"trials": file.study.trials, "hours": file.study.hours}
        changed["file"] = {**tables, "study": {**tables["study"], **amount}}
        return searches.begin(
            db,
            study,
            changed,
            queue=call.queue if begins else (),
            ended=call.ended[kept:],
            **creation.budget(file),
        )
    return studies.change_config(db, study, changed)


def _continued(
    db: Database,
    study: Study,
    file: StudyFile,
    call: Call,
    script: Script,
    found: Inspection,
    tell: Callable[[str], None],
) -> Study:
    state = status.status(db, study)
    if state.running:  # trials that have begun go on, even if fewer are asked for now
        file = _with_trials(file, max(0, state.used - file.study.trials))
    if state.spent and _is_within(file, state) and not call.asks:
        tell(_finished(study, state, script, found))
        return study
    changes = creation.compare(study, file, found, script.path)
    return creation.apply(db, study, file, changes, found)


def _is_within(file: StudyFile, state: Status) -> bool:
    """Return True if a call asks for no more trials and no more time than the study has had."""
    seconds = creation.budget(file)["seconds"]
    more_time = (seconds or math.inf) > (state.seconds_limit or math.inf)
    return file.study.trials <= state.limit and not more_time


def _described(db: Database, study: Study, call: Call) -> Study:
    """Write what the script says of its study, for those who read it."""
    if not call.attributes and not call.metric_names:
        return study
    storage, identifier = db.optuna_storage(), study.study_id
    for key, value in call.attributes.items():
        storage.set_study_user_attr(identifier, key, value)
    if names := [*call.metric_names]:
        storage.set_study_system_attr(identifier, "study:metric_names", names)
    return study


def _taken_over(
    db: Database, study: Study, file: StudyFile, script: Script, found: Inspection
) -> Study:
    """Give an adopted study of Optuna a script, whose trials come beside those that it has.

    Raises:
        ConfigError: the script optimises in the other direction.
    """
    wanted = objectives.directions(dict(file.study))
    if wanted != [*study.directions]:
        asked, there = " and ".join(wanted), " and ".join(study.directions)
        received = f'received "{asked}", expected "{there}", as {study.name} has it'
        raise ConfigError([f"{script.path}: direction: {received}"])
    count = status.status(db, study).finished
    kept = {key: study.config[key] for key in study.config if key not in FOREIGN_KEYS}
    file = _with_trials(file, count)
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


def _beside(file: StudyFile, script: Script, call: Call, adopted: int) -> StudyFile:
    """Return a file whose budget is for trials beside those of other tools and earlier searches.

    Args:
        file: the call as a study file.
        script: the script, with what there was before.
        call: the call.
        adopted: number of trials that another tool has run.
    """
    adds = call.adds and call.ordinal > 1
    file = _with_trials(file, (script.trials_before if adds else adopted) + script.added)
    if not adds or file.study.hours is None or file.study.hours != call.hours:
        return file
    hours = file.study.hours + script.seconds_before / creation.SECONDS_PER_HOUR
    return file.model_copy(update={"study": file.study.model_copy(update={"hours": hours})})


def _with_trials(file: StudyFile, count: int) -> StudyFile:
    """Return a file whose budget is for so many trials more."""
    section = file.study.model_copy(update={"trials": file.study.trials + count})
    return file.model_copy(update={"study": section})


def found_in(file: StudyFile, script: Script) -> Inspection:
    """Return the fingerprints of a script and of the files that it imports from its folder."""
    if not script.file.is_file():  # cells of a notebook have no file
        return Inspection("", {})
    code = fingerprints.of_code(file, Path(script.folder))
    return Inspection("", {**code, script.path: fingerprint.of_file(script.file)})


def _finished(study: Study, state: Status, script: Script, found: Inspection) -> str:
    """Return the line that says why nothing is trained."""
    said = f'study "{study.name}" has {show.of_limit(state.finished, state)} trials and is finished'
    if study.config["inspection"]["code"] != found.code:
        said += f"; {script.path} has changed since: these are the results of the earlier code"
    return said


def _for(script: Script, call: Call) -> Script:
    """Return a script as the study of one of its searches records it."""
    measures = call.measure is not None
    return replace(script, ordinal=call.ordinal, measures=measures, asks=call.asks)


def adopted(db: Database, name: str) -> Study | None:
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
