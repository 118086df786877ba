"""The copy of a whole study, with its hidden studies, from one database into another.

Numbers, names and times stay; the identifiers of studies and trials are the target's own. Rows are
read and written in batches of trials, so that memory does not grow with the study.
"""

import itertools
import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from studyhall.storage.database import Database, Transaction, companions, dialects
from studyhall.storage.studies import copy_checks, deletion, rows
from studyhall.storage.studies.rows import Study

BATCH = 200  # trials that are read and written at a time
_UTC = "%Y-%m-%d %H:%M:%S.%f"  # of dates in Optuna's tables on SQLite

# Tables whose rows belong to a trial. Optuna's number their rows themselves.
_OF_TRIALS = {
    "trial_params": ("trial_id", "param_name", "param_value", "distribution_json"),
    "trial_values": ("trial_id", "objective", "value", "value_type"),
    "trial_intermediate_values": (
        "trial_id", "step", "intermediate_value", "intermediate_value_type",
    ),
    "trial_user_attributes": ("trial_id", "key", "value_json"),
    "studyhall_history": ("trial_id", "fold", "epoch", "value", "metrics", "seconds"),
    "studyhall_leases": ("*",),
    "studyhall_done": ("*",),
    "studyhall_rungs": ("*",),
}  # fmt: skip
# Tables whose rows belong to a study or a hidden one; the queue follows, with new tokens.
_OF_STUDIES = ("studyhall_budget", "studyhall_facts", "studyhall_scorings")
_TRIALS = {
    True: "SELECT * FROM trials WHERE study_id = :study_id ORDER BY number",
    False: """
        SELECT t.* FROM trials t JOIN (
            SELECT trial_id FROM studyhall_leases WHERE study_id = :study_id
            UNION ALL SELECT trial_id FROM studyhall_done WHERE study_id = :study_id
        ) own ON own.trial_id = t.trial_id ORDER BY t.number""",
}


@dataclass
class Identifiers:
    """The identifiers of a copied study.

    Attributes:
        studies: the target's identifiers of the study and its hidden ones, by the source's.
        trials: likewise of trials.
    """

    studies: dict[int, int]
    trials: dict[int, int] = field(default_factory=dict)


# Attributes in Optuna's tables as JSON texts by key, in which identifiers may occur; the second
# argument says which to write instead.
Renumber = Callable[[dict[str, str], Identifiers], dict[str, str]]


def copy(
    source: Database,
    target: Database,
    study: Study,
    *,
    seen: copy_checks.Progress,
    renumber: Renumber,
    config: Mapping[str, Any],
    facts: Mapping[str, str],
) -> Study:
    """Copy all rows of a study, in one transaction of the target.

    Args:
        source: the database of the study.
        target: the database that gets the copy.
        study: the study.
        seen: its `copy_checks.progress` when the caller last looked.
        renumber: replaces identifiers in attributes.
        config: the copy's configuration.
        facts: the copy's facts that differ from the study's, as JSON by key.

    Returns:
        The copy.

    Raises:
        StorageError: workers have been at the study since, or the target has a study of that name.
    """

    def read(old: Transaction) -> Study:
        if copy_checks.read(old, study) != seen:
            raise copy_checks.disturbed(study)
        return target.transaction(lambda new: _Copy(old, new, study, renumber).run(config, facts))

    try:
        return source.snapshot(read)
    except dialects.driver(target.kind).IntegrityError as error:
        raise copy_checks.taken(target, study.name) from error


class _Copy:
    """One copy, from a transaction that reads to another that writes."""

    def __init__(
        self, old: Transaction, new: Transaction, study: Study, renumber: Renumber
    ) -> None:
        self._old, self._new, self._study, self._renumber = old, new, study, renumber
        self._ids = Identifiers({})

    def run(self, config: Mapping[str, Any], facts: Mapping[str, str]) -> Study:
        """Write the copy and return it."""
        deletion.forget_orphans(self._new)
        self._ids = Identifiers(self._insert(config))
        for old_id in self._ids.studies:
            for batch in _batches(self._rows(_TRIALS[old_id > 0], study_id=old_id)):
                self._trials(old_id, batch)
        self._of_study(facts)
        copied = rows.find(self._new, self._study.name)
        assert copied is not None
        return copied

    def _insert(self, config: Mapping[str, Any]) -> dict[int, int]:
        """Insert the study itself; return its identifier and those of its hidden studies."""
        study = self._study
        new_id = rows.insert(
            self._new, study.name, uuid.uuid4().hex, config, study.seed, study.directions
        )
        self._new.run(
            "UPDATE studyhall_studies SET created_at = :at WHERE study_id = :study_id",
            at=study.created_at,
            study_id=new_id,
        )
        hidden = {
            companions.identifier(study.study_id, purpose): companions.identifier(new_id, purpose)
            for purpose in companions.PURPOSES
        }
        return {study.study_id: new_id, **hidden}

    def _trials(self, old_study: int, batch: Sequence[Mapping[str, Any]]) -> None:
        """Copy some trials with everything that belongs to them."""
        new_study = companions.optunas(self._ids.studies[old_study])
        for trial in batch:
            values = {**trial, "study_id": new_study}
            names = [name for name in values if name != "trial_id"]
            text = f"{_insert_text('trials', names)} RETURNING trial_id"
            self._ids.trials[trial["trial_id"]] = int(self._new.value(text, **values))
        wanted = {f"id{place}": trial["trial_id"] for place, trial in enumerate(batch)}
        for table, columns in _OF_TRIALS.items():
            text = f"SELECT {', '.join(columns)} FROM {table} WHERE {_among(wanted)}"
            found = self._rows(text, **wanted)
            self._write(table, [self._moved(table, row) for row in found])
        self._system_attributes(wanted)

    def _system_attributes(self, wanted: Mapping[str, int]) -> None:
        text = f"""
            SELECT trial_id, key, value_json FROM trial_system_attributes WHERE {_among(wanted)}
            ORDER BY trial_id, trial_system_attribute_id"""
        found = self._rows(text, **wanted)
        moved = []
        for old_id, group in itertools.groupby(found, key=lambda row: row["trial_id"]):
            texts = self._renumber({row["key"]: row["value_json"] for row in group}, self._ids)
            new_id = self._ids.trials[old_id]
            moved += [
                {"trial_id": new_id, "key": key, "value_json": text} for key, text in texts.items()
            ]
        self._write("trial_system_attributes", moved)

    def _of_study(self, facts: Mapping[str, str]) -> None:
        """Copy what belongs to the study and its hidden ones, the trials excepted."""
        old_id = self._study.study_id
        for table in _OF_STUDIES:
            text = f"SELECT * FROM {table} WHERE study_id IN {companions.family()}"
            found = [self._moved(table, row) for row in self._rows(text, study_id=old_id)]
            if table == "studyhall_facts":
                found = [{**row, "value": facts.get(row["key"], row["value"])} for row in found]
            self._write(table, found)
        text = "SELECT study_id, params, attributes FROM studyhall_queue WHERE study_id IN {} {}"
        ordered = text.format(companions.family(), "ORDER BY queue_id")
        queued = [self._moved("", row) for row in self._rows(ordered, study_id=old_id)]
        self._write("studyhall_queue", [{**row, "token": uuid.uuid4().hex} for row in queued])
        for kind in ("user", "system"):
            self._attributes(f"study_{kind}_attributes", old_id)

    def _attributes(self, table: str, old_id: int) -> None:
        text = f"SELECT key, value_json FROM {table} WHERE study_id = :id ORDER BY {table[:-1]}_id"
        texts = {row["key"]: row["value_json"] for row in self._rows(text, id=old_id)}
        new_id = self._ids.studies[old_id]
        moved = self._renumber(texts, self._ids)
        values = [{"study_id": new_id, "key": k, "value_json": v} for k, v in moved.items()]
        self._write(table, values)

    def _moved(self, table: str, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return a row with the target's identifiers."""
        moved = dict(row)
        if "study_id" in moved:
            moved["study_id"] = self._ids.studies[moved["study_id"]]
        if "trial_id" in moved:
            moved["trial_id"] = self._ids.trials[moved["trial_id"]]
        if table == "studyhall_done":
            moved["attributes"] = _with_texts(moved["attributes"], self._renumber, self._ids)
        return moved

    def _rows(self, text: str, **values: Any) -> list[dict[str, Any]]:
        found = self._old.mappings(text, **values)
        return [_spelt(row) for row in found] if self._new.kind == "sqlite" else found

    def _write(self, table: str, values: Sequence[Mapping[str, Any]]) -> None:
        if values:
            self._new.run_many(_insert_text(table, list(values[0])), values)


def _batches(trials: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    for start in range(0, len(trials), BATCH):
        yield trials[start : start + BATCH]


def _among(wanted: Mapping[str, int]) -> str:
    return f"trial_id IN ({', '.join(f':{name}' for name in wanted)})"


def _insert_text(table: str, names: Sequence[str]) -> str:
    values = ", ".join(f":{name}" for name in names)
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values})"


def _spelt(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as SQLite holds it: dates as texts."""
    return {
        name: value.strftime(_UTC) if isinstance(value, datetime) else value
        for name, value in row.items()
    }


def _with_texts(attributes: str, renumber: Renumber, ids: Identifiers) -> str:
    """Renumber a JSON object of attributes, whose values are not texts but JSON values."""
    texts = {key: json.dumps(value) for key, value in json.loads(attributes).items()}
    return json.dumps({key: json.loads(text) for key, text in renumber(texts, ids).items()})
