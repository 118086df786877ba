"""The tables of a study file as pydantic models: every key with meaning, default and bounds.

The string below a key is its description, which ``studyhall new`` and the README show. The same
models check a study file, with the types of `value_types`. ``[space]`` is the exception:
``spaces.space`` reads it.
"""

from __future__ import annotations

import unicodedata
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from studyhall.search.study_file import objectives, own_code
from studyhall.search.study_file.limits import MOST, MOST_LOSS, MOST_TIME
from studyhall.search.study_file.value_types import (
    LOCAL,
    ArtifactPlace,
    Callbacks,
    Colour,
    ColumnKinds,
    Count,
    CountOrZero,
    DatabaseUrl,
    Direction,
    Family,
    Gpus,
    ImageSize,
    Loss,
    LossWeights,
    Metrics,
    Name,
    Objective,
    Positive,
    Sampler,
    Source,
    Split,
    Text,
    TrackingUri,
    Weights,
    Workplace,
)
from studyhall.spaces import applications, hyperparameters

CONFIRM_TOP = 5  # number of trials to confirm if neither file nor command line sets it


class Section(BaseModel):
    """The base of all tables: unknown keys and values of another type are mistakes.

    The string below each key is its meaning, which `search.study_file.reference` reads.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
    )


class StudySection(Section):
    """The table ``[study]``: name, storage, budget and objective."""

    name: Name
    """name of the study in its database; launching it again continues it"""
    storage: Annotated[DatabaseUrl | None, Field(repr=False)] = None  # may carry a password
    """database URL, relative to the working directory; default: $STUDYHALL_STORAGE, else
    sqlite:///studyhall.db"""
    artifacts: ArtifactPlace = "studyhall-artifacts"
    """folder for checkpoints and models, relative to the working directory, or s3://bucket/prefix"""
    artifacts_max_gib: Positive = 10.0
    """largest size of that folder in GiB; checkpoints of running trials and the best model are
    always kept"""
    keep_models: Count = 1
    """number of best trials whose models are kept while they fit; the best model is always kept"""
    trials: Count = 60
    """exact number of trials to finish, over all workers and restarts"""
    hours: Positive | None = None
    """limit of the time during which any worker is active, in hours"""
    gpu_hours: Positive | None = None
    """limit of the device time summed over all workers, in hours"""
    target: float | None = None
    """value of the objective that is good enough: no trial is started once one has reached it"""
    stop_after: Count | None = None
    """no trial is started once this many trials in a row have not improved the best value"""
    min_improvement: Annotated[float, Field(ge=0)] = 0.0
    """least improvement of the best value that counts over stop_after trials, in its unit"""
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0
    """random seed of the split, and of each trial's initial weights and sample order"""
    objective: Objective = objectives.LOSS
    """what trials are ranked by, at their best epochs: validation loss, or a metric on the
    validation set, also my_metrics.py:profit; a list searches for a Pareto front, and trials are
    ranked by its first entry"""
    direction: Direction = "auto"
    """direction of the first objective, or a list with one for each; auto knows it, except for
    metrics of your own"""
    confirm_top: Count | None = None
    """when the budget is spent, retrain this many of the best trials, each confirm_seeds times"""
    confirm_seeds: Annotated[int, Field(ge=1, le=100)] = 3
    """number of new seeds per confirmed trial; these trainings are outside of the budget"""
    human_error: Annotated[float, Field(ge=0, lt=1)] | None = None
    """error rate of humans, or the lowest possible one, as a share; bias is measured from it"""


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


class TrainingSection(Section):
    """The table ``[training]``: training of one trial."""

    epochs: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    """largest number of epochs of a trial"""
    patience: Count | Literal["none"] = 10
    """epochs without an improvement by min_delta after which a trial stops"""
    min_delta: Annotated[float, Field(ge=0, le=MOST_LOSS)] = 0.0
    """smallest change of the objective that counts as an improvement"""
    trial_minutes: Positive | Literal["none"] = "none"
    """time limit of a trial in minutes; its best epoch so far counts; a trial that hangs fails"""
    loss: Loss = "auto"
    """loss function by its Keras name, or your own, relative to this file; auto chooses by the
    task; for several outputs a table of one for each"""
    loss_weights: LossWeights = {}
    """factor of the loss of each output; default: 1"""
    metrics: Metrics = "auto"
    """list of metrics to record besides the loss, also of your own; auto chooses by the task; for
    several outputs a table of lists"""
    callbacks: Callbacks | None = None
    """your own function () or (trial) that returns Keras callbacks, for each training; models then
    train by model.fit"""
    backend: Literal["auto", "tensorflow", "jax", "torch"] = "auto"
    """Keras backend of all workers; auto: $KERAS_BACKEND, else keras.json, else tensorflow, as the
    study begins; see docs/how-to/backends.md"""
    engine: Literal["auto", "keras"] = "auto"
    """auto: compile whole epochs wherever results equal those of Keras; keras, and with jax and
    torch: always model.fit"""
    repeats: Annotated[int, Field(ge=1, le=100)] = 1
    """number of trainings per trial, each with its own seed; the trial's value is their mean"""
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    """Keras dtype policy of the layers; mixed: 16-bit arithmetic for speed on GPUs, weights and
    loss in 32 bits, with loss scaling for float16"""
    xla: Literal["off", "on"] = "off"
    """compile with XLA, seconds per architecture: pays for mlps of fixed widths or long trials;
    jax always does, torch can't"""
    checkpoint_every_epochs: Count = 1
    """fewest epochs between two checkpoints; checkpoint_every_s applies too"""
    checkpoint_every_s: Annotated[float, Field(ge=0, le=MOST_TIME)] = 30.0
    """fewest seconds between two checkpoints; checkpoint_every_epochs applies too"""
    tensorboard: bool = False
    """write each epoch's metrics, and the hyperparameters, for TensorBoard
    (docs/how-to/exports.md)"""
    mlflow: TrackingUri | None = None
    """MLflow's tracking URI: a run for each trial, with its metrics by epoch
    (docs/how-to/exports.md)"""


class SearchSection(Section):
    """The table ``[search]``: sampler, first trials and pruner."""

    sampler: Sampler = "auto"
    """Optuna sampler that proposes the hyperparameters of a trial; auto is tpe"""
    startup_trials: CountOrZero = 10
    """random trials before tpe, gp and cmaes learn from results; population size of nsgaii"""
    first: Literal["textbook", "none"] = "textbook"
    """before the search, run the family's textbook configuration, or warm_start's best trial"""
    warm_start: Name | None = None
    """study of the same database and data, from whose trials the sampler learns in advance"""
    pruner: Literal["auto", "none", "median", "percentile", "hyperband", "wilcoxon"] = "auto"
    """Optuna pruner that stops poor trials; auto is median at the epochs that predict how trials
    end (docs/explanation/search.md), and wilcoxon over folds or repeats"""
    pruner_startup_trials: CountOrZero = 5
    """complete trials before auto (which needs 10), median and percentile start to prune"""
    pruner_warmup_epochs: CountOrZero = 0
    """epochs before auto, median and percentile may prune: low learning rates start slowly"""
    pruner_percentile: Annotated[float, Field(gt=0, le=100)] = 25.0
    """percentage of trials that percentile keeps at each epoch"""
    pruner_min_epochs: Count = 1
    """smallest number of epochs that hyperband gives a trial"""
    pruner_reduction: Annotated[int, Field(ge=2, le=MOST)] = 3
    """reduction factor of hyperband, which keeps one of this many trials at each rung"""

    pruner_p_value: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """wilcoxon stops a trial that is worse than the best one with a p-value below this"""


class WorkersSection(Section):
    """The table ``[workers]``: worker processes, GPUs and leases."""

    count: Annotated[int, Field(ge=1, le=1024)] | Literal["auto"] = "auto"
    """number of worker processes; auto: per_gpu on each GPU, or one without GPUs"""
    on: Workplace = LOCAL
    """where they run: on this machine, or as tasks of a Ray cluster, see docs/how-to/clusters.md"""
    gpus: Gpus = "all"
    """GPUs to use, by number; they are dealt out in turn, and each worker process sees one"""
    per_gpu: Annotated[int, Field(ge=1, le=64)] = 1
    """worker processes on each GPU if count is auto; they share its memory equally"""
    heartbeat: Annotated[float, Field(gt=0, le=3600)] = 15.0
    """seconds between two renewals of a worker's lease on its trial"""
    silence: Annotated[float, Field(gt=0, le=MOST_TIME, validate_default=True)] = 90.0
    """seconds without a renewal after which another worker may take over the trial"""
    retries: CountOrZero = 3
    """workers in a row that may die in a trial without ending an epoch; one more, and it fails"""
    recycle_trials: Count | Literal["none"] = 200
    """trials after which a worker process is replaced by a fresh one, because memory leaks"""
    recycle_mib: Annotated[int, Field(ge=256, le=MOST)] | None = None
    """resident memory at which a worker process is replaced, in MiB; default: no limit"""

    @field_validator("silence")
    @classmethod
    def _longer_than_two_beats(cls, silence: float, info: ValidationInfo) -> float:
        heartbeat: float = info.data.get("heartbeat", 0)
        if silence <= 2 * heartbeat:
            raise ValueError(f"more than twice the heartbeat of {heartbeat:g} s")
        return silence


class StudyFile(Section):
    """A whole study file, checked.

    ``space`` and ``trials`` are unparsed; ``spaces.space`` and ``spaces.fixed`` read them.
    """

    study: StudySection
    data: DataSection
    model: ModelSection = ModelSection()
    training: TrainingSection = TrainingSection()
    search: SearchSection = SearchSection()
    space: dict[str, Any] = {}
    workers: WorkersSection = WorkersSection()
    trials: list[dict[str, Any]] = []

    @property
    def own_code(self) -> list[own_code.Named]:
        """The user's own losses, metrics, objectives and callbacks."""
        return [*own_code.of_tables(dict(self.study), dict(self.training))]
