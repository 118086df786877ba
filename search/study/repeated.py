"""The check that the user's function returns the same samples each time, as every worker calls it.

The file is loaded and the function called once more. If the samples differ, it is called again in
a new process, as a worker would: in this process, the state of a random generator may have moved on
since the first import.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from studyhall.search.data.errors import refusal
from studyhall.search.process import wire
from studyhall.search.study_file.sections import StudyFile
from studyhall.spaces import user_code

if TYPE_CHECKING:
    from studyhall.search.data.loading import Data

LONGEST_S = 30.0  # a function that takes longer is not called a second time


def check(file: StudyFile, path: Path, first: Data, seconds: float) -> None:
    """Refuse a source that returns different samples at the next call.

    Args:
        file: the study file, whose source is a function of the user's.
        path: the study file's path.
        first: the data of the first call.
        seconds: duration of the first call; after a long one, the check is left to the workers.

    Raises:
        DataError: the samples differ.
    """
    if seconds > LONGEST_S or _again(file, path) == first.fingerprint:
        return
    if _apart(file, path) not in (first.fingerprint, None):
        received = f"different samples from {file.data.source} at its second call"
        seeds = "np.random.default_rng(0), shuffle(1000, seed=0)"
        raise refusal("source", received, f"the same each time: set its seeds, as in {seeds}")


def _again(file: StudyFile, path: Path) -> str:
    from studyhall.search.data import loading

    user_code.forget(file.data.source, path.parent)
    return loading.of_file(file, path.parent, file.study.seed).fingerprint


def _apart(file: StudyFile, path: Path) -> str | None:
    """Return the fingerprint in a new process; None if that fails."""
    answer = wire.answer("inspect", str(path), "--once", "--seed", str(file.study.seed))
    if answer.returncode != 0:
        return None
    return str(json.loads(answer.stdout.splitlines()[-1])["data"])
