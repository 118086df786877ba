"""The model of the best trial so far: saved when a trial takes the lead, dropped when beaten."""

from __future__ import annotations

from typing import Any

import keras

from search import exporting
from search.training.engine import Training
from search.trial import reasons
from search.trial.context import LOG, Context
from storage.artifacts import ArtifactError


class BestModel:
    """Keeps one model per study, that of the incumbent."""

    def __init__(self, context: Context, number: int) -> None:
        self._context = context
        self._number = number
        self._name: str | None = None
        self._beaten: int | None = None

    def keep(self, value: float, run: Training, fold: int) -> dict[str, Any]:
        """Save the model if its trial is the best so far, before the trial is told.

        Returns:
            Attributes of the trial that say where the model lies and what it scored.
        """
        best = self._context.store.incumbent()
        if best is not None and (best[1], best[0]) < (value, self._number):
            return {}
        self._beaten = None if best is None else best[0]
        try:
            name = self._save(run.best_model(), fold)
        except (ArtifactError, ValueError, TypeError, NotImplementedError) as error:
            LOG.warning("trial %d: its model can't be saved: %s", self._number, error)
            return {"model_error": reasons.one_line(error)}
        assert run.best is not None
        self._name = name
        sha256 = self._context.artifacts.sha256(name)
        about = {"model": name, "model_sha256": sha256, "model_value": run.best.value}
        return {**about, "model_fold": fold}

    def settle(self) -> None:
        """After the trial was told: drop the model that it beat, or its own if it was beaten."""
        best = self._context.store.incumbent()
        if self._name is None or best is None:
            return
        if best[0] != self._number:
            self._context.artifacts.remove(self._name)
        elif self._beaten is not None:
            self._drop(self._beaten)

    def _save(self, model: keras.Model, fold: int) -> str:
        data, objects = self._context.plan.data, self._context.artifacts
        name = objects.new_name("model", self._context.owner(self._number), ".keras")
        preparation = data.folds[fold].preparation
        whole = exporting.with_preparation(model, preparation, data.input_shape)
        exporting.save(whole, objects.path(name))
        return name

    def _drop(self, number: int) -> None:
        prefix = f"model-{self._context.owner(number)}-"
        for stored in self._context.artifacts.objects():
            if stored.name.startswith(prefix):
                self._context.artifacts.remove(stored.name)
