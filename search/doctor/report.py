"""The whole examination, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from studyhall.search.doctor import database, machine, study
from studyhall.search.doctor.finding import Finding
from studyhall.search.doctor.study import Examined
from studyhall.storage.database import Database, health
from studyhall.storage.database.health import Health
from studyhall.storage.studies.rows import Study

NEEDS_YOU = 3  # exit code


@dataclass(frozen=True)
class Report:
    """What was found on this machine, in its database, in its studies."""

    versions: dict[str, str | None]
    devices: list[dict[str, str | int | None]]
    health: Health
    studies: list[Examined]

    @property
    def findings(self) -> list[tuple[str | None, Finding]]:
        """Every line, with the study that it is about, if it is about one."""
        general = [*machine.findings(self.versions, self.devices), *database.findings(self.health)]
        own = [(one.study.name, found) for one in self.studies for found in one.findings]
        return [*((None, found) for found in general), *own]

    @property
    def well(self) -> bool:
        """Whether nothing needs the user."""
        return not any(found.needs_you for _, found in self.findings)


def examine(db: Database, studies: Sequence[tuple[Study, str]]) -> Report:
    """Look at everything and change nothing.

    Args:
        db: the database.
        studies: each with the command that lets it go on.
    """
    found = [study.examine(db, each, go_on) for each, go_on in studies]
    return Report(machine.versions(), machine.devices(), health.read(db), found)


def to_json(report: Report) -> dict[str, Any]:
    """The report for programs."""
    return {
        "well": report.well,
        "versions": report.versions,
        "devices": report.devices,
        "database": asdict(report.health),
        "studies": [study.to_json(found) for found in report.studies],
        "findings": [{"study": name, **asdict(found)} for name, found in report.findings],
    }


def lines(report: Report) -> list[str]:
    """The report for people: what needs them is marked, and counted in the end."""
    told = [_line(name, found) for name, found in report.findings]
    needs = sum(found.needs_you for _, found in report.findings)
    return [*told, f"! {needs} of these need you" if needs else "all is well"]


def _line(study_name: str | None, found: Finding) -> str:
    whose = f"{study_name}: " if study_name and not found.about.startswith("study ") else ""
    return f"{'!' if found.needs_you else ' '} {whose}{found.line}"
