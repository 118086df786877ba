"""The studies that the command line can't continue: only a Python program has their code."""

from __future__ import annotations

from studyhall.search.process import handover
from studyhall.search.scripts import script
from studyhall.search.study import record
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.studies.rows import Study


def check(study: Study) -> None:
    """Check that a study can be continued from its database and the files that it names.

    Raises:
        ConfigError: a function that a program or a notebook has defined trains its trials.
    """
    file = record.stored(study).file
    names = [each.name for each in file.own_code if handover.is_handed(each.reference)]
    if handover.is_handed(file.model.family):
        builder = file.model.family.removeprefix(handover.PREFIX)
        raise _from_python(study, f'its models are built by "{builder}"')
    if names:
        raise _from_python(study, f'its models are trained with "{names[0]}"')
    check_script(study)


def check_script(study: Study) -> None:
    """Check that the script that trains the trials of a study, if there is one, is here.

    Raises:
        ConfigError: it is not: cells of a notebook have trained them.
    """
    known = script.recorded(study)
    if known is not None and not known.file.is_file():
        raise _from_python(study, f"its trials are run by {known.file}, which is not there")


def _from_python(study: Study, why: str) -> ConfigError:
    expected = "continue it from Python, in the program or notebook it began in"
    return ConfigError([f"{study.name}: {why}: {expected}"])
