"""The next study file, with a space proposed from the results and a warm start from them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.items import Table

from studyhall.search.data.sources import table_patterns
from studyhall.search.diagnosis import next_space
from studyhall.search.diagnosis.next_space import Proposal
from studyhall.search.diagnosis.tendencies import OfHyperparameter
from studyhall.search.study.record import Stored
from studyhall.search.study_file import config, toml_writer
from studyhall.spaces import spelling

OWN_FILE = re.compile(r"(.+\.py)(:\w+)")
SQLITE = "sqlite:///"
OWN_CODE = (
    *(("training", key) for key in ("loss", "metrics", "callbacks")),
    ("study", "objective"),
)  # keys that may name code of the user's


def next_name(name: str, taken: Iterable[str]) -> str:
    """Return the next free name: ``digits-2`` after ``digits``, ``digits-3`` after ``digits-2``."""
    stem, number = name, 2
    if found := re.fullmatch(r"(.+)-(\d+)", name):
        stem, number = found[1], int(found[2]) + 1
    while f"{stem}-{number}" in set(taken):
        number += 1
    ending = f"-{number}"
    return stem[: 100 - len(ending)] + ending


def study_file(
    stored: Stored,
    name: str,
    found: Sequence[OfHyperparameter],
    tried: Mapping[str, Mapping[Any, int]],
    ended: int,
    storage: str | None,
    more: str,
    folder: Path | None = None,
) -> tuple[str, str]:
    """Write the text of the next study file, and check it.

    Args:
        stored: the old study's record.
        name: name of the next study.
        found, tried, ended: arguments of `next_space.propose`.
        storage: URL of the database for the new file; None if the default is meant.
        more: how the study gets more trials.
        folder: the new file's folder, if it differs from the old file's.

    Returns:
        The text, and why its space is the old one; "" if it isn't.

    Raises:
        ConfigError: the proposed file would have mistakes.
    """
    old = stored.file
    proposals = next_space.propose(old.space, found, tried, ended)
    tables = old.model_dump(mode="json")
    tables["study"]["name"] = name
    tables["search"] |= {"warm_start": old.study.name, "first": "textbook"}
    if folder is not None:
        tables["data"]["source"] = _moved(old.data.source, stored.folder, folder)
        tables["model"]["family"] = _moved(old.model.family, stored.folder, folder)
        if old.model.weights is not None:
            tables["model"]["weights"] = _moved(old.model.weights, stored.folder, folder)
        for table, key in OWN_CODE:
            tables[table][key] = _all_moved(tables[table][key], stored.folder, folder)
    tables["study"]["storage"] = None if storage is None else config.without_password(storage)
    document, same = tomlkit.document(), next_space.unchanged(proposals, ended, more)
    head = f"The next study, proposed from {spelling.counted(ended, 'trial')} of {old.study.name}."
    toml_writer.comment(document, f"{head} {same[:1].upper()}{same[1:]}".rstrip())
    toml_writer.add_tables(document, tables)
    toml_writer.add(document, "space", _space(proposals, found))
    text = tomlkit.dumps(document)
    config.parse(text, name)
    return text, same


def _space(proposals: Sequence[Proposal], found: Sequence[OfHyperparameter]) -> Table:
    space, known = tomlkit.table(), {each.entry.name: each for each in found}
    for each in proposals:
        for line in _reasons(each, known.pop(each.name, None)):
            toml_writer.comment(space, line)
        space.append(spelling.toml_key(each.name), spelling.as_item(each.written))
    for name, asked in known.items():
        for line in _reasons(Proposal(name, None), asked):
            toml_writer.comment(space, f"{name}, which the code asks for: {line}")
    return space


def _reasons(proposal: Proposal, found: OfHyperparameter | None) -> Iterator[str]:
    if found is None:
        return
    weight = "" if found.importance is None else f"importance {found.importance:.2f}; "
    changed = f"; {proposal.why}" if proposal.why else ""
    yield f"{weight}best trials: {found.good_range}{changed}"
    yield from (tendency.sentence() for tendency in found.tendencies)


def _all_moved(named: Any, old: Path, new: Path) -> Any:
    """Rewrite a name or a list of names; those that are no reference stay as they are."""
    if isinstance(named, list):
        return [_all_moved(each, old, new) for each in named]
    own = isinstance(named, str) and OWN_FILE.fullmatch(named)
    return _moved(named, old, new) if own else named


def _moved(reference: str, old: Path, new: Path) -> str:
    """Rewrite a path of the old study file relative to the new file's folder."""
    own = OWN_FILE.fullmatch(reference)
    path, ending = (own[1], own[2]) if own else (reference, "")
    if reference.startswith(SQLITE):
        moved = _moved(reference.removeprefix(SQLITE), old, new)
        return f"{SQLITE}{moved}"
    there = old / path
    known = there.exists() or table_patterns.is_pattern(path, old)
    if not known or Path(path).is_absolute():
        return reference
    return os.path.relpath(there, new.resolve()) + ending
