"""Predictions of an exported model for new samples, in the words of the study: class names."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from studyhall.search.data.sources import reading, tables
from studyhall.search.evaluation import best, exported_files, new_samples, row_model
from studyhall.search.evaluation.best import Best
from studyhall.search.evaluation.new_samples import Card, NewSamples, Source
from studyhall.search.study import record
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.losses import BINARY, MULTICLASS, MULTILABEL
from studyhall.search.trial import exporting
from studyhall.storage.database import Database
from studyhall.storage.studies.rows import Study

if TYPE_CHECKING:
    import pandas as pd

THRESHOLD = 0.5  # probability from which a label is predicted


def card_of(found: Best) -> Card:
    """Return the card of the best model's export.

    Raises:
        ConfigError: there is no proven model, its export is not whole, or was written by an earlier
            version, which left out what predictions need.
    """
    name = found.study.name
    if found.folder is None or found.failed:
        raise ConfigError([f'study "{name}" has no proven model'])
    if not exported_files.is_whole(found):
        again = f"studyhall best {name} --export FOLDER{found.storage} writes it again"
        raise ConfigError([f"the exported model in {found.folder} is not as written; {again}"])
    card: Card = exported_files.card(found)
    if "logits" not in card:
        again = f"studyhall best {name} --export FOLDER{found.storage} writes it anew"
        raise ConfigError([f"{found.folder} was exported by an earlier studyhall; {again}"])
    if any("(build)" in line for line in card["load"]):
        wanted = "a function of a file, or study.best.model in Python"
        raise ConfigError([f'study "{name}": its function is in no file, expected {wanted}'])
    return card


def of(
    db: Database, study: Study, source: Source, number: int | None = None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Predict new data by a study's proven model.

    Args:
        db: the database of the study.
        study: the study.
        source: as `new_samples.read` takes it.
        number: number of a trial to use instead of the best.

    Returns:
        What `predict` returns, and sentences on what did not quite fit.

    Raises:
        ConfigError: there is no such model.
        DataError: the data are not what it takes.
    """
    found = best.read(db, study, number)
    card = card_of(found)
    style = reading.style(record.stored(study).file.data)
    samples = new_samples.read(source, card, style)
    return predict(found, card, samples), samples.remarks


def predict(found: Best, card: Card, samples: NewSamples) -> pd.DataFrame:
    """Predict new samples.

    Args:
        found: the best trial, whose model is exported.
        card: what `card_of` returned.
        samples: the samples.

    Returns:
        A row for each sample: its row number or file, the predicted class and the probability of
        each; or the predicted value; or 0 and 1 for each label, and its probability.
    """
    assert found.folder is not None
    with _in(found.folder):
        scope: dict[str, Any] = {}
        exec("\n".join(card["load"]), scope)  # as the card tells its reader to load it
        outputs = _outputs(scope["model"], card, samples)
    return _told(card, samples, outputs.reshape(len(outputs), -1))


@contextlib.contextmanager
def _in(folder: Path) -> Iterator[None]:
    """Work in a folder whose modules can be imported."""
    sys.path.insert(0, str(folder))
    try:
        with contextlib.chdir(folder):
            yield
    finally:
        sys.path.remove(str(folder))


def _outputs(model: Any, card: Card, samples: NewSamples) -> NDArray[np.float32]:
    if samples.frame is None:
        return exporting.predict(model, samples.x)
    if "why" in card["rows"]:
        return exporting.predict(model, tables.matrix(samples.frame, samples.table))
    return row_model.predicted(model, row_model.rows_of(samples.frame, samples.table))


def _told(card: Card, samples: NewSamples, outputs: NDArray[np.float32]) -> pd.DataFrame:
    import pandas as pd

    task, classes = card["task"], card["classes"]
    told: dict[str, Any] = {**samples.names}
    if task in (BINARY, MULTICLASS, MULTILABEL):
        shares = exporting.as_probabilities(task, outputs, logits=card["logits"])
        told |= _classified(task, classes, shares)
    elif outputs.shape[1] == 1:
        told["prediction"] = outputs[:, 0]
    else:
        told |= {f"prediction {n + 1}": outputs[:, n] for n in range(outputs.shape[1])}
    return pd.DataFrame(told)


def _classified(task: str, classes: list[str], shares: NDArray[np.float32]) -> dict[str, Any]:
    if task == BINARY:
        shares = np.concatenate([1 - shares, shares], axis=1)
    each = {f"p({name})": shares[:, at] for at, name in enumerate(classes)}
    if task == MULTILABEL:
        decided = {name: (shares[:, at] >= THRESHOLD) * 1 for at, name in enumerate(classes)}
        return {**decided, **each}
    return {"prediction": np.array(classes, object)[shares.argmax(axis=1)], **each}
