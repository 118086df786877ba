"""The inspection of a study's data by its first early worker, which then has them for its trials.

So Keras is imported once and the data are read once before the first trial, and a launcher needs no
memory for them.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studyhall.search.process import wire
from studyhall.search.process.wire import INSPECT, WorkerProcess
from studyhall.search.study import inspection
from studyhall.search.study.fingerprints import Inspection
from studyhall.search.study_file import config
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.sections import StudyFile
from studyhall.spaces.failures import UserCodeError

if TYPE_CHECKING:
    from studyhall.search.data.loading import Data

FOUND, MISTAKES = "found", "mistakes"  # what a worker answers
GLANCE_S = 0.02  # between two looks for an answer


@dataclass
class Read:
    """Data that this process has read.

    Attributes:
        file: the study file.
        folder: the folder that its paths start from.
        data: the data; None once they are taken, so that others need not lie beside them.
    """

    file: StudyFile
    folder: Path
    data: Data | None

    def taken(self, file: StudyFile, folder: Path, seed: int) -> Data | None:
        """Hand the data over if they are those of a study; None if they have to be read again.

        Streams always are: reading them may have moved a generator of random numbers on.
        """
        data, self.data = self.data, None
        same = _origin(self.file, self.file.study.seed, self.folder) == _origin(file, seed, folder)
        return data if same and data is not None and not data.streams else None


@dataclass(frozen=True)
class Request:
    """A launcher's request to inspect a study file.

    Attributes:
        file: the study file.
        path: its path.
    """

    file: StudyFile
    path: Path

    def line(self) -> str:
        """Return the request as a line for a worker; it holds no password of the database."""
        return f"{INSPECT} {json.dumps([config.to_dict(self.file), str(self.path)])}"

    @classmethod
    def of(cls, line: str) -> Request | None:
        """Return the request in a launcher's line; None if it has none."""
        if not line.startswith(f"{INSPECT} "):
            return None
        tables, path = json.loads(line.removeprefix(f"{INSPECT} "))
        return cls(config.from_dict(tables, Path(path).name), Path(path))

    def answer(self) -> Read | None:
        """Inspect the data and tell the launcher; return them, or None if they can't be used.

        What goes wrong in the user's code is not told: the launcher will see it for itself.
        """
        try:
            data = inspection.load(self.file, self.path)
            found = inspection.inspect(self.file, self.path, loaded=data)
        except ConfigError as mistake:
            wire.answer_launcher(**{MISTAKES: mistake.problems})
            return None
        except UserCodeError:
            return None
        wire.answer_launcher(**{FOUND: asdict(found)})
        return Read(self.file, self.path.parent, data)


def found(worker: WorkerProcess, file: StudyFile, path: Path) -> Inspection | None:
    """Let an early worker inspect a study file; None if it has ended without an answer.

    Raises:
        ConfigError: as `inspection.inspect`.
    """
    worker.let_inspect(Request(file, path).line())
    while True:
        is_over = worker.poll() is not None  # asked before the last words are heard
        said = worker.heard()
        if MISTAKES in said:
            raise ConfigError(said[MISTAKES])
        if FOUND in said:
            return Inspection(**said[FOUND])
        if is_over:
            return None
        time.sleep(GLANCE_S)


def _origin(file: StudyFile, seed: int, folder: Path) -> tuple[Any, ...]:
    """Return all that decides which data `loading.of_file` returns."""
    model = file.model
    return config.to_dict(file)["data"], model.is_own, model.reads_texts, seed, folder.resolve()
