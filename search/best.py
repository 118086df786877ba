"""The best trial of a study: its model's proof, its scores on the test set, what is still to do."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from search.findings import verdicts
from search.findings.verdicts import Verdict
from search.report import score_tables, show
from search.study_file.config import ConfigError
from spaces import hyperparameters
from storage import artifacts, records, status, studies
from storage.database import Database
from storage.records import TrialRecord
from storage.studies import Study

PREDICTIONS = "out_of_fold.npz"  # beside the exported model
MOST_CLASSES = 20  # for which a confusion matrix fits a terminal; the JSON has any


@dataclass(frozen=True)
class Best:
    """The incumbent and what was done for it.

    Attributes:
        proof: the reloaded model's value beside the recorded one, or None.
        test: scores on the test set, or None.
        folder: of the exported model and its card, or None.
        out_of_fold: scores of what its folds predict, or None.
        verdict: what its curves say.
    """

    study: Study
    trial: TrialRecord
    proof: dict[str, Any] | None
    test: dict[str, Any] | None
    folder: Path | None
    verdict: Verdict | None = None
    out_of_fold: dict[str, Any] | None = None

    @property
    def finished(self) -> bool:
        """Whether the model is exported, proven and tested."""
        return None not in (self.proof, self.test, self.folder)

    @property
    def missing(self) -> list[str]:
        """What has not been done for this trial yet."""
        done = {"export": self.folder, "proof": self.proof, "test scores": self.test}
        return [name for name, found in done.items() if found is None]


def read(db: Database, study: Study) -> Best:
    """The incumbent, with those facts that are about it and not about an earlier one.

    Raises:
        ConfigError: there is no complete trial.
    """
    trial = status.status(db, study).incumbent
    if trial is None:
        raise ConfigError([f'study "{study.name}": received no complete trial yet, expected one'])
    about = {
        key: fact
        for key, fact in studies.facts(db, study).items()
        if isinstance(fact, dict) and fact.get("trial") == trial.number
    }
    folder = about.get("export", {}).get("folder")
    verdict = verdicts.of_trial(db, study, records.trials(db, study), trial)
    proof, test = about.get("proof"), about.get("test")
    out_of_fold = about.get("out_of_fold", {}).get("scores")
    where = Path(folder) if folder else None
    return Best(study, trial, proof, test, where, verdict, out_of_fold)


def to_json(best: Best) -> dict[str, Any]:
    """The best trial for programs."""
    return {
        "study": best.study.name,
        **show.trial_json(best.trial, best.verdict),
        "hyperparameters": best.trial.attributes.get("values"),
        "metrics": best.trial.attributes.get("metrics"),
        "model": _model(best.trial.attributes),
        "proof": best.proof,
        "test": best.test,
        "out_of_fold": best.out_of_fold,
        "folder": None if best.folder is None else str(best.folder),
        "missing": best.missing,
    }


def shown(best: Best) -> list[RenderableType]:
    """The best trial for people."""
    trial = best.trial
    parts: list[RenderableType] = [
        f"best of {best.study.name}: trial {show.called(trial.number, show.name(trial))}, "
        f"validation loss {show.number(trial.value)} at epoch {trial.best_epoch} of {trial.epochs}",
        *_parts(trial),
        _values(_chosen(best)),
    ]
    if best.verdict:
        parts.append(f"verdict  {best.verdict.sentence()}")
        parts.append(f"advice   {'; '.join(best.verdict.advice)}")
    if best.proof:
        parts.append(
            f"proof  reloaded in a fresh process: {best.proof['reloaded']:.7g}, recorded "
            f"{best.proof['recorded']:.7g}, difference {best.proof['difference']:.1e}"
        )
    if best.test:
        parts += _test(best.test)
    if best.out_of_fold:
        parts.append(f"folds  {score_tables.sentence(best.out_of_fold)}, each out of its fold")
    if best.folder:
        parts.append(f"model  {best.folder / 'model.keras'}")
    if best.missing:
        how = f"studyhall best {best.study.name} --export FOLDER does it"
        parts.append(f"not done yet: {', '.join(best.missing)}; {how}")
    return parts


def copy(best: Best, target: Path) -> None:
    """Copy model and card into a folder, each whole or not at all.

    Raises:
        ArtifactError: the folder can't be written, or the disk is full.
    """
    if best.folder is None:
        raise ConfigError([f'study "{best.study.name}": received no exported model'])
    target.mkdir(parents=True, exist_ok=True)
    for name in ("model.keras", "best.json", PREDICTIONS):
        if name == PREDICTIONS and not (best.folder / name).exists():  # it has no folds
            continue
        with artifacts.replacing(target / name) as unfinished:
            shutil.copyfile(best.folder / name, unfinished)


def _model(about: Mapping[str, Any]) -> dict[str, Any] | None:
    """Which training of the trial the model is of, and what that one scored."""
    if "model_value" not in about:
        return None
    part = {key: about.get(f"model_{key}", 0) for key in ("fold", "repeat")}
    return {**part, "value": about["model_value"]}


def _parts(trial: TrialRecord) -> list[str]:
    """What the value is the mean of, and which of these trainings gave the model."""
    about = trial.attributes
    trainings = {key: about[key] for key in ("folds", "repeats") if key in about}
    if not trainings:
        return []
    counts = " × ".join(f"{len(values)} {name}" for name, values in trainings.items())
    said = f"the mean of {counts}, standard error {show.number(about.get('standard_error'))}"
    model = _model(about)
    if model is None:
        return [said]
    which = " ".join(f"{name[:-1]} {model[name[:-1]] + 1}" for name in trainings)
    return [f"{said}; the model is that of {which}: {show.number(model['value'])}"]


def _chosen(best: Best) -> dict[str, Any]:
    """What the study file or the user's own function chose; defaults stay in the JSON."""
    values = best.trial.attributes.get("values") or best.trial.params
    return hyperparameters.chosen(values, best.study.config["file"]["space"])


def _values(values: dict[str, Any]) -> RenderableType:
    table = Table(box=None, show_header=False)
    for name, value in values.items():
        table.add_row(name, show.value(value))
    return table


def _test(test: dict[str, Any]) -> list[RenderableType]:
    found = test["scores"]
    times = "once" if test["times"] == 1 else f"{test['times']} times by this study"
    lines: list[RenderableType] = [
        f"test   set used {times}: {score_tables.sentence(found)}",
        _table(*score_tables.rows(found)),
    ]
    if len(found.get("classes", [])) > MOST_CLASSES or "confusion" not in found:
        return lines
    return [*lines, _table(*score_tables.confusion_rows(found))]


def _table(header: list[str], rows: list[list[str]]) -> Table:
    table = Table(*header, box=None)
    for row in rows:
        table.add_row(*row)
    return table
