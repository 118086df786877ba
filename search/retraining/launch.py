"""The worker processes of retrainings: started, watched and stopped like those of a launch."""

from __future__ import annotations

from studyhall.search.display import words
from studyhall.search.display.live import View
from studyhall.search.launcher import dead_workers, launch, places
from studyhall.search.launcher.crew import Crew
from studyhall.search.launcher.watch import ANSWER_S
from studyhall.search.process.device import Device
from studyhall.search.process.patience import TooLong, at_most
from studyhall.search.study import record
from studyhall.search.study_file import objectives
from studyhall.storage.database import Database
from studyhall.storage.database.urls import StorageAway
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies import retrainings
from studyhall.storage.studies.retrainings import CONFIRM, DATACURVE, Retraining
from studyhall.storage.studies.rows import Study

# What one of several trainings of a trial is called: their seeds differ by purpose.
CALLED = {CONFIRM: "new seed", DATACURVE: "training"}


def run(
    db: Database, study: Study, purpose: str, devices: list[Device], view: View, url: str
) -> int:
    """Run the planned retrainings on every device.

    Args:
        db: database of the study.
        study: the study whose trials are trained again.
        purpose: the kind of retraining.
        devices: one worker process is started per entry.
        view: display of the launch.
        url: URL of the database.

    Returns:
        Exit code, as of `launch.launch`.
    """
    left = sum(one.result is None for one in retrainings.read(db, study, purpose))
    if left == 0:
        return 0
    command = launch.command(study.name, "retrain", purpose)
    hidden, there = retrainings.hidden(study, purpose), places.places(study, devices[:left], url)
    crew = Crew(command, there, lambda dead: dead_workers.bury(db, hidden, dead))
    with record.kept(study):
        return launch.attend(crew, Progress(db, study, purpose, view).look, view)


class Progress:
    """The progress display: prints a line for each training that has ended."""

    def __init__(self, db: Database, study: Study, purpose: str, view: View) -> None:
        self._db, self._study, self._purpose, self._view = db, study, purpose, view
        self._objective = objectives.shown(objectives.of_study(study.config)[0])
        self._told = {one.id for one in retrainings.read(db, study, purpose) if one.result}

    def look(self) -> list[TrialRecord]:
        """Print the trainings that ended since the last call; return no trials of the search."""
        found = self._read()
        for one in found:
            if one.result is not None and one.id not in self._told:
                self._told.add(one.id)
                line = _line(one, self._objective, CALLED[self._purpose])
                self._view.say(f"{line}; {len(self._told)} of {len(found)}")
        return []

    def _read(self) -> list[Retraining]:
        try:
            with at_most(ANSWER_S):
                return retrainings.read(self._db, self._study, self._purpose, patience_s=0.0)
        except (StorageAway, TooLong):
            return []


def _line(one: Retraining, objective: str, called: str) -> str:
    assert one.result is not None
    came_to = one.result.get("reason") or f"{objective} {words.number(one.result['value'])}"
    less = "" if one.percent == 100 else f" on {one.percent} % of the training data"
    return f"trial {one.trial}, {called} {one.repeat + 1}{less}: {came_to}"
