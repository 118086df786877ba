"""The tables of a study file as pydantic models: every key with meaning, default and bounds.

The string below a key is its description, which ``studyhall new`` and the README show. The same
models check a study file, with the types of `value_types`. ``[space]`` is the exception:
``spaces.space`` reads it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from studyhall.search.study_file import objectives, own_code
from studyhall.search.study_file.file_table import Section
from studyhall.search.study_file.input_sections import DataSection, ModelSection
from studyhall.search.study_file.limits import MOST, MOST_LOSS, MOST_TIME
from studyhall.search.study_file.own_code_types import (
    Callbacks,
    Direction,
    Loss,
    LossWeights,
    Metrics,
    Objective,
)
from studyhall.search.study_file.value_types import (
    LOCAL,
    ArtifactPlace,
    Count,
    CountOrZero,
    DatabaseUrl,
    Gpus,
    Name,
    Positive,
    Sampler,
    TrackingUri,
    Workplace,
)

MOST_WORKERS = 1024  # of one launch
CONFIRM_TOP = 5  # number of trials to confirm if neither file nor command line sets it


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

    count: Annotated[int, Field(ge=1, le=MOST_WORKERS)] | Literal["auto"] = "auto"
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
