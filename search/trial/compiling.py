"""The compilation of a trial's model: its optimizer, its losses and its metrics."""

from __future__ import annotations

import keras

from studyhall.search.study_file import losses
from studyhall.search.study_file.losses import METRICS
from studyhall.search.training import backend
from studyhall.search.training import metrics as measures
from studyhall.search.trial import output_losses
from studyhall.search.trial.blueprints import Blueprint
from studyhall.spaces import backbone, optimization, regularization
from studyhall.spaces.entry import Value
from studyhall.spaces.failures import UserCodeError


def as_studied(
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


def as_given(
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


def loss(plan: Blueprint, label_smoothing: float) -> keras.losses.Loss:
    """Return the study's loss; crossentropies take integer classes, smoothed or not."""
    name = plan.file.training.loss
    assert isinstance(name, str)  # a table is refused where there is one target
    if name == "auto" or (name.endswith("crossentropy") and "focal" not in name):
        return regularization.loss(plan.data.task, label_smoothing)
    return output_losses.loss(plan.own, name)


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
