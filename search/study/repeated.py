"""Whether the user's function returns the same samples each time: every worker calls it anew.

It is called once more, its file read anew; only if that gives other samples is it called in a fresh
process, as a worker would: what a module draws at its import may go on in this one.
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

LONGEST_S = 30.0  # that a first call may have taken, for a second one


def check(file: StudyFile, path: Path, first: Data, seconds: float) -> None:
    """Refuse a source that returns other samples the next time.

    Args:
        file: the study file, whose source is a function of the user's.
        path: where it lies.
        first: what the first call gave.
        seconds: that it took; after a long one the workers find out.

    Raises:
        DataError: the samples differ.
    """
    if seconds > LONGEST_S or _again(file, path) == first.fingerprint:
        return
    if _apart(file, path) not in (first.fingerprint, None):
        received = f"other samples from {file.data.source} at its second call"
        seeds = "np.random.default_rng(0), shuffle(1000, seed=0)"
        raise refusal("source", received, f"the same each time: fix its seeds, as in {seeds}")


def _again(file: StudyFile, path: Path) -> str:
    from studyhall.search.data import loading

    user_code.forget(file.data.source, path.parent)
    return loading.of_file(file, path.parent, file.study.seed).fingerprint


def _apart(file: StudyFile, path: Path) -> str | None:
    """The fingerprint in a fresh process; None where it comes to nothing there."""
    answer = wire.answer("inspect", str(path), "--once", "--seed", str(file.study.seed))
    if answer.returncode != 0:
        return None
    return str(json.loads(answer.stdout.splitlines()[-1])["data"])
