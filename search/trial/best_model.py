"""The models of the best trials: saved before a trial's result is recorded, deleted when beaten."""

from __future__ import annotations

from typing import Any

import keras

from studyhall.search.data.loading import Data
from studyhall.search.study_file import objectives
from studyhall.search.training import backend
from studyhall.search.training.training import Training
from studyhall.search.trial import exporting, failures, forms
from studyhall.search.trial.context import LOG, SearchContext
from studyhall.search.trial.forms import Form
from studyhall.search.trial.out_of_fold import OutOfFold
from studyhall.search.trial.trainings import TrialTraining
from studyhall.storage.artifacts import bucket
from studyhall.storage.artifacts.artifact_store import ArtifactStore
from studyhall.storage.artifacts.atomic_files import ArtifactError
from studyhall.storage.trials.claimed_trial import Claim

WEIGHTS_ALONE = ".h5"  # file ending of objects that hold only weights, no architecture
# Errors raised by a full disk, or by a model that Keras can't write.
UNSAVABLE = (ArtifactError, ValueError, TypeError, NotImplementedError)


def write(
    objects: ArtifactStore,
    owner: str,
    data: Data,
    model: keras.Model,
    fold: int,
    form: Form,
    *,
    own: bool,
) -> str:
    """Write a trained model that takes raw samples, and return the name of its object.

    If Keras can't write the model, for example because a user-defined class lacks `get_config`,
    write its weights alone; they fit a model rebuilt by the same builder.

    Args:
        objects: store to write to.
        owner: prefix of the object's name, from `Context.owner`.
        data: data of the study.
        model: the trained model, which takes prepared samples.
        fold: fold that it was trained on, whose normalisation or vocabulary is saved with it.
        form: form in which it takes samples.
        own: the user's code compiled the model.

    Raises:
        ArtifactError: the disk is full, or the folder can't be written.
    """
    with backend.doubles(needed=exporting.needs_doubles(data)):
        whole = _whole(data, model, fold, form, own=own)
    name = objects.new_name("model", owner, ".keras")
    try:
        exporting.save(whole, objects.path(name))
    except ArtifactError:
        raise
    except Exception as error:  # the user's get_config may raise anything
        LOG.info(
            "Keras can't save the model; only its weights are kept: %s", failures.one_line(error)
        )
        name = objects.new_name("model", owner, WEIGHTS_ALONE)
        exporting.save_weights(model, objects.path(name))
    return bucket.shared(objects, name)


def _whole(data: Data, model: keras.Model, fold: int, form: Form, *, own: bool) -> keras.Model:
    """Return the model with what its samples go through before."""
    if form.length:
        words = data.folds[fold].vocabulary.first(form.vocabulary)
        return exporting.with_vectorization(model, words)
    shape = forms.taken_shape(model, data) if own else data.input_shape
    return exporting.with_preparation(model, data.folds[fold].preparation, shape)


class BestModel:
    """The writer of a trial's model and predictions, if it is among the best so far.

    Args:
        context, claim: the trial.
        number: the trial's number as shown to users.
    """

    def __init__(self, context: SearchContext, claim: Claim, number: int) -> None:
        self._context = context
        self._owner = context.owner(claim.number)
        self._number = number
        self._saved = False

    def keep(
        self,
        cost: float,
        run: Training,
        part: TrialTraining,
        form: Form,
        out_of_fold: OutOfFold,
    ) -> dict[str, Any]:
        """Save the model and out-of-fold predictions if the trial is among the best so far.

        It is called before the trial's result is recorded.

        Args:
            cost: result of the trial, the lower the better.
            run: training of the last part.
            part: the last part.
            form: form of its data.
            out_of_fold: predictions of all parts.

        Returns:
            Attributes of the trial: names of the saved objects, checksum and value of the model;
            or ``model_error``, the reason why it could not be saved.
        """
        keeper, number = self._context.keeper, self._number
        try:
            model = self._model(run, part, form) if keeper.wants(cost, number) else {}
            if out_of_fold.wanted and keeper.wants_predictions(cost, number):
                model |= self._save_predictions(out_of_fold)
        except UNSAVABLE as error:
            LOG.warning("trial %d: can't save its model: %s", number, error)
            return {"model_error": failures.innermost(error)}
        self._saved = bool(model)
        return model

    def _model(self, run: Training, part: TrialTraining, form: Form) -> dict[str, Any]:
        assert run.best is not None
        name = self._context.keeper.saved(lambda: self._save(run, part.fold, form))
        value = self._context.plan.turned(run.best.value)
        sha256 = self._context.artifacts.sha256(name)
        about = {"model": name, "model_sha256": sha256, "model_value": value}
        about["model_loss"] = run.best.metrics.get(objectives.recorded(objectives.LOSS))
        return {**about, "model_fold": part.fold, "model_repeat": part.repeat}

    def settle(self) -> None:
        """Delete models that are beaten now that the trial's result is recorded."""
        if self._saved:
            self._context.keeper.tidy()

    def _save_predictions(self, out_of_fold: OutOfFold) -> dict[str, str]:
        content, owner = out_of_fold.file(), self._owner
        write = self._context.artifacts.write
        saved = self._context.keeper.saved
        return {"predictions": saved(lambda: write("predictions", owner, content, ".npz"))}

    def _save(self, run: Training, fold: int, form: Form) -> str:
        own = run.settings.data_loss is None
        about = self._context.artifacts, self._owner, self._context.plan.data
        return write(*about, run.best_model(), fold, form, own=own)
