"""The tables [data] and [model]: what is learned from, and by which networks."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from studyhall.search.study_file.file_table import Section
from studyhall.search.study_file.value_types import (
    Colour,
    ColumnKinds,
    Count,
    Family,
    ImageSize,
    Source,
    Split,
    Text,
    Weights,
)
from studyhall.spaces import applications, hyperparameters


class DataSection(Section):
    """The table ``[data]``: source, split and preparation of the samples."""

    source: Source
    """sklearn:digits, keras:mnist, data.npz, table.csv, table.parquet, tables/*.csv,
    postgresql://user@host/db, a folder of images per class, or my_data.py:load; relative to this
    file"""
    split: Split = (0.6, 0.2, 0.2)
    """fractions for training, validation and test, stratified by class"""
    folds: Annotated[int, Field(ge=1, le=100)] = 1
    """k of k-fold cross-validation, whose mean is a trial's value; 1: a single split"""
    group: Text | None = None
    """column of a table, or array of an .npz file: samples of a group are never split apart"""
    split_by: Text | None = None
    """column of a table, or array of an .npz file, of dates or numbers: the samples with its last
    values are the test set, those before them the validation set; default: drawn at random"""
    target: Text | None = None
    """column of a table to predict"""
    query: Text | None = None
    """rows to read from a database, as a table: select … (docs/how-to/tables.md)"""
    windows: Count | None = None
    """rows in a sample: a table in order becomes a series, and each sample a window over its rows
    (docs/how-to/series.md)"""
    horizon: Count = 1
    """rows from the last one of a window to that whose target is predicted"""
    columns: ColumnKinds = {}
    """kinds of a table's columns where they are not what they seem: number, decimal comma,
    category, date (date:%d.%m.%Y), boolean, text, keep or drop (docs/how-to/tables.md)"""
    normalize: Literal["auto", "none", "standard", "scale"] = "auto"
    """normalise inputs to mean 0, deviation 1 (standard) or to 0..1 (scale), fitted on the training
    set"""
    image_size: ImageSize | None = None
    """[height, width] in pixels to which the images of a folder are resized"""
    grey: bool = False
    """read the images of a folder as greyscale, in one channel"""
    background: Colour = "white"
    """colour behind the transparent pixels of a folder's images: white, black, grey or #rrggbb"""
    folders: Literal["auto", "classes", "parts"] = "auto"
    """what the folders in a folder of images are: classes, or parts by names such as train, test
    and val, each with the classes; auto: parts if all have such names"""
    task: Literal["auto", "classification", "multilabel", "regression"] = "auto"
    """kind of prediction; auto infers it from the targets"""
    scale_target: Literal["auto", "standard", "none"] = "auto"
    """compute a regression with targets of mean 0 and deviation 1 and return the user's units, or
    with the targets as they are; auto: standard for a built-in family"""
    samples: Count | None = None
    """use at most this many samples, drawn at random with the seed; default: all"""

    @field_validator("target", "group", "split_by", "columns")
    @classmethod
    def _composed(cls, found: Any) -> Any:
        """Return names of columns in the Unicode form in which tables are read."""
        if isinstance(found, dict):
            return {unicodedata.normalize("NFC", name): kind for name, kind in found.items()}
        return found and unicodedata.normalize("NFC", found)


class ModelSection(Section):
    """The table ``[model]``: the networks to build."""

    family: Family = "mlp"
    """builder of the network: mlp, cnn, sequence, text, a network of keras.applications such as
    keras:EfficientNetV2B0, or your own my_model.py:build, relative to this file"""
    weights: Weights | None = None
    """weights that a keras: network begins with: imagenet (its default; Keras fetches them), none
    (drawn at random), or a file such as my.weights.h5, relative to this file"""

    @property
    def is_own(self) -> bool:
        """True if the user's own code builds the models."""
        return not hyperparameters.is_built_in(self.family)

    @property
    def application(self) -> applications.Application | None:
        """The network of Keras that a keras: family names; None for any other family."""
        named = applications.is_named(self.family)
        return applications.read(self.family) if named else None

    @property
    def notes(self) -> list[str]:
        """Sentences on what a reader of results must know of the networks."""
        if self.application is None or self.weights != "none":
            return []
        return [f'{self.family} begins with random weights, as [model] weights = "none" says']

    @property
    def has_file_of_weights(self) -> bool:
        """True if the network begins with the weights of a file."""
        return self.weights not in (None, "none", "imagenet")

    @property
    def reads_texts(self) -> bool:
        """True if the models take texts."""
        return self.family == "text"
