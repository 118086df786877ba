"""The models of the best trials so far: saved before a trial is told, dropped when beaten."""

from __future__ import annotations

from typing import Any

import keras

from studyhall.search.data.loading import Data
from studyhall.search.training.engine import Training
from studyhall.search.trial import exporting, failures, forms
from studyhall.search.trial.context import LOG, Context
from studyhall.search.trial.out_of_fold import OutOfFold
from studyhall.search.trial.trainings import TrialTraining
from studyhall.storage.artifacts import bucket
from studyhall.storage.artifacts.artifact_store import ArtifactError, ArtifactStore
from studyhall.storage.trials.claimed_trial import Claim

WEIGHTS_ALONE = ".h5"  # how the names of objects end that hold no more
# What comes of a full disk, or of a model that Keras can't write.
UNSAVABLE = (ArtifactError, ValueError, TypeError, NotImplementedError)


def write(
    objects: ArtifactStore, owner: str, data: Data, model: keras.Model, fold: int, *, own: bool
) -> str:
    """Write a trained model so that it takes raw samples; the name of its object.

    Of a model that Keras can't write, as a class of the user's doesn't say how it is made, the
    weights alone, which fit what its builder makes anew.

    Args:
        owner: whose it is, as `Context.owner` says.
        fold: that it was trained on, whose normalisation goes with it.
        own: whether the user's code has compiled it.
    """
    preparation = data.folds[fold].preparation
    shape = forms.taken_shape(model, data) if own else data.input_shape
    whole = exporting.with_preparation(model, preparation, shape)
    name = objects.new_name("model", owner, ".keras")
    try:
        exporting.save(whole, objects.path(name))
    except ArtifactError:
        raise
    except Exception as error:  # whatever the user's get_config raises
        LOG.info("Keras can't write the model, its weights are kept: %s", failures.one_line(error))
        name = objects.new_name("model", owner, WEIGHTS_ALONE)
        exporting.save_weights(model, objects.path(name))
    return bucket.shared(objects, name)


class BestModel:
    """Saves the model of a trial that is among the best so far.

    Args:
        context, claim: the trial.
        number: by which people know it.
    """

    def __init__(self, context: Context, claim: Claim, number: int) -> None:
        self._context = context
        self._owner = context.owner(claim.number)
        self._number = number
        self._saved = False

    def keep(
        self, cost: float, run: Training, part: TrialTraining, out_of_fold: OutOfFold
    ) -> dict[str, Any]:
        """Save model and predictions if its trial is among the best so far, before it is told.

        Returns:
            Attributes of the trial that say where they lie and what the model scored.
        """
        keeper, number = self._context.keeper, self._number
        try:
            model = self._model(run, part) if keeper.wants(cost, number) else {}
            if out_of_fold.wanted and keeper.wants_predictions(cost, number):
                model |= self._save_predictions(out_of_fold)
        except UNSAVABLE as error:
            LOG.warning("trial %d: its model can't be saved: %s", number, error)
            return {"model_error": failures.innermost(error)}
        self._saved = bool(model)
        return model

    def _model(self, run: Training, part: TrialTraining) -> dict[str, Any]:
        assert run.best is not None
        name = self._context.keeper.saved(lambda: self._save(run, part.fold))
        value = self._context.plan.turned(run.best.value)
        sha256 = self._context.artifacts.sha256(name)
        about = {"model": name, "model_sha256": sha256, "model_value": value}
        return {**about, "model_fold": part.fold, "model_repeat": part.repeat}

    def settle(self) -> None:
        """After the trial was told: drop the models that are beaten now, its own perhaps."""
        if self._saved:
            self._context.keeper.tidy()

    def _save_predictions(self, out_of_fold: OutOfFold) -> dict[str, str]:
        content, owner = out_of_fold.file(), self._owner
        write = self._context.artifacts.write
        saved = self._context.keeper.saved
        return {"predictions": saved(lambda: write("predictions", owner, content, ".npz"))}

    def _save(self, run: Training, fold: int) -> str:
        own = run.settings.data_loss is None
        about = self._context.artifacts, self._owner, self._context.plan.data
        return write(*about, run.best_model(), fold, own=own)
