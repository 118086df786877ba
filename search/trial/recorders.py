"""The choice of what records a trial besides the database, as the study file asks for it."""

from __future__ import annotations

from studyhall.search.trial.context import Context
from studyhall.search.trial.listening import Listener, Listeners
from studyhall.storage.trials.claimed_trial import Claim


def of(context: Context, claim: Claim) -> Listeners:
    """Return the listeners of a trial that the study file asks for; a retraining has none."""
    wanted, found = context.stored.file.training, list[Listener]()
    if context.study.purpose is None and wanted.tensorboard:
        from studyhall.search.trial.event_files import EventFiles

        found.append(EventFiles(context.study, claim.number))
    if context.study.purpose is None and wanted.mlflow is not None:
        from studyhall.search.trial.mlflow_run import MlflowRun

        found.append(MlflowRun(wanted.mlflow, context.study, claim.number))
    return Listeners(claim.number, found)
