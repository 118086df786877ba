"""A study file for data that nobody has written one for: what to search, and with which budget.

It is chosen by the data alone, so that the same data are given the same file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomlkit
from tomlkit.items import Comment, Table, Trivia

from studyhall.search.data.columns.features import Column
from studyhall.search.data.columns.numbers import DECIMAL_COMMA
from studyhall.search.data.sources import image_sizes
from studyhall.search.study import inspection
from studyhall.search.study.fingerprints import Inspection
from studyhall.search.study_file import config, template, toml_writer
from studyhall.search.study_file.limits import MOST, MOST_TIME
from studyhall.search.study_file.losses import BINARY, MULTICLASS
from studyhall.search.study_file.sections import StudyFile
from studyhall.spaces import spelling

if TYPE_CHECKING:
    from studyhall.search.data.loading import Data

MINUTES = 10.0  # of a study, unless the user says otherwise
TRIALS_PER_MINUTE = 10
LEAST_TRIALS = 20
SHARE_OF_A_TRIAL = 0.25  # of the whole time, so that no trial uses it up
RARE = 0.2  # of the samples that a class would have if all had as many: fewer are rare
SMALLEST_PICTURE = 8  # pixels in height and width that convolutions need
BATCHES = {1_000: (16, 32, 64), 20_000: (32, 64, 128)}  # choices up to so many training samples
LARGE_BATCHES = (128, 256, 512)
MANY = 20_000  # training samples from which trials get fewer epochs
MANY_PICTURES = 5_000
EPOCHS, PATIENCE = 100, 10
FEW_EPOCHS, LITTLE_PATIENCE = 30, 5

HEAD = """\
Written by "studyhall tune" from what it found in the data. Change what you like before the study
begins; "studyhall launch" runs this file, too, and "studyhall new" shows every key."""
COLUMNS = """\
What the columns were taken for; to have one read differently, remove the "#" here and there:"""
RARE_CLASSES = """\
A class is rare: the loss hardly notices it, so trials are ranked by the mean F1 of the classes."""


@dataclass(frozen=True)
class Budget:
    """The budget that the user allows a study.

    Attributes:
        minutes: wall clock while any worker is active.
        trials: number of trials; None: as many as fit the minutes.
        seed: the study's seed.
    """

    minutes: float = MINUTES
    trials: int | None = None
    seed: int = 0

    @property
    def most_trials(self) -> int:
        """The largest number of trials."""
        fitting = min(round(TRIALS_PER_MINUTE * self.minutes), MOST)
        return self.trials or max(LEAST_TRIALS, fitting)

    @property
    def hours(self) -> float:
        """The minutes as `[study] hours`."""
        return hours(self.minutes)


@dataclass(frozen=True)
class Proposal:
    """A study file, and what it was made from.

    Attributes:
        text: the file.
        about: rows (name, text) on the data.
        found: the inspection of the data, as a launch needs it.
    """

    text: str
    about: list[tuple[str, str]]
    found: Inspection

    def to_json(self) -> str:
        """Return it as one line, which `from_json` reads."""
        return json.dumps(asdict(self))


def from_json(line: str) -> Proposal:
    """Return the proposal that another process has made."""
    told = json.loads(line)
    about = [(name, text) for name, text in told["about"]]
    return Proposal(told["text"], about, Inspection(**told["found"]))


def hours(minutes: float) -> float:
    """Return minutes as `[study] hours`."""
    return round(minutes / 60, 6)


def bare(name: str, data: Mapping[str, Any], budget: Budget, where: str) -> StudyFile:
    """Return a study file that says no more than which data to read, and for how long.

    Args:
        name: the study's name.
        data: keys of ``[data]``.
        budget: what the user allows.
        where: what has them, for messages.

    Raises:
        ConfigError: they have mistakes, all of which are listed.
    """
    study = {"name": name, "seed": budget.seed}
    study |= {"trials": budget.most_trials, "hours": budget.hours}
    return config.from_dict({"study": study, "data": data}, where)


def of_data(file: StudyFile, path: Path, budget: Budget) -> Proposal:
    """Read the data and propose what to search.

    Args:
        file: what `bare` returned.
        path: of the file to be; the paths of the data are relative to its folder.
        budget: what the user allows.

    Raises:
        ConfigError, UserCodeError: the data can't be used.
    """
    from studyhall.search.data import description

    written = file.data.model_dump(exclude_unset=True, mode="json")
    size = image_sizes.suggested(file.data, path.parent)
    if size is not None:
        file = bare(file.study.name, {**written, "image_size": size}, budget, path.name)
        written["image_size"] = [*size]
    loaded = inspection.load(file, path)
    text = _text(file.study.name, written, loaded, budget)
    found = inspection.inspect(config.parse(text, path.name), path, loaded=loaded)
    return Proposal(text, description.rows(loaded), found)


def _text(name: str, data: Mapping[str, Any], loaded: Data, budget: Budget) -> str:
    document = tomlkit.document()
    toml_writer.comment(document, " ".join(HEAD.split()))
    toml_writer.add(document, "study", _study(name, loaded, budget))
    toml_writer.add(document, "data", _data(data, loaded))
    family = _family(loaded)
    toml_writer.add(document, "model", toml_writer.table({"family": family}))
    toml_writer.add(document, "training", toml_writer.table(_training(loaded, budget)))
    toml_writer.add(document, "space", toml_writer.table(_space(family, loaded)))
    return tomlkit.dumps(document)


def _study(name: str, loaded: Data, budget: Budget) -> Table:
    table = toml_writer.table({"name": name, "trials": budget.most_trials})
    table.append("hours", budget.hours)
    if budget.seed:
        table.append("seed", budget.seed)
    if _has_rare_class(loaded):
        toml_writer.comment(table, " ".join(RARE_CLASSES.split()))
        table.append("objective", "f1_macro")
    return table


def _data(data: Mapping[str, Any], loaded: Data) -> Table:
    table = toml_writer.table({key: value for key, value in data.items() if key != "columns"})
    toml_writer.comment(table, f"the task: {loaded.task}")
    written = data.get("columns", {})
    found = {each.name: _kind(each) for each in loaded.table if each.name not in written}
    if written:
        table.append("columns", spelling.as_item(written))
    if found and not written:
        toml_writer.comment(table, " ".join(COLUMNS.split()))
        _switched_off(table, "[data.columns]")
        for name, kind in found.items():
            _switched_off(table, f"{spelling.as_key(name)} = {spelling.as_toml(kind)}")
    return table


def _kind(column: Column) -> str:
    """Return what `[data.columns]` calls a column's kind."""
    return column.form if column.form == DECIMAL_COMMA else column.kind


def _switched_off(table: Table, line: str) -> None:
    table.add(Comment(Trivia(comment=f"#{spelling.visible(line)}")))


def _family(loaded: Data) -> str:
    """Return the family for the shape of a sample: of a row, a window over rows, or a picture."""
    shape = loaded.input_shape
    if len(shape) == 2:
        return "sequence"
    is_picture = len(shape) == 3 and min(shape[:2]) >= SMALLEST_PICTURE
    return "cnn" if is_picture else "mlp"


def _training(loaded: Data, budget: Budget) -> dict[str, Any]:
    many = len(loaded.train) > (MANY if len(loaded.input_shape) == 1 else MANY_PICTURES)
    epochs, patience = (FEW_EPOCHS, LITTLE_PATIENCE) if many else (EPOCHS, PATIENCE)
    minutes = min(round(budget.minutes * SHARE_OF_A_TRIAL, 4), MOST_TIME)
    return {"epochs": epochs, "patience": patience, "trial_minutes": minutes}


def _space(family: str, loaded: Data) -> dict[str, object]:
    size = len(loaded.train)
    batches = next((some for most, some in BATCHES.items() if size <= most), LARGE_BATCHES)
    chosen = {**template.SEARCHED, **template.SEARCHED_IN.get(family, {})}
    chosen |= {"batch_size": [*batches]}
    return chosen | dict(_further(family, loaded))


def _further(family: str, loaded: Data) -> Iterator[tuple[str, object]]:
    if _has_rare_class(loaded):
        yield "class_weights", ["none", "balanced"]
    if family == "mlp":
        yield "batch_norm", [False, True]


def _has_rare_class(loaded: Data) -> bool:
    """Return True if a class has few of the training samples."""
    if loaded.task not in (BINARY, MULTICLASS):
        return False
    import numpy as np

    counts = np.bincount(loaded.train.y, minlength=len(loaded.classes))
    return bool(counts.min() < RARE * len(loaded.train) / len(loaded.classes))


def sentence(file: StudyFile) -> str:
    """Return what a proposed file searches, and for how long."""
    trials = spelling.counted(file.study.trials, "trial")
    minutes = f"{60 * (file.study.hours or 0.0):.3g}"
    time = "1 minute" if minutes == "1" else f"{minutes} minutes"
    return f"{file.model.family}, at most {trials} or {time}"
