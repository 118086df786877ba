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
    family = record.stored(study).file.model.family
    known = script.recorded(study)
    if handover.is_handed(family):
        what = f'its models are built by "{family.removeprefix(handover.PREFIX)}"'
    elif known is not None and not known.file.is_file():
        what = f"its trials are run by {known.file}, which is not there"
    else:
        return
    raise ConfigError(
        [f"{study.name}: {what}: continue it from Python, in the program or notebook it began in"]
    )
