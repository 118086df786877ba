"""The best trial of a study: the proof of its model, its test scores, and what is still missing."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import RenderableType

from studyhall.search.diagnosis import verdicts
from studyhall.search.diagnosis.verdict import Verdict
from studyhall.search.display import json_keys, score_tables, tables, words
from studyhall.search.evaluation import pareto, proof_result
from studyhall.search.evaluation import winner as winners
from studyhall.search.evaluation.winner import Winner
from studyhall.search.study_file import objectives
from studyhall.search.study_file.config_error import ConfigError
from studyhall.spaces import hyperparameters
from studyhall.storage.artifacts import artifact_store
from studyhall.storage.database import Database
from studyhall.storage.queries import records
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Study

PREDICTIONS = "out_of_fold.npz"  # beside the exported model
FILES = ("model.keras", "best.json")
PLAIN = ("import keras", f'model = keras.models.load_model("{FILES[0]}")')  # enough for most models
PARTS = ("fold", "repeat")
MOST_CLASSES = 20  # a larger confusion matrix doesn't fit a terminal; the JSON has it in any case


@dataclass(frozen=True)
class Best:
    """The current winner, and the results of its export, proof and test.

    Attributes:
        study: the study.
        trial: the trial; its attributes describe the model that is exported.
        proof: value of the reloaded model next to the recorded one, or None.
        test: scores on the test set, or None.
        folder: folder of the exported model and its card, or None.
        verdict: diagnosis of its learning curves.
        out_of_fold: scores of its out-of-fold predictions, or None.
        winner: its confirmation, and the uses of the test set.
        pareto: trials of the Pareto front, if there are several objectives.
        files: names of the files in the folder.
        load: lines of Python that load the exported model.
    """

    study: Study
    trial: TrialRecord
    proof: dict[str, Any] | None
    test: dict[str, Any] | None
    folder: Path | None
    verdict: Verdict | None = None
    out_of_fold: dict[str, Any] | None = None
    winner: Winner | None = None
    pareto: Sequence[TrialRecord] = ()
    files: Sequence[str] = FILES
    load: Sequence[str] = ()

    @property
    def locked(self) -> bool:
        """True if the test set may not be used for this model: used before, or not yet final."""
        return self.winner is not None and (bool(self.winner.scorings) or not self.winner.final)

    @property
    def objective(self) -> str:
        """The name of the first objective, which the trial's value measures."""
        return objectives.of_study(self.study.config)[0]

    @property
    def model(self) -> str:
        """The file name of the exported model, or of its weights."""
        return next(name for name in self.files if name in (FILES[0], "model.weights.h5"))

    @property
    def failed(self) -> bool:
        """True if the proof of the model was tried and failed."""
        return self.proof is not None and not proof_result.holds(self.proof)

    @property
    def finished(self) -> bool:
        """True if the model is exported, proven, and tested unless the test set is locked."""
        return not self.failed and not self.missing

    @property
    def missing(self) -> list[str]:
        """The steps that are still to be done for this trial: export, proof, test scores."""
        if self.failed:
            return []
        done: dict[str, Any] = {"export": self.folder, "proof": self.proof}
        if not self.locked:
            done["test scores"] = self.test
        return [name for name, found in done.items() if found is None]


def read(db: Database, study: Study, number: int | None = None) -> Best:
    """Read the best trial, with the proof, export and scores that belong to its current model.

    Args:
        db: database of the study.
        study: the study.
        number: number of a trial to use instead of the winner.

    Raises:
        ConfigError: there is no complete trial, or none of that number.
    """
    found = winners.read(db, study, number)
    if found is None:
        raise ConfigError([f'study "{study.name}": received no complete trial yet, expected one'])
    trial, facts = found.trial, studies.facts(db, study)
    known = {key: facts.get(found.key(key)) for key in ("proof", "export")}
    about = {key: dict(fact) for key, fact in known.items() if fact and _is_of(fact, found)}
    if facts.get(found.key("out_of_fold"), {}).get("trial") == trial.number:
        about["out_of_fold"] = facts[found.key("out_of_fold")]
    if "proof" in about and not proof_result.holds(
        about["proof"]
    ):  # an earlier version of studyhall also exported models without a proof
        about.pop("export", None)
    folder = about.get("export", {}).get("folder")
    trials = records.trials(db, study)
    return Best(
        study,
        trial,
        about.get("proof"),
        test_json(found),
        Path(folder) if folder else None,
        verdicts.of_trial(db, study, trials, trial),
        about.get("out_of_fold", {}).get("scores"),
        found,
        pareto.front(study, trials),
        about.get("export", {}).get("files", FILES),
        about.get("export", {}).get("load") or (),
    )


def test_json(found: Winner) -> dict[str, Any] | None:
    """Return the scores of the winner's model on the test set, or None if it was not tested."""
    scoring = found.scoring
    if scoring is None:
        return None
    return {
        "trial": scoring.trial,
        "times": len(found.scorings),
        "scored_at": scoring.scored_at,
        "who": scoring.who,
        "model_sha256": scoring.model_sha256,
        "scores": scoring.scores,
    }


def uses_json(found: Winner) -> list[dict[str, Any]]:
    """Return every use of the test set as JSON values."""
    names = ("number", "trial", "model_sha256", "who", "scored_at")
    return [{name: getattr(use, name) for name in names} for use in found.scorings]


def _is_of(fact: Any, found: Winner) -> bool:
    return fact is not None and fact.get("model_sha256") == found.model_sha256


def to_json(best: Best) -> dict[str, Any]:
    """Return the best trial as JSON values."""
    confirmed = best.winner.confirmation if best.winner else None
    verdict = None if best.verdict is None else best.verdict.to_json()
    return {
        "study": best.study.name,
        **json_keys.of_trial(best.trial, verdict),
        "hyperparameters": best.trial.attributes.get("values"),
        "metrics": best.trial.attributes.get("metrics"),
        "model": _model(best.trial.attributes),
        "proof": best.proof and {**best.proof, "proven": proof_result.holds(best.proof)},
        "test": best.test,
        "out_of_fold": best.out_of_fold,
        "test_uses": [] if best.winner is None else uses_json(best.winner),
        "confirmation": None if confirmed is None else confirmed.to_json(),
        "folder": None if best.folder is None else str(best.folder),
        "load": list(best.load) or None,
        "missing": best.missing,
        "pareto": pareto.to_json(best.pareto) or None,
    }


def shown(best: Best) -> list[RenderableType]:
    """Return the best trial as lines and tables for the terminal."""
    trial = best.trial
    parts: list[RenderableType] = [
        f"{_whose(best)}: trial {words.called(trial.number, words.name(trial))}, "
        f"{best.objective} {words.number(trial.value)} "
        f"{words.reached(trial.best_epoch, trial.epochs, trial.attributes.get('best_epochs'))}",
        *_parts(trial),
        _values(_chosen(best)),
    ]
    if best.verdict:
        parts.append(f"verdict  {best.verdict.sentence()}")
    if best.verdict and best.verdict.advice:
        parts.append(f"advice   {'; '.join(best.verdict.advice)}")
    if best.proof and not best.failed:
        parts.append(
            f"proof  reloaded in a fresh process: {best.proof['reloaded']:.7g}, recorded "
            f"{best.proof['recorded']:.7g}, difference {best.proof['difference']:.1e}"
        )
    if best.winner and best.winner.confirmation:
        parts += best.winner.confirmation.sentences()
    if best.test:
        parts += _test(best.test)
    elif best.winner and best.locked and not best.failed:
        parts.append(f"test   {_kept(best.winner, best.study, _option(best))}")
    if best.out_of_fold:
        parts.append(f"folds  {score_tables.sentence(best.out_of_fold)}, out-of-fold")
    if best.folder:
        parts.append(f"model  {best.folder / best.model}")
        if best.load and tuple(best.load) != PLAIN:
            parts.append(f"load   in its folder: {'; '.join(best.load)}")
    if best.pareto:
        parts.append("Pareto front: no trial is better than these in every objective")
        parts.append(tables.table(*pareto.rows(pareto.to_json(best.pareto))))
    if best.missing:
        how = f"to do it: studyhall best {best.study.name}{_option(best)} --export FOLDER"
        parts.append(f"not done yet: {', '.join(best.missing)}; {how}")
    if best.proof and best.failed:
        parts += proof_result.sentences(best.study.name, best.proof, tested=best.test is not None)
    return parts


def _whose(best: Best) -> str:
    """Return the heading of the trial: the study's best, or chosen by the user."""
    chosen = best.winner is not None and best.winner.chosen
    return (
        f"chosen from {best.study.name}, not its best" if chosen else f"best of {best.study.name}"
    )


def _option(best: Best) -> str:
    """Return the command-line option that names this trial, unless it is the winner."""
    chosen = best.winner is not None and best.winner.chosen
    return f" --trial {best.trial.number}" if chosen else ""


def copy(best: Best, target: Path) -> None:
    """Copy model and card into a folder, each file atomically.

    Args:
        best: the best trial.
        target: folder to copy to; created if missing.

    Raises:
        ArtifactError: the folder can't be written, or the disk is full.
        ConfigError: there is no exported model, for example because it is not proven.
    """
    if best.folder is None:
        raise ConfigError([f'study "{best.study.name}" has no exported model'])
    target.mkdir(parents=True, exist_ok=True)
    for name in best.files:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        with artifact_store.replacing(target / name) as unfinished:
            shutil.copyfile(best.folder / name, unfinished)


def _model(about: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return fold, repeat and value of the training that the model comes from."""
    if "model_value" not in about:
        return None
    part = {key: about.get(f"model_{key}", 0) for key in PARTS}
    return {**part, "of": _which(about), "value": about["model_value"]}


def _which(about: Mapping[str, Any]) -> str | None:
    """Return in words the training that the model comes from; None if there is only one."""
    if about.get("model_confirmed"):
        return "one of its confirmation"
    parts = [f"{key} {about.get(f'model_{key}', 0) + 1}" for key in PARTS if f"{key}s" in about]
    return f"that of {' '.join(parts)}" if parts else None


def _parts(trial: TrialRecord) -> list[str]:
    """Return the line on what the value averages, and which of the trainings gave the model."""
    about = trial.attributes
    trainings = {key: about[key] for key in ("folds", "repeats") if key in about}
    if not trainings:
        return []
    counts = " × ".join(f"{len(values)} {name}" for name, values in trainings.items())
    said = f"the mean of {counts}, standard error {words.number(about.get('standard_error'))}"
    model = _model(about)
    if model is None:
        return [said]
    return [f"{said}; the model is {model['of']}: {words.number(model['value'])}"]


def _chosen(best: Best) -> dict[str, Any]:
    """Return the values that the study file or the user's function set; the JSON has them all."""
    file, asked = best.study.config["file"], best.trial.params
    written = [*file["space"], *asked]
    values = best.trial.attributes.get("values") or asked
    return hyperparameters.chosen(values, written, file["model"]["family"])


def _values(values: dict[str, Any]) -> RenderableType:
    return tables.table((), [(name, words.value(value)) for name, value in values.items()])


def _kept(found: Winner, study: Study, option: str) -> str:
    """Return the reason why this model has no scores on the test set."""
    if not found.scorings and found.chosen:
        return "set not used: it is reserved for the best trial, unless that one can't be proven"
    if not found.scorings:
        return "set not used: it is reserved for the winner, which is not final yet"
    last = found.scorings[-1]
    at = time.strftime("%Y-%m-%d", time.localtime(last.scored_at))
    scores = f": {score_tables.sentence(last.scores)}" if last.scores else ""
    return (
        f"set was used for another model, of trial {last.trial}, on {at} by {last.who}{scores}; "
        f"to test this one as well: studyhall best {study.name}{option} --again"
    )


def _test(test: dict[str, Any]) -> list[RenderableType]:
    found = test["scores"]
    times = "once" if test["times"] == 1 else f"{test['times']} times by this study"
    lines: list[RenderableType] = [
        f"test   set used {times}: {score_tables.sentence(found)}",
        tables.table(*score_tables.rows(found)),
    ]
    if len(found.get("classes", [])) > MOST_CLASSES or "confusion" not in found:
        return lines
    return [*lines, tables.table(*score_tables.confusion_rows(found))]
