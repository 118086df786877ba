"""Loading of a study's data: read, coded, split, with normalisation and fingerprint."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from studyhall.search.data import arrays as samples
from studyhall.search.data import (
    division,
    fingerprint,
    stream_parts,
    target_kinds,
    targets,
    texts,
    units,
)
from studyhall.search.data.arrays import Arrays
from studyhall.search.data.columns import features
from studyhall.search.data.columns.features import Column
from studyhall.search.data.errors import DataError, refusal
from studyhall.search.data.labels import Rows
from studyhall.search.data.parts import Fold, Part
from studyhall.search.data.preparation import Preparation
from studyhall.search.data.sources import reading
from studyhall.search.data.stream_parts import StreamFold, StreamPart, Streams
from studyhall.search.data.trees import Tree
from studyhall.search.data.units import Units
from studyhall.search.study_file.input_sections import DataSection
from studyhall.search.study_file.sections import StudyFile

__all__ = ["Data", "DataError", "Fold", "Part", "Preparation", "load"]


@dataclass(frozen=True, eq=False)
class Data:
    """The data of a study, ready for training.

    Attributes:
        split: the division into training and validation part.
        folds: the cross-validation folds, over which a trial's value is the mean; `split` alone
            for one fold.
        test: the test part, on which only the best model is scored, once.
        task: binary, multiclass, multilabel or regression; "as given" for several targets.
        outputs: units of the output layer; 1 for two classes; a tree for several targets.
        classes: names of the classes or labels; empty for regression.
        input_shape: shape of one sample; a tree of shapes for several inputs.
        columns: names of a table's columns, if the source has them.
        categories: values of each categorical column, in the order of its one-hot columns.
        fingerprint: SHA-256, in hex, over arrays, classes, split and folds.
        sample_shape: shape of one sample in the user's own source, without axes that studyhall
            adds; None unless both arrays and model are the user's own.
        units: scale of a regression's targets, fitted on the training part; None for other tasks,
            for targets of more than two axes, and where `scale_target = "none"`.
        pool_samples: (N,) row numbers in the source of the training and validation samples, in the
            order of `split.pool`; None if the source has its own validation set.
        table: the columns of a table, of which the features of a sample are made.
        notes: sentences on what was left out or changed while reading.
        given: the form of the targets in the user's own arrays.
        streams: what tells each part that is a stream from another one, by name.
    """

    split: Any  # Fold, or StreamFold of data that are streams
    folds: tuple[Any, ...]
    test: Any  # Part, or StreamPart
    task: targets.Task
    outputs: Any
    classes: tuple[str, ...]
    input_shape: Any
    columns: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]
    fingerprint: str
    sample_shape: tuple[int, ...] | None = None
    pool_samples: Rows | None = None
    table: tuple[Column, ...] = ()
    notes: tuple[str, ...] = ()
    given: targets.Given = targets.AS_CODED
    units: Units | None = None
    streams: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def embedded(self) -> dict[int, int]:
        """The categories of many values: their places among the features, and their sizes."""
        return features.embedded(self.table)

    @property
    def train(self) -> Any:
        """The training part of `split`: a Part, or a StreamPart."""
        return self.split.train

    @property
    def validation(self) -> Any:
        """The validation part of `split`: a Part, or a StreamPart."""
        return self.split.validation

    @property
    def parts(self) -> dict[str, Any]:
        """The three parts by name."""
        return dict(zip(division.PARTS, (self.train, self.validation, self.test), strict=True))

    @property
    def preparation(self) -> Preparation:
        """The normalisation, fitted on `train`."""
        return self.split.preparation  # type: ignore[no-any-return]


def of_file(file: StudyFile, folder: Path, seed: int) -> Data:
    """Load the data of a study file; see `load`."""
    own, of_texts = file.model.is_own, file.model.reads_texts
    return load(file.data, seed=seed, folder=folder, own_model=own, of_texts=of_texts)


def load(
    section: DataSection,
    *,
    seed: int,
    folder: Path,
    own_model: bool = False,
    of_texts: bool = False,
) -> Data:
    """Load the data of a study; the result is the same in every worker.

    Args:
        section: the `[data]` table.
        seed: the study's seed, which fixes the split and the folds.
        folder: the study file's folder, to which paths are relative.
        own_model: True if the user's own function builds the model, which may then get the user's
            arrays unchanged.
        of_texts: True if models read texts.

    Raises:
        DataError: the data can't be used; one line per problem.
        UserCodeError: the user's own function fails.
    """
    if ".py:" in section.source:  # the user's code runs in another working directory
        folder = folder.resolve()
    with _where_code_runs(section, folder):  # a tf.data.Dataset reads its files only when iterated
        arrays = reading.read(section, folder, own_model=own_model, texts=of_texts)
        if isinstance(arrays, Streams):
            return _streamed(arrays, section)
    _refuse_tree(arrays, section.source, own_model=own_model)
    _check_kind(arrays, section, of_texts)
    key = "target" if section.target else "source"
    coding = targets.coding(arrays.y, section.task, arrays.classes, key, own_model=own_model)
    given = targets.given(arrays.y, coding) if arrays.own else targets.AS_CODED
    arrays = replace(arrays, own=arrays.own and own_model)
    rows = division.rows(division.labelled(arrays, coding), arrays, section, seed)
    train, validation, test = (
        division.part(arrays, coding, rows.get(name), name) for name in division.PARTS
    )
    own = None if arrays.groups is None else arrays.groups[rows["training"]]
    labels = division.stratified(train.y, coding, own, None)
    whole = _whole(arrays, section)
    notes = (*arrays.notes, *target_kinds.notes(arrays.y, section.task), *whole)
    if whole and not isinstance(arrays.x, Tree):
        section = section.model_copy(update={"normalize": "none"})
    split = division.first_fold(train, validation, labels, section, arrays)
    folds = division.folds(split, coding, division.groups(arrays, rows), section, seed)
    notes = (*notes, *_empty_texts(split.pool, test.split()))
    split.preparation  # noqa: B018  (fit it now, so that a mistake in `normalize` shows up here)
    return Data(
        split=split,
        folds=folds,
        test=test,
        task=coding.task,
        outputs=coding.outputs,
        classes=coding.classes,
        input_shape=samples.shape_of_one(train.x),
        columns=arrays.columns,
        categories=arrays.categories,
        fingerprint=fingerprint.of((split.pool, test), (split, *folds), coding.classes),
        sample_shape=arrays.sample_shape if arrays.own else None,
        pool_samples=division.pooled(rows),
        table=arrays.table,
        given=given,
        units=_units(train.y, coding, section),
        notes=(*notes, *division.over_borders(arrays, section, rows)),
    )


def _check_kind(arrays: Arrays, section: DataSection, of_texts: bool) -> None:
    """Refuse texts for models of numbers, numbers for models of texts, and keys for the others."""
    found, source = texts.is_texts(arrays.x), section.source
    if found and not of_texts:
        raise refusal("source", f"texts in {source}", 'numbers; family = "text" takes texts')
    if of_texts and not found:
        wanted = 'texts, which family = "text" takes'
        raise refusal("source", f"{arrays.x.dtype} of shape {arrays.x.shape} in {source}", wanted)
    if of_texts and section.normalize not in ("auto", "none"):
        raise refusal("normalize", f'"{section.normalize}" for texts', '"auto" or "none"')


def _empty_texts(*parts: Part) -> list[str]:
    """Return a sentence on texts without words.

    Raises:
        DataError: no text of the training and validation part has a word.
    """
    lengths = [part.tokens.lengths for part in parts if part.tokens is not None]
    if lengths and not lengths[0].any():
        raise refusal("source", "texts without words", "texts")
    return texts.notes(np.concatenate(lengths)) if lengths else []


def _streamed(found: Streams, section: DataSection) -> Data:
    """Return data that are streams, and that only the user's model can interpret."""
    stream_parts.refuse_keys(section)
    made = stream_parts.parts(found)
    training = made["training"]
    assert isinstance(training, StreamPart)
    split = StreamFold(training, made["validation"])
    return Data(
        split=split,
        folds=(split,),
        test=made["test"],
        task="as given",
        outputs=None,
        classes=(),
        input_shape=training.few(1).x.shape,
        columns=(),
        categories={},
        fingerprint=stream_parts.fingerprint(made),
        notes=(*stream_parts.notes(made),),
        streams=stream_parts.facts(made),
    )


def _where_code_runs(section: DataSection, folder: Path) -> contextlib.AbstractContextManager[None]:
    own = ".py:" in section.source and folder.is_dir()
    return contextlib.chdir(folder) if own else contextlib.nullcontext()


def _refuse_tree(arrays: Arrays, source: str, *, own_model: bool) -> None:
    """Refuse several inputs for a built-in family, which takes one array."""
    if isinstance(arrays.x, Tree) and not own_model:
        received = f"several inputs, x{', x'.join(arrays.x.paths())}, from {source}"
        raise refusal(
            "source", received, f"one array, or a model of your own ({targets.OWN_MODEL})"
        )


def _units(y: Any, coding: targets.Coding, section: DataSection) -> Units | None:
    """Return the scale of a regression's targets; None if they stay as they are.

    Raises:
        DataError: the study file asks for a scale, and there are no numbers to scale.
    """
    wanted, numbers = section.scale_target, coding.task == "regression" and y.ndim < 3
    if wanted != "auto" and not numbers:
        raise refusal("scale_target", f'"{wanted}" for {coding.task}', '"auto"; or numbers')
    return units.fit(y) if numbers and wanted != "none" else None


def _whole(arrays: Arrays, section: DataSection) -> list[str]:
    """Return a sentence if whole numbers stay as they are, since the user's model may look them up.

    Pictures are scaled nonetheless.
    """
    if isinstance(arrays.x, Tree):
        return ["several inputs: the model gets them as they are, not normalised"]
    looked_up = arrays.own and not sparse.issparse(arrays.x) and arrays.x.ndim < 4
    if section.normalize != "auto" or not looked_up or arrays.x.dtype.kind not in "iu":
        return []
    return ["whole numbers stay as they are for a model of your own; [data] normalize changes that"]
