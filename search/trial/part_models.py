"""The models of a trial's parts: the seed, the hyperparameters and the data of each."""

from __future__ import annotations

from collections.abc import Callable

from optuna.trial import BaseTrial

from studyhall.search.process.wire import tell_launcher
from studyhall.search.training.engine import Engine, seed_everything
from studyhall.search.trial import modelling
from studyhall.search.trial.context import SearchContext
from studyhall.search.trial.forms import Form
from studyhall.search.trial.modelling import Built
from studyhall.search.trial.sampling import noting
from studyhall.search.trial.seeds import trial_seed
from studyhall.search.trial.trainings import TrialTraining
from studyhall.storage.trials.claimed_trial import Claim

Engines = Callable[[int, Form], Engine]  # (fold, form of its data) → engine


class PartModels:
    """The builder of the models of a claimed trial's parts.

    Args:
        context: state shared by the worker's trials.
        claim: the trial.
        engine: returns the engine of a fold.
    """

    def __init__(self, context: SearchContext, claim: Claim, engine: Engines) -> None:
        self.context = context
        self.claim = claim
        self.engine = engine

    def build(self, part: TrialTraining) -> Built:
        """Build the model of a part, from its seed; tell the launcher its size.

        Raises:
            ArchitectureError: no model can be built of these values for these data.
            UserCodeError: the user's function failed, or did not return a model.
        """
        seed_everything(self.seed(part))
        built = modelling.build(self.context.plan, self.trial(), self.samples(part))
        tell_launcher(model={"trial": self.claim.number, **built.size})
        return built

    def seed(self, part: TrialTraining) -> int:
        """Return the seed of a part's weights and sample order."""
        return trial_seed(self.context.study.seed, self.claim.number, part.repeat) + part.fold

    def samples(self, part: TrialTraining) -> int:
        """Return the number of training samples of a part."""
        return int(self.context.plan.data.folds[part.fold].size)

    def trial(self) -> BaseTrial:
        """Return the trial that suggests values.

        If a worker has died during this trial before, each suggestion is recorded at once.
        """
        if self.claim.attempt == 1:
            return self.claim.trial
        return noting(self.claim.trial, lambda: self.context.store.write_params(self.claim))
