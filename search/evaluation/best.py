"""The best trial of a study: the proof of its model, its test scores, and what is still missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from studyhall.search.diagnosis import judging, more_epochs
from studyhall.search.diagnosis.verdict import Verdict
from studyhall.search.display import json_keys
from studyhall.search.evaluation import (
    baseline_text,
    next_steps,
    outcome,
    pareto,
    proof_result,
    uses_of_test_set,
)
from studyhall.search.evaluation import winner as winners
from studyhall.search.evaluation.winner import Winner
from studyhall.search.process import handover
from studyhall.search.retraining import datacurve
from studyhall.search.study import record
from studyhall.search.study_file import objectives
from studyhall.search.study_file.config_error import ConfigError
from studyhall.spaces import hyperparameters
from studyhall.storage.database import Database, urls
from studyhall.storage.queries import records
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies import studies
from studyhall.storage.studies.adoption import FOREIGN
from studyhall.storage.studies.rows import Study

PREDICTIONS = "out_of_fold.npz"  # beside the exported model
FILES = ("model.keras", "best.json")
PLAIN = ("import keras", f'model = keras.models.load_model("{FILES[0]}")')  # enough for most models
PICKLE, PICKLE_ENDING = "model.pickle", ".pickle"  # of scikit-learn's models
MODELS = (FILES[0], "model.weights.h5", PICKLE)
PARTS = ("fold", "repeat")
BASELINES = "baselines"  # the fact that `baselines.store` stores


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
        baselines: guessing, linear model and trees beside it, as `baseline_text.beside` returns
            them; None if they are not computed.
        sha256: SHA-256 of each of the files; None if an earlier version has exported them.
        tried: number of trials that were compared: complete or pruned.
        storage: options that a command needs to find the same database.
        shares: a data curve of it is known.
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
    baselines: dict[str, Any] | None = None
    sha256: Mapping[str, str] | None = None
    tried: int = 1
    storage: str = ""
    shares: bool = False

    @property
    def locked(self) -> bool:
        """True if the test set may not be used for this model: used before, or not yet final."""
        found = self.winner
        if found is None or found.opens_again:
            return False
        return bool(found.scorings) or not found.final

    @property
    def option(self) -> str:
        """The command-line option that names this trial, unless it is the winner."""
        chosen = self.winner is not None and self.winner.chosen
        return f" --trial {self.trial.number}" if chosen else ""

    @property
    def chosen(self) -> dict[str, Any]:
        """The values that the study file or the user's function set; the JSON has them all."""
        file, asked = self.study.config.get("file"), self.trial.params
        values = self.trial.attributes.get("values") or asked
        if file is None:
            return dict(values)
        written = [*file["space"], *asked]
        return hyperparameters.chosen(values, written, file["model"]["family"])

    @property
    def objective(self) -> str:
        """The name of the first objective, which the trial's value measures."""
        return objectives.shown(objectives.of_study(self.study.config)[0])

    @property
    def model(self) -> str:
        """The file name of the exported model, or of its weights."""
        return next(name for name in self.files if name in MODELS)

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
        if self.failed or FOREIGN in self.study.config:  # of that there is no model
            return []
        if not record.is_measured_again(self.study):
            return []
        done: dict[str, Any] = {"export": self.folder, "proof": self.proof}
        of_script = record.SCRIPT in self.study.config  # which keeps its test set to itself
        if not self.locked and not of_script:
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
        problem = "received no complete trial yet, expected at least one"
        raise ConfigError([f'study "{study.name}": {problem}'])
    trial, facts = found.trial, studies.facts(db, study)
    known = {key: facts.get(found.key(key)) for key in ("proof", "export")}
    about = {key: dict(fact) for key, fact in known.items() if fact and _is_of(fact, found)}
    if facts.get(found.key("out_of_fold"), {}).get("trial") == trial.number:
        about["out_of_fold"] = facts[found.key("out_of_fold")]
    if "proof" in about and not proof_result.holds(
        about["proof"]
    ):  # an earlier version of studyhall also exported models without a proof
        about.pop("export", None)
    folder = _exported(study, found, about)
    trials = records.trials(db, study)
    test, folds = uses_of_test_set.scores_json(found), about.get("out_of_fold", {}).get("scores")
    return Best(
        study,
        trial,
        about.get("proof"),
        test,
        folder,
        judging.of_trial(db, study, trials, trial, won=not found.chosen),
        folds,
        found,
        pareto.front(study, trials),
        about.get("export", {}).get("files", FILES),
        about.get("export", {}).get("load") or (),
        baseline_text.beside(
            facts.get(BASELINES),
            trial.value,
            folds or about.get("proof", {}).get("scores"),
            None if test is None else test["scores"],
            higher=study.direction != objectives.MINIMIZE,
        ),
        about.get("export", {}).get("sha256"),
        sum(each.state in ("COMPLETE", "PRUNED") for each in trials),
        urls.storage_option(str(db)),
        datacurve.read(db, study) is not None,
    )


def _exported(study: Study, found: Winner, about: Mapping[str, Any]) -> Path | None:
    """Return the folder of the exported model, also where the project was moved since."""
    recorded = about.get("export", {}).get("folder")
    if not recorded:
        return None
    place = record.local_folder(study) / found.folder
    return place if place.is_dir() else Path(recorded)


def _is_of(fact: Any, found: Winner) -> bool:
    return fact is not None and fact.get("model_sha256") == found.model_sha256


def to_json(best: Best) -> dict[str, Any]:
    """Return the best trial as JSON values."""
    confirmed = best.winner.confirmation if best.winner else None
    verdict = None if best.verdict is None else best.verdict.to_json()
    told = {
        "study": best.study.name,
        **json_keys.of_trial(best.trial, verdict),
        "hyperparameters": best.trial.attributes.get("values"),
        "metrics": best.trial.attributes.get("metrics"),
        "model": model_source(best.trial.attributes),
        "proof": best.proof and {**best.proof, "proven": proof_result.holds(best.proof)},
        "test": best.test,
        "out_of_fold": best.out_of_fold,
        "test_uses": [] if best.winner is None else uses_of_test_set.uses_json(best.winner),
        "baselines": best.baselines,
        "confirmation": None if confirmed is None else confirmed.to_json(),
        "folder": None if best.folder is None else str(best.folder),
        "load": list(best.load) or None,
        "missing": best.missing,
        "pareto": pareto.to_json(best.pareto) or None,
    }
    return {**told, "outcome": outcome.of(told, around(best))}


def around(best: Best) -> next_steps.Around:
    """Return what the study says of its best trial beside the trial's own record."""
    config, file = best.study.config, best.study.config.get("file")
    own_process = file is None or handover.is_handed(file["model"]["family"])
    trainable = not own_process and record.SCRIPT not in config and FOREIGN not in config
    again = f"studyhall best {best.study.name}{best.option} --again{best.storage}"
    kept = best.winner is not None and best.locked and best.test is None
    return next_steps.Around(
        best.objective,
        best.study.direction != objectives.MINIMIZE,
        best.tried,
        best.storage,
        trainable,
        trainable and not best.shares and not _streams(best.study),
        0 if file is None else file["training"]["epochs"],
        more_epochs.ask(best.trial, best.verdict).answer,
        best.chosen,
        bool(best.option),
        None if best.folder is None else str(best.folder / best.model),
        best.missing,
        uses_of_test_set.kept(best.winner, again) if kept and best.winner else "",
    )


def _streams(study: Study) -> bool:
    return bool(record.stored(study).inspection.about.get("streams"))


def model_source(about: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return fold, repeat and value of the training that the model comes from."""
    if "model_value" not in about:
        return None
    part = {key: about.get(f"model_{key}", 0) for key in PARTS}
    return {**part, "of": _which(about), "value": about["model_value"]}


def _which(about: Mapping[str, Any]) -> str | None:
    """Return in words the training that the model comes from; None if there is only one."""
    if about.get("model_confirmed"):
        return "retrained with a new seed"
    parts = [f"{key} {about.get(f'model_{key}', 0) + 1}" for key in PARTS if f"{key}s" in about]
    return f"that of {' '.join(parts)}" if parts else None
