"""The doctor's whole report, for people and for programs."""

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
    """The state of this machine, the database and its studies."""

    versions: dict[str, str | None]
    devices: list[dict[str, str | int | None]]
    health: Health
    studies: list[Examined]

    @property
    def findings(self) -> list[tuple[str | None, Finding]]:
        """Every finding, with the name of the study that it concerns, or None."""
        general = [*machine.findings(self.versions, self.devices), *database.findings(self.health)]
        own = [(one.study.name, found) for one in self.studies for found in one.findings]
        return [*((None, found) for found in general), *own]

    @property
    def well(self) -> bool:
        """True if no finding needs the user."""
        return not any(found.needs_you for _, found in self.findings)


def examine(db: Database, studies: Sequence[tuple[Study, str]]) -> Report:
    """Examine machine, database and studies without changing anything.

    Args:
        db: the database.
        studies: the studies, each with the command that continues it.
    """
    found = [study.examine(db, each, go_on) for each, go_on in studies]
    return Report(machine.versions(), machine.devices(), health.read(db), found)


def to_json(report: Report) -> dict[str, Any]:
    """Return the report as JSON-able values."""
    return {
        "well": report.well,
        "versions": report.versions,
        "devices": report.devices,
        "database": asdict(report.health),
        "studies": [study.to_json(found) for found in report.studies],
        "findings": [{"study": name, **asdict(found)} for name, found in report.findings],
    }


def lines(report: Report) -> list[str]:
    """Return the report for people: findings that need the user begin with "!" and are counted."""
    told = [_line(name, found) for name, found in report.findings]
    needs = sum(found.needs_you for _, found in report.findings)
    return [*told, f"! {needs} of these need your attention" if needs else "all is well"]


def _line(study_name: str | None, found: Finding) -> str:
    whose = f"{study_name}: " if study_name and not found.about.startswith("study ") else ""
    return f"{'!' if found.needs_you else ' '} {whose}{found.line}"
