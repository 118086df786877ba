"""The compiled Keras model of a trial's hyperparameters, of a built-in family or the user's own."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import optuna

from studyhall.search.data import baseline
from studyhall.search.data.loading import Data
from studyhall.search.process import handover
from studyhall.search.study_file import losses, objectives
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.study_file.losses import AS_GIVEN, METRICS
from studyhall.search.study_file.sections import StudyFile
from studyhall.search.training import backend
from studyhall.search.training import metrics as measures
from studyhall.search.training.settings import Settings
from studyhall.search.trial import backbones, forms, output_losses, own_code
from studyhall.search.trial.forms import Form
from studyhall.search.trial.own_code import OwnCode
from studyhall.search.trial.plan import Plan
from studyhall.spaces import (
    architecture,
    backbone,
    builder_forms,
    hyperparameters,
    optimization,
    regularization,
    user_code,
    user_model,
)
from studyhall.spaces.entry import Value
from studyhall.spaces.failures import ArchitectureError, UnusableCodeError, UserCodeError
from studyhall.spaces.space import Space, read_space
from studyhall.spaces.training_code import Callbacks


@dataclass(frozen=True)
class Blueprint(Plan):
    """The things that all models of a study have in common.

    Attributes:
        file: the study file.
        data: the study's data.
        space: the search space.
        builder: the user's own function, or None for a built-in family.
        pretrained: the weights that the backbone of a family keras: begins with.
        own: the user's own losses, metrics and callbacks.
    """

    data: Data
    space: Space
    builder: Callable[..., Any] | None
    own: OwnCode
    pretrained: backbone.Weights | None = None

    @property
    def runs_own_code(self) -> bool:
        """True if code of the user's plays a part in trainings, which may fail by it."""
        return self.builder is not None or bool(self.own)

    @cached_property
    def loss_weight(self) -> float:
        """The weight of the loss in training, such that a constant guess has a loss of about 1.

        Gradients then don't depend on the units of a regression's targets. Losses are recorded
        without it.
        """
        if self.builder is not None or self.own.has_loss or self.data.units is None:
            return 1.0
        loss = str(self.file.training.loss)
        guess = baseline.guess_loss(self.data.task, self.data.train.y, loss)
        return 1.0 / guess if guess > 0 else 1.0


@dataclass(frozen=True)
class Built:
    """The model of one trial, and the settings that its training needs.

    Attributes:
        model: the compiled model.
        values: every hyperparameter and its value in this trial.
        batch_size: samples per optimizer step.
        class_weight: weight of each class in the training loss, or None.
        plateau: learning rate decay on a plateau, or None.
        data_loss: loss that is the trial's value, or None for the model's own.
        form: form in which it takes samples and targets.
        callbacks: maker of the callbacks of its trainings, or None.
    """

    model: keras.Model
    values: Mapping[str, Value]
    batch_size: int
    class_weight: dict[int, float] | None
    plateau: optimization.Plateau | None
    data_loss: keras.losses.Loss | None
    form: Form
    callbacks: Callbacks | None = None

    @property
    def size(self) -> dict[str, int]:
        """The numbers that its need of memory depends on: parameters and batch size."""
        return {"parameters": self.model.count_params(), "batch_size": self.batch_size}


def blueprint(file: StudyFile, data: Data, folder: Path) -> Blueprint:
    """Read the search space and load the builder, once per process.

    Args:
        file: the study file.
        data: the study's data.
        folder: folder that a relative path of the user's code starts from.

    Raises:
        UserCodeError: ``family`` names no usable function, or own code of the training fails.
        ConfigError: this process computes with another backend than the study.
    """
    _check_backend(file)
    family = file.model.family
    builder = _builder(family, folder) if file.model.is_own else None
    own = own_code.load(file, data, folder)
    space = read_space(dict(file.space), family=family)
    return Blueprint(file, data, space, builder, own, backbones.weights(file, data, space, folder))


def _check_backend(file: StudyFile) -> None:
    wanted, here = file.training.backend, backend.name()
    if wanted not in ("auto", here):
        line = f'received a worker with "{here}", expected "{wanted}", as the study has it'
        raise ConfigError([f"{file.study.name}: [training] backend: {line}"])


def _builder(family: str, folder: Path) -> Callable[..., Any]:
    """Return the user's function: of a file, or handed to this process by a Python program."""
    if not handover.is_handed(family):
        return user_code.load_builder(family, folder)
    try:
        return builder_forms.adapted(handover.fetched(family), family.removeprefix(handover.PREFIX))
    except handover.NotHandedError as error:
        raise UserCodeError(f"[model] family: received {error}") from None


def build(plan: Blueprint, trial: optuna.trial.BaseTrial, samples: int) -> Built:
    """Suggest every hyperparameter and build the model.

    Args:
        plan: blueprint of the study.
        trial: suggests values by ``suggest_*``.
        samples: size of the training set.

    Raises:
        ArchitectureError: no model can be built of these values for these data.
        UserCodeError: the user's function failed, or did not return a model.
    """
    values = {
        **hyperparameters.defaults(plan.file.model.family),
        **plan.space.suggest(trial),
    }
    # Set for good: layers that a user-defined model creates on its first call need it as well.
    keras.config.set_dtype_policy(plan.file.training.precision)
    model = _model(plan, trial, values)
    batch_size = _batch_size(plan, values, samples)
    own, data_loss = bool(model.compiled), None
    as_given = plan.data.task == AS_GIVEN
    compiled = own or as_given
    form = forms.of_compiled(model, plan.data) if compiled else _form(plan, values)
    if own:
        plan.own.refuse_compiled(plan.file.model.family)
        output_losses.refuse_compiled(plan.file)
    elif as_given:
        _compile_as_given(model, plan, values, _steps(plan, values, samples, batch_size))
    else:
        data_loss = plan.own.loss() or loss(plan, 0.0)
        _compile(model, plan, values, math.ceil(samples / batch_size), data_loss)
    return Built(
        model=model,
        values=values,
        batch_size=batch_size,
        class_weight=forms.class_weight(values, plan.data.train, form),
        plateau=None if own else optimization.plateau(values),
        data_loss=data_loss,
        form=form,
        callbacks=plan.own.callbacks(trial, plan.space, values, plan.file.model.family),
    )


def _form(plan: Blueprint, values: Mapping[str, Value]) -> Form:
    """Return the form of the data for a model that studyhall compiles."""
    return forms.of_values(values) if plan.file.model.reads_texts else forms.CODED


def _batch_size(plan: Blueprint, values: Mapping[str, Value], samples: int) -> int:
    """Return the number of samples per step: that of the hyperparameter, or of a stream's batches.

    Raises:
        UnusableCodeError: it is a hyperparameter, but a stream has batches of its own.
    """
    if not plan.data.streams:
        return optimization.batch_size(values, samples)
    if values.get("batch_size") != hyperparameters.defaults("user").get("batch_size"):
        received = "batch_size: received a hyperparameter, expected none"
        raise UnusableCodeError(f"[space] {received}: a stream has batches of its own")
    return int(plan.data.train.batch_size)


def _steps(plan: Blueprint, values: Mapping[str, Value], samples: int, batch_size: int) -> int:
    """Return the number of steps in an epoch.

    Raises:
        ArchitectureError: it is not known, though a decay of the learning rate depends on it.
    """
    counted = not plan.data.streams or plan.data.train.stream.batches is not None
    decay = values.get("decay", "none")
    if not counted and decay not in ("none", "plateau"):
        raise ArchitectureError(f'decay = "{decay}": the stream has an unknown number of batches')
    return math.ceil(samples / batch_size)


def loss(plan: Blueprint, label_smoothing: float) -> keras.losses.Loss:
    """Return the study's loss; crossentropies take integer classes, smoothed or not."""
    name = plan.file.training.loss
    assert isinstance(name, str)  # a table is refused where there is one target
    if name == "auto" or (name.endswith("crossentropy") and "focal" not in name):
        return regularization.loss(plan.data.task, label_smoothing)
    return output_losses.loss(plan.own, name)


def settings(plan: Blueprint, built: Built, seed: int) -> Settings:
    """Return the training settings of a built model, by the study file and its own values.

    Args:
        plan: blueprint of the study.
        built: the model.
        seed: seed of the sample order.
    """
    chosen = plan.file.training
    return Settings(
        epochs=chosen.epochs,
        batch_size=built.batch_size,
        patience=None if chosen.patience == "none" else chosen.patience,
        min_delta=chosen.min_delta,
        seed=seed,
        class_weight=built.class_weight,
        plateau=built.plateau,
        data_loss=built.data_loss,
        engine=chosen.engine,
        xla=chosen.xla == "on",
        loss_weight=1.0 if built.data_loss is None else plan.loss_weight,
        objective=objectives.recorded(plan.objectives[0]),
        sign=plan.sign,
        callbacks=built.callbacks,
    )


def metrics(plan: Blueprint) -> list[str | keras.metrics.Metric]:
    """Return the metrics to record besides the loss, as `compile` takes them.

    They always include the objectives.
    """
    named = plan.file.training.metrics
    usual = ["mean_absolute_error" if plan.data.task == "regression" else "accuracy"]
    names = usual if named == "auto" else [*named]
    wanted = [name for name in (*names, *plan.objectives) if name in METRICS]
    return [*(_metric(plan, name) for name in dict.fromkeys(wanted)), *plan.own.metrics()]


def _metric(plan: Blueprint, name: str) -> str | keras.metrics.Metric:
    ours = name in measures.NAMES
    return measures.measure(name, plan.data.task, plan.data.outputs) if ours else name


def _model(plan: Blueprint, trial: optuna.trial.BaseTrial, values: dict[str, Value]) -> keras.Model:
    data = plan.data
    if plan.builder is None:
        keras.config.set_image_data_format("channels_last")  # the user's code may have changed it
        family = plan.file.model.family
        scale = None if data.units is None else (data.units.mean, data.units.deviation)
        shape, outputs = data.input_shape, data.outputs
        return architecture.build(
            family, values, shape, outputs, data.task, scale, plan.pretrained, data.embedded
        )
    return user_model.build(
        plan.builder,
        trial,
        plan.space,
        values,
        data.input_shape,
        data.outputs,
        data.sample_shape,
    )


def _compile_as_given(
    model: keras.Model, plan: Blueprint, values: dict[str, Value], steps_per_epoch: int
) -> None:
    """Compile a model whose targets only the user's code knows, with the losses that are named."""
    if values.get("label_smoothing"):
        raise UserCodeError("label_smoothing needs one target of classes")
    epochs = plan.file.training.epochs
    named = output_losses.Named(plan.file, plan.own, plan.data.outputs)
    model.compile(
        optimizer=optimization.optimizer(values, steps_per_epoch=steps_per_epoch, epochs=epochs),
        **output_losses.arguments(named, model),
        jit_compile="auto" if backend.name() == backend.JAX else False,
    )


def _compile(
    model: keras.Model,
    plan: Blueprint,
    values: dict[str, Value],
    steps_per_epoch: int,
    data_loss: keras.losses.Loss,
) -> None:
    """Compile a model with the user's own loss, or with the study's, smoothed."""
    if misfits := losses.problems("auto", "auto", plan.data.task, plan.objectives):
        raise UserCodeError("; ".join(misfits))
    epochs = plan.file.training.epochs
    smoothing = float(values.get("label_smoothing", 0.0))  # type: ignore[arg-type]
    if plan.own.has_loss and smoothing:
        raise UserCodeError(
            f"label_smoothing = {smoothing:g}: a loss of your own smooths by itself"
        )
    optimizer = optimization.optimizer(values, steps_per_epoch=steps_per_epoch, epochs=epochs)
    if plan.file.model.application is not None:
        optimizer = backbone.fine_tuning(optimizer, model, values, plan.pretrained)
    model.compile(
        optimizer=optimizer,
        loss=data_loss if plan.own.has_loss else loss(plan, smoothing),
        loss_weights=None if plan.loss_weight == 1.0 else plan.loss_weight,
        metrics=metrics(plan),
        jit_compile="auto" if backend.name() == backend.JAX else False,  # the engine decides
    )
