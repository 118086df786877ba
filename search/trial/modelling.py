"""The compiled Keras model of a trial's hyperparameters, of a built-in family or the user's own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import keras
import optuna

from studyhall.search.study_file import objectives
from studyhall.search.study_file.losses import AS_GIVEN
from studyhall.search.training.settings import Settings
from studyhall.search.trial import compiling, forms, output_losses
from studyhall.search.trial.blueprints import Blueprint
from studyhall.search.trial.forms import Form
from studyhall.spaces import (
    architecture,
    hyperparameters,
    optimization,
    user_model,
)
from studyhall.spaces.entry import Value
from studyhall.spaces.failures import ArchitectureError, UnusableCodeError
from studyhall.spaces.training_code import Callbacks


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
        compiling.as_given(model, plan, values, _steps(plan, values, samples, batch_size))
    else:
        data_loss = plan.own.loss() or compiling.loss(plan, 0.0)
        compiling.as_studied(model, plan, values, math.ceil(samples / batch_size), data_loss)
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
