"""The proof of a script's best model: loaded in a process that has not trained it, measured again.

The script brings the data: the process that the user has started has run it up to its search, and
`studyhall finish` runs it up to there.
"""

from __future__ import annotations

import json
import time
import zipfile
from pathlib import Path
from typing import Any, NoReturn

from studyhall.search.evaluation import best, exported_files, proof_result, winner
from studyhall.search.evaluation.winner import Winner
from studyhall.search.scripts import answers, script, session
from studyhall.search.scripts.call import Call
from studyhall.search.scripts.session import Searched
from studyhall.search.study import record
from studyhall.search.study_file.config_error import ConfigError
from studyhall.spaces import own_classes
from studyhall.storage.artifacts import atomic_files
from studyhall.storage.database import Database
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Study

SHARE, LEAST = 1e-3, 1e-6  # of the recorded value, that rounding may explain
OWN = "only the script's own function measures its trials"
MODEL, WEIGHTS, CARD = "model.keras", "model.weights.h5", "best.json"
NAMES = {".keras": MODEL, best.PICKLE_ENDING: best.PICKLE}


class Reached(BaseException):
    """The script has reached the search of the study."""

    def __init__(self, call: Call) -> None:
        super().__init__(call.name)
        self.call = call


class ProverPart:
    """The part of a process that only wants the script's data and builder.

    Args:
        searched: the study.
    """

    def __init__(self, searched: Searched) -> None:
        self._searched = searched

    def search(self, call: Call, url: str | None) -> Searched:
        """Stop at the search of the study; pass by earlier ones.

        Raises:
            Reached: the script has reached the search of the study.
        """
        if call.study == self._searched.study.name:
            raise Reached(call)
        return self._searched

    def database(self, url: str | None) -> str:
        """Return the URL of the database of the study."""
        return self._searched.url

    def open(self, call: Call, url: str | None) -> Searched:
        """Refuse: a script that asks for its trials trains them, and can't measure a model again.

        Raises:
            ConfigError: always.
        """
        raise ConfigError([f"{self._searched.study.name}: {OWN}, so its model can't be proven"])


def finish(db: Database, url: str, study: Study, number: int | None = None) -> dict[str, Any]:
    """Run a script up to its search, prove its best model and export it; return the card.

    Args:
        db: database of the study.
        url: its URL.
        study: the study.
        number: number of a trial to use instead of the best.

    Raises:
        ConfigError: the model can't be measured again.
    """
    return prove(db, Searched(url, study), reached(url, study), number)


def reached(url: str, study: Study) -> Call:
    """Run a script up to the search of a study, and return it.

    Raises:
        ConfigError: it ends before.
    """
    known = script.recorded(study)
    assert known is not None
    session.play(ProverPart(Searched(url, study)))
    try:
        script.execute(known)
    except Reached as end:
        return end.call
    raise ConfigError([f"{known.path} ended before it searched {study.name!r}"])


def prove(
    db: Database, searched: Searched, call: Call, number: int | None = None
) -> dict[str, Any]:
    """Measure the best model again, and export it if it is proven; return the card.

    Args:
        db: database of the study.
        searched: the study.
        call: the script's search, which measures.
        number: number of a trial to use instead of the best.

    Raises:
        ConfigError: the model can't be measured again.
    """
    study = searched.study
    found = winner.read(db, study, number)
    if found is None:
        raise ConfigError([f'study "{study.name}" has no complete trial yet'])
    path = answers.model_file(searched, found.trial)
    if call.measure is None:
        _cannot(study, found, path)
    proof = _measured(found, call.measure(found.trial, path))
    studies.set_fact(db, study, found.key("proof"), proof)
    return _export(db, study, found, path, proof)


def _cannot(study: Study, found: Winner, path: Path) -> NoReturn:
    says = f"{OWN}, so its model can't be proven"
    raise ConfigError([f"{study.name}: {says}; the model of trial {found.trial.number} is {path}"])


def _measured(found: Winner, reloaded: float) -> dict[str, Any]:
    recorded = found.trial.attributes["model_value"]
    allowed, off = max(LEAST, SHARE * abs(recorded)), abs(reloaded - recorded)
    said = None if off <= allowed else proof_result.differs(recorded, reloaded, allowed)
    return {
        "trial": found.trial.number,
        "recorded": recorded,
        "reloaded": reloaded,
        "difference": off,
        "tolerance": allowed,
        "scores": None,
        "by_script": True,
        "model_sha256": found.model_sha256,
        "proven_at": time.time(),
        "proven": off <= allowed,
        "why": said,
    }


def _export(
    db: Database, study: Study, found: Winner, path: Path, proof: dict[str, Any]
) -> dict[str, Any]:
    """Copy the model into the study's folder, with a card; return the card."""
    trial, folder = found.trial, record.stored(study).artifacts / found.folder
    name = NAMES.get(path.suffix, WEIGHTS)
    card: dict[str, Any] = {
        "study": study.name,
        "trial": trial.number,
        "value": trial.value,
        "best_epoch": trial.best_epoch,
        "hyperparameters": trial.attributes.get("values"),
        "metrics": trial.attributes.get("metrics"),
        "proven": proof["proven"],
        "proof": proof,
        "model": name if proof["proven"] else None,
        "load": _lines(path) if proof["proven"] else None,
        "model_sha256": found.model_sha256,
    }
    atomic_files.make_within(folder.parent, folder)
    if proof["proven"]:
        exported_files.copy_checked(path, folder / name, found.model_sha256, follow=False)
    whole = (json.dumps(card, indent=2) + "\n").encode()
    atomic_files.write_whole(folder / CARD, whole, follow=False)
    if proof["proven"]:
        files = [name, CARD]
        about = {
            "trial": trial.number,
            "model_sha256": found.model_sha256,
            "folder": str(folder),
            "files": files,
            "load": card["load"],
            "sha256": exported_files.digests(folder, files),
        }
        studies.set_fact(db, study, found.key("export"), about)
    return card


def _lines(path: Path) -> list[str]:
    """Return lines of Python that load the model: without its script, if its classes allow it."""
    if path.suffix == best.PICKLE_ENDING:
        return [
            "import pickle, pathlib",
            f'model = pickle.loads(pathlib.Path("{best.PICKLE}").read_bytes())',
        ]
    if path.suffix != Path(MODEL).suffix:
        return ["model = build(hp)  # by the script", f'model.load_weights("{WEIGHTS}")']
    with zipfile.ZipFile(path) as archive:
        own = own_classes.named(json.loads(archive.read("config.json"))).classes
    if not own:
        return [*best.PLAIN]
    objects = ", ".join(f'"{name}": {name.rpartition(">")[2]}' for name in sorted(own))
    return ["import keras", f'model = keras.models.load_model("{MODEL}", {{{objects}}})']
