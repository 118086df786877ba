"""The models of a task as a user of Keras builds, compiles and fits them: for the peers."""

import math
from typing import Any

import keras

from benchmarks.quality_search import Values
from benchmarks.quality_tasks import Task
from studyhall.search.trial import exporting
from studyhall.spaces import architecture, hyperparameters, optimization

VALUE = "val_data_loss"  # without penalties, unlike Keras' val_loss
_LOSSES: dict[str, tuple[str, Any]] = {
    "multiclass": (
        "sparse_categorical_crossentropy",
        keras.metrics.SparseCategoricalCrossentropy,
    ),
    "binary": ("binary_crossentropy", keras.metrics.BinaryCrossentropy),
    "regression": ("mean_squared_error", keras.metrics.MeanSquaredError),
}


class Models:
    """The data of a task, and its models, built and compiled as a user of Keras does."""

    def __init__(self, task: Task, seed: int) -> None:
        self.task, self.data = task, task.data(seed)
        prepared = self.data.preparation.apply
        self.x, self.validation_x, self.test_x = (
            exporting.dense(prepared(part.x))
            for part in (self.data.train, self.data.validation, self.data.test)
        )
        self.y, self.validation_y = (
            part.y if self.data.task == "multiclass" else part.y.reshape(len(part), -1)
            for part in (self.data.train, self.data.validation)
        )

    def build(self, values: Values) -> keras.Model:
        """Return a compiled model."""
        data, family = self.data, self.task.family
        values = {**hyperparameters.defaults(family), **values}
        model = architecture.build(family, values, data.input_shape, data.outputs, data.task)
        steps = math.ceil(len(self.x) / optimization.batch_size(values, len(self.x)))
        epochs = self.task.epochs
        loss, metric = _LOSSES[data.task]
        model.compile(
            optimizer=optimization.optimizer(values, steps_per_epoch=steps, epochs=epochs),
            loss=loss,
            metrics=[metric(name="data_loss")],
        )
        return model

    def fit(self, model: keras.Model, values: Values, **named: Any) -> None:
        """Train a model."""
        known = {**hyperparameters.defaults(self.task.family), **values}
        model.fit(
            self.x,
            self.y,
            validation_data=(self.validation_x, self.validation_y),
            batch_size=optimization.batch_size(known, len(self.x)),
            verbose=0,
            **named,
        )
