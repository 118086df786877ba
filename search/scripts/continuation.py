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
    file, known = record.stored(study).file, script.recorded(study)
    names = [each.name for each in file.own_code if handover.is_handed(each.reference)]
    if handover.is_handed(file.model.family):
        what = f'its models are built by "{file.model.family.removeprefix(handover.PREFIX)}"'
    elif names:
        what = f'its models are trained with "{names[0]}"'
    elif known is not None and not known.file.is_file():
        what = f"its trials are run by {known.file}, which is not there"
    else:
        return
    raise ConfigError(
        [f"{study.name}: {what}: continue it from Python, in the program or notebook it began in"]
    )
