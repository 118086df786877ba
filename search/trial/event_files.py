"""The event files of a trial, which TensorBoard shows: metrics by epoch, and hyperparameters.

They lie beside the study's artifacts, in `tensorboard/STUDY/trial-7`, with a folder in it for each
fold or repeat. A worker that takes a trial over writes what the database knows of it anew, so that
every epoch is there once, whatever the one before it had written.
"""

from __future__ import annotations

import json
import os
import socket
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2
from tensorboard.plugins.hparams.summary import session_end_pb
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.summary.writer.record_writer import RecordWriter

from studyhall.search.study import record
from studyhall.search.trial.listening import Told
from studyhall.storage.artifacts import atomic_files
from studyhall.storage.database import private_files
from studyhall.storage.studies.rows import Study

FOLDER = "tensorboard"  # beside the folders of artifacts
VALUE = "value"  # the tag of a trial's value
_STATES = {
    "COMPLETE": api_pb2.STATUS_SUCCESS,
    "PRUNED": api_pb2.STATUS_SUCCESS,
    "FAIL": api_pb2.STATUS_FAILURE,
}


def folder_of(study: Study) -> Path:
    """Return the folder of a study's event files."""
    artifacts = record.local_folder(study)
    return artifacts.parent / FOLDER / artifacts.name


class EventFiles:
    """The event files of one trial; a listener of its epochs.

    Each event is appended to a file that is opened for it alone: nothing is lost in a buffer, or
    left open, when the worker dies.

    Args:
        study: the study.
        number: the trial's number.
    """

    def __init__(self, study: Study, number: int) -> None:
        self._group = f"{study.name}/trial-{number}"
        self._root = record.local_folder(study).parent
        self._folder = folder_of(study) / f"trial-{number}"
        # As TensorBoard's own writers name theirs: it looks for "tfevents".
        unique = f"{time.time():.0f}.{socket.gethostname()}.{os.getpid()}.{uuid.uuid4().hex[:8]}"
        self._name = f"events.out.tfevents.{unique}"

    def begin(self, params: Mapping[str, Any], past: Sequence[Told]) -> None:
        """Write the hyperparameters, and the epochs that the database has."""
        atomic_files.make_within(self._root, self._folder)
        for path in self._folder.rglob("events.out.tfevents.*"):
            path.unlink()
        values = {name: _plain(value) for name, value in params.items()}
        self._write("", _own(hparams_pb(values, trial_id=self._group)))
        for told in past:
            self.epoch(told)

    def epoch(self, told: Told) -> None:
        """Write the metrics of an epoch."""
        values = [
            Summary.Value(tag=name, simple_value=float(value))
            for name, value in told.metrics.items()
            if isinstance(value, int | float)
        ]
        self._write(told.part, Summary(value=values), told.number)

    def end(self, state: str, value: float | None) -> None:
        """Write the trial's value, and how it ended."""
        if value is not None:
            self._write("", Summary(value=[Summary.Value(tag=VALUE, simple_value=value)]))
        self._write("", _own(session_end_pb(_STATES[state])))

    def _write(self, part: str, summary: Summary, step: int = 0) -> None:
        path = self._folder / part / self._name
        atomic_files.make_within(self._root, path.parent)
        events = [Event(wall_time=time.time(), step=step, summary=summary)]
        if not path.exists():
            events.insert(0, Event(wall_time=time.time(), file_version="brain.Event:2"))
        with open(path, "ab", opener=private_files.opener) as file:
            for event in events:
                RecordWriter(file).write(event.SerializeToString())


def _own(summary: Any) -> Summary:
    """Return a summary as TensorBoard's class, which is another than TensorFlow's."""
    return Summary.FromString(summary.SerializeToString())


def _plain(value: Any) -> bool | int | float | str:
    """Return a hyperparameter's value as TensorBoard takes it."""
    return value if isinstance(value, bool | int | float | str) else json.dumps(value)
