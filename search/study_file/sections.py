"""The tables of a study file, one pydantic model each: every key with its meaning, default, bounds.

The sentence under a key is its description: ``studyhall new`` prints it, and the check of a file
is made of the same models, so a key that is not written here does not exist. ``[space]`` is the
exception: ``spaces.space`` reads it.
"""

from __future__ import annotations

import importlib.util
import math
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from studyhall.search.study_file import objectives, paths
from studyhall.search.study_file.limits import MOST, MOST_LOSS, MOST_TIME
from studyhall.search.study_file.losses import LOSSES, METRICS
from studyhall.spaces import hyperparameters, spelling

CONFIRM_TOP = 5  # trials that are confirmed where nobody says how many
USER_FAMILY = re.compile(r".+\.py:[A-Za-z_]\w*")

Positive = Annotated[float, Field(gt=0, le=MOST_TIME)]
Count = Annotated[int, Field(ge=1, le=MOST)]
CountOrZero = Annotated[int, Field(ge=0, le=MOST)]
Text = Annotated[str, Field(min_length=1)]
Name = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        json_schema_extra={"expected": "at most 100 letters, digits, dots, - and _"},
    ),
]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Split = Annotated[
    tuple[Fraction, Fraction, Fraction],
    Field(strict=False, json_schema_extra={"expected": "three numbers > 0 that sum to 1"}),
]
Pixels = Annotated[int, Field(ge=1, le=10_000)]
ImageSize = Annotated[
    tuple[Pixels, Pixels],
    Field(
        strict=False,
        json_schema_extra={"expected": "[height, width], whole numbers ≥ 1 and ≤ 10000"},
    ),
]
Loss = Annotated[
    str, Field(json_schema_extra={"expected": f"one of {', '.join(['auto', *LOSSES])}"})
]
Gpus = Annotated[
    Literal["all", "none"] | Annotated[list[CountOrZero | Text], Field(min_length=1)],
    Field(json_schema_extra={"expected": '"all", "none" or a list of GPU numbers'}),
]
Metrics = Annotated[
    Literal["auto"] | Annotated[list[str], Field(min_length=1)],
    Field(json_schema_extra={"expected": f'"auto" or some of {", ".join(METRICS)}'}),
]


Objective = Annotated[
    str | list[str],
    Field(json_schema_extra={"expected": "a name or a list of names, see docs/evaluation.md"}),
]


class Section(BaseModel):
    """One table: unknown keys and values of another type are mistakes, nothing is converted.

    What stands below a key is its meaning, which `search.study_file.reference` reads.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
    )


class StudySection(Section):
    """``[study]``: what it is called, where it is kept, how much it may spend."""

    name: Name
    """name of the study in its storage; launching it again continues it"""
    storage: Annotated[str | None, Field(repr=False)] = None  # may carry a password
    """database URL, relative to the working directory; default: $STUDYHALL_STORAGE, else
    sqlite:///studyhall.db"""
    artifacts: Text = "studyhall-artifacts"
    """folder of checkpoints and models, relative to the working directory, or s3://bucket/prefix"""
    artifacts_max_gib: Positive = 10.0
    """what that folder may take, in GiB; checkpoints of trials under way and the best model stay"""
    keep_models: Count = 1
    """models of so many of the best trials are kept while they fit; the best one's always"""
    trials: Count = 60
    """exactly this many results, over all workers and restarts"""
    hours: Positive | None = None
    """limit of the time in which somebody works on the study, in hours"""
    gpu_hours: Positive | None = None
    """limit of all workers' device time together, in hours"""
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0
    """fixes the split, and each trial's first weights and order of samples"""
    objective: Objective = objectives.LOSS
    """what trials are ranked by, at their best epochs: validation loss, or a metric on the
    validation set; a list asks for a Pareto front, and ranks by the first"""
    direction: Literal["auto", "minimize", "maximize"] = "auto"
    """which way the first objective gets better; auto knows it but for metrics of your own"""
    confirm_top: Count | None = None
    """when the budget is spent, train so many of the best trials anew, each confirm_seeds times"""
    confirm_seeds: Annotated[int, Field(ge=1, le=100)] = 3
    """new seeds for each trial that is confirmed; what that takes is no part of the budget"""
    human_error: Annotated[float, Field(ge=0, lt=1)] | None = None
    """share of wrong answers of people, or the least possible one: bias is measured from there"""

    @field_validator("storage")
    @classmethod
    def _a_database(cls, url: str | None) -> str | None:
        if url is not None and not _readable(url):
            raise ValueError("sqlite:///file.db or postgresql://user@host/database")
        return url

    @field_validator("objective")
    @classmethod
    def _not_twice(cls, named: str | list[str]) -> str | list[str]:
        names = [named] if isinstance(named, str) else named
        if not names or len({*names}) < len(names):
            raise ValueError("a name, or a list of different names")
        if names[0] in objectives.AT_THE_END:
            raise ValueError("a measure of the validation set first, by which models are trained")
        return named

    @field_validator("artifacts")
    @classmethod
    def _a_place(cls, place: str) -> str:
        paths.check(place)
        if "://" in place and not re.match(r"s3://[^/]+", place):
            raise ValueError("a folder, relative or absolute, or s3://bucket/prefix")
        return place


def _readable(url: str) -> bool:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parts = make_url(url)
    except (ArgumentError, ValueError):
        return False
    if not url.isprintable():
        return False
    kinds = ("sqlite", "postgresql", "postgresql+psycopg")
    return parts.drivername in kinds and bool(parts.database)


class DataSection(Section):
    """``[data]``: where samples come from and how they are split and prepared."""

    source: Text
    """sklearn:digits, keras:mnist, data.npz, table.csv, table.parquet, a folder of images per
    class, or my_data.py:load; relative to this file"""
    split: Split = (0.6, 0.2, 0.2)
    """fractions for training, validation and test, stratified by class"""
    folds: Annotated[int, Field(ge=1, le=100)] = 1
    """k of k-fold cross-validation as a trial's value; 1: one split"""
    group: Text | None = None
    """column of a table whose equal rows stay on one side of every split"""
    target: Text | None = None
    """column of a table to predict"""
    normalize: Literal["auto", "none", "standard", "scale"] = "auto"
    """inputs to mean 0, deviation 1 (standard) or to 0..1 (scale), fitted on the training set"""
    image_size: ImageSize | None = None
    """[height, width] that the images of a folder are resized to, in pixels"""
    grey: bool = False
    """read the images of a folder as one grey channel"""
    task: Literal["auto", "classification", "multilabel", "regression"] = "auto"
    """what the targets are; auto looks at them"""
    samples: Count | None = None
    """use at most this many samples, drawn by the seed; default: all"""

    @field_validator("source")
    @classmethod
    def _a_place(cls, source: str) -> str:
        return paths.check(source)

    @field_validator("split")
    @classmethod
    def _a_whole(cls, split: tuple[float, float, float]) -> tuple[float, float, float]:
        if not math.isclose(sum(split), 1, abs_tol=1e-6):
            raise ValueError(f"three fractions that sum to 1; these sum to {sum(split):g}")
        return split


class ModelSection(Section):
    """``[model]``: which networks are built."""

    family: str = "mlp"
    """builder of the network: mlp, cnn, or your own my_model.py:build, relative to this file"""

    @property
    def is_own(self) -> bool:
        """Whether the user's own code builds the models."""
        return self.family not in hyperparameters.BUILT_IN_FAMILIES

    @field_validator("family")
    @classmethod
    def _a_builder(cls, family: str) -> str:
        paths.check(family)
        known = hyperparameters.BUILT_IN_FAMILIES
        if family not in known and not USER_FAMILY.fullmatch(family):
            raise ValueError(spelling.one_of(family, [*known, "my_model.py:build"]))
        return family


class TrainingSection(Section):
    """``[training]``: how one trial is trained, and what its value is."""

    epochs: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    """most epochs of one trial"""
    patience: Count | Literal["none"] = 10
    """epochs without an improvement by min_delta until a trial stops"""
    min_delta: Annotated[float, Field(ge=0, le=MOST_LOSS)] = 0.0
    """least improvement of the objective that counts as one"""
    trial_minutes: Positive | Literal["none"] = "none"
    """minutes that one trial may take: then its best epoch counts; one that hangs is failed"""
    loss: Loss = "auto"
    """loss by its Keras name; auto chooses by the targets"""
    metrics: Metrics = "auto"
    """list of what is recorded beside the loss; auto chooses by the targets"""
    engine: Literal["auto", "keras"] = "auto"
    """auto: whole compiled epochs wherever the numbers stay Keras' own; keras: always model.fit"""
    repeats: Annotated[int, Field(ge=1, le=100)] = 1
    """trainings of a trial, each with a seed of its own; its value is their mean"""
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    """arithmetic of the layers, as Keras names it; mixed: 16 bits for speed on GPUs, weights and
    loss in 32, the loss scaled for float16"""
    xla: Literal["off", "on"] = "off"
    """compile by XLA, seconds an architecture: pays for mlps of fixed widths or long trials"""
    checkpoint_every_epochs: Count = 1
    """epochs between two checkpoints; the rarer of this and the next key holds"""
    checkpoint_every_s: Annotated[float, Field(ge=0, le=MOST_TIME)] = 30.0
    """seconds between two checkpoints"""

    @field_validator("loss")
    @classmethod
    def _a_loss(cls, loss: str) -> str:
        if loss not in ("auto", *LOSSES):
            raise ValueError(spelling.one_of(loss, ["auto", *LOSSES]))
        return loss

    @field_validator("metrics")
    @classmethod
    def _known_metrics(cls, metrics: str | list[str]) -> str | list[str]:
        unknown = [] if isinstance(metrics, str) else [m for m in metrics if m not in METRICS]
        if unknown:
            raise ValueError(f'"auto", or a list of {spelling.one_of(unknown[0], METRICS)}')
        return metrics


class SearchSection(Section):
    """``[search]``: who proposes configurations, and who gives up on poor ones."""

    sampler: Literal["auto", "tpe", "gp", "cmaes", "nsgaii", "random", "grid", "qmc"] = "auto"
    """proposes configurations (Optuna's samplers); auto is tpe"""
    startup_trials: CountOrZero = 10
    """random trials before tpe, gp and cmaes learn from the results; a generation of nsgaii"""
    first: Literal["textbook", "none"] = "textbook"
    """run the family's textbook configuration, or the best of warm_start, before the search"""
    warm_start: Name | None = None
    """study of the same database and data from whose trials the sampler learns before the first"""
    pruner: Literal["auto", "none", "median", "percentile", "hyperband", "wilcoxon"] = "auto"
    """stops trials that fall behind (Optuna's pruners); auto is median in the epochs of a trial and
    wilcoxon between its folds or repeats"""
    pruner_startup_trials: CountOrZero = 5
    """finished trials before median and percentile prune"""
    pruner_warmup_epochs: CountOrZero = 0
    """epochs of a trial before median and percentile may prune it: small rates begin behind"""
    pruner_percentile: Annotated[float, Field(gt=0, le=100)] = 25.0
    """percent of the trials that percentile keeps at each epoch"""
    pruner_min_epochs: Count = 1
    """epochs that hyperband gives every trial at least"""
    pruner_reduction: Annotated[int, Field(ge=2, le=MOST)] = 3
    """hyperband keeps one of this many trials at each rung"""

    pruner_p_value: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """wilcoxon ends a trial that is worse than the best with a p-value below this"""

    @field_validator("sampler")
    @classmethod
    def _an_installed_one(cls, sampler: str) -> str:
        if sampler == "gp" and importlib.util.find_spec("torch") is None:
            raise ValueError("another sampler, or torch installed (pip install torch)")
        return sampler


class WorkersSection(Section):
    """``[workers]``: how many processes train, and when one of them counts as lost."""

    count: Annotated[int, Field(ge=1, le=1024)] | Literal["auto"] = "auto"
    """worker processes of a launch; auto: per_gpu on each GPU, else one"""
    gpus: Gpus = "all"
    """GPUs that they use, in turns, by their numbers; each process sees one of them"""
    per_gpu: Annotated[int, Field(ge=1, le=64)] = 1
    """worker processes on each GPU where count is auto; they share its memory equally"""
    heartbeat: Annotated[float, Field(gt=0, le=3600)] = 15.0
    """seconds between two renewals of a trial's lease"""
    silence: Annotated[float, Field(gt=0, le=MOST_TIME, validate_default=True)] = 90.0
    """seconds without a renewal until another worker may take the trial over"""
    retries: CountOrZero = 3
    """takeovers without an epoch of progress until a trial is failed"""
    recycle_trials: Count | Literal["none"] = 200
    """trials after which a worker process gives way to one that stands ready, as memory leaks"""
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
    """A whole study, checked.

    ``space`` and ``trials`` stay as written; see ``spaces.space`` and ``spaces.fixed``.
    """

    study: StudySection
    data: DataSection
    model: ModelSection = ModelSection()
    training: TrainingSection = TrainingSection()
    search: SearchSection = SearchSection()
    space: dict[str, Any] = {}
    workers: WorkersSection = WorkersSection()
    trials: list[dict[str, Any]] = []
