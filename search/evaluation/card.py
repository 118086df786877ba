"""The exported model `best/model.keras` and its card `best/best.json`."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from studyhall.search.data.sources import reading, row_times
from studyhall.search.data.sources.windows import Series
from studyhall.search.display import notes
from studyhall.search.evaluation import (
    best,
    exported_files,
    proof_result,
    row_model,
    usage,
    uses_of_test_set,
)
from studyhall.search.evaluation.reloading import NotProvenError, Reloaded
from studyhall.search.evaluation.winner import Winner
from studyhall.search.study import record
from studyhall.search.training import backend
from studyhall.search.trial import exporting
from studyhall.search.trial.blueprints import Blueprint
from studyhall.spaces import own_classes, shapes
from studyhall.storage.artifacts import artifact_store, atomic_files, bucket
from studyhall.storage.database import Database
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies import studies
from studyhall.storage.studies.rows import Study

LIBRARIES = ("studyhall", "optuna", "keras", "numpy")  # and the backend
CARD = "best.json"


def export(
    db: Database,
    study: Study,
    plan: Blueprint,
    found: Winner,
    reloaded: Reloaded | None,
    predictions: Path | None,
    *,
    logits: bool = False,
) -> dict[str, Any]:
    """Write card, model and out-of-fold predictions; if the model is not proven, only the card.

    The card of an earlier model that is proven is not overwritten by that of an unproven one.

    Args:
        db: database of the study.
        study: the study.
        plan: blueprint of its models.
        found: the winner.
        reloaded: the reloaded model, or None if it is not proven.
        predictions: file of its out-of-fold predictions, if it has folds.
        logits: the model returns logits instead of probabilities.

    Returns:
        The contents of the card.
    """
    folder = record.stored(study).artifacts / found.folder
    if reloaded is None:
        content = _content(db, study, plan, found, None)
        if not _stays(folder, found.model_sha256):
            # If the disk is full, the proof is still in the database.
            with suppress(atomic_files.ArtifactError):
                _write(content, folder)
                _tidy(folder, {CARD})
        return content
    used = usage.of(reloaded, plan)
    atomic_files.make_within(folder.parent, folder)
    files = {CARD, *_model(record.objects(study), found, reloaded, used, folder)}
    rows = _of_rows(plan, record.stored(study).folder, found, reloaded, folder)
    files |= _predictions(predictions, folder / best.PREDICTIONS)
    # After the files that it describes, whose checksum it contains.
    content = {
        **_content(db, study, plan, found, used),
        "rows": rows,
        "logits": logits,
        "model_sha256": atomic_files.sha256(folder / used.model),
    }
    _write(content, folder)
    _tidy(folder, files)
    about: dict[str, Any] = {"trial": found.trial.number, "model_sha256": found.model_sha256}
    about |= {
        "folder": str(folder),
        "files": sorted(files, key=_largest_first),
        "load": content["load"],
        "sha256": exported_files.digests(folder, files),
    }
    studies.set_fact(db, study, found.key("export"), about)
    if used.model == usage.MODEL:
        _link(db, study, found.trial)
    return content


def _largest_first(name: str) -> tuple[bool, str]:
    """Return a sort key: large files first, so that a copy to a full disk fails at once."""
    return name not in (usage.MODEL, usage.WEIGHTS), name


def _stays(folder: Path, sha256: str | None) -> bool:
    """Return whether the folder holds another model that is proven."""
    try:
        with atomic_files.opened(folder / CARD) as file:
            there = json.load(file)
        return there["proof"]["model_sha256"] != sha256 and proof_result.holds(there["proof"])
    except (OSError, atomic_files.ArtifactError, ValueError, KeyError, TypeError):
        return False


def _write(content: dict[str, Any], folder: Path) -> None:
    atomic_files.make_within(folder.parent, folder)
    whole = (json.dumps(content, indent=2) + "\n").encode()
    atomic_files.write_whole(folder / CARD, whole, follow=False)


def _tidy(folder: Path, files: set[str]) -> None:
    """Delete files that an earlier winner has left in the folder."""
    for path in folder.rglob("*"):
        if path.is_file() and str(path.relative_to(folder)) not in files:
            path.unlink()


def _content(
    db: Database, study: Study, plan: Blueprint, found: Winner, used: usage.Usage | None
) -> dict[str, Any]:
    winner, confirmed, facts = found.trial, found.confirmation, studies.facts(db, study)
    loaded, proof = plan.data, facts[found.key("proof")]
    folds = facts.get(found.key("out_of_fold"), {})
    fold = loaded.folds[winner.attributes.get("model_fold", 0)]
    return {
        "study": study.name,
        "trial": winner.number,
        "value": winner.value,
        "best_epoch": winner.best_epoch,
        "hyperparameters": winner.attributes["values"],
        "metrics": winner.attributes["metrics"],
        "parameters": winner.attributes["parameters"],
        "task": loaded.task,
        "classes": list(loaded.classes),
        "input_shape": shapes.mapped(list, loaded.input_shape),
        "features": list(loaded.columns),
        "texts": _of_texts(plan, winner),
        "outputs": loaded.outputs,
        "precision": plan.file.training.precision,
        "backend": backend.name(),
        "preparation": fold.preparation.to_dict(),
        "proven": proof_result.holds(proof),
        "model": None if used is None else used.model,
        "load": None if used is None else list(used.lines),
        "model_sha256": found.model_sha256,
        "proof": proof,
        "test": uses_of_test_set.scores_json(found),
        "out_of_fold": folds.get("scores") if folds.get("trial") == winner.number else None,
        "confirmation": confirmed.to_json() if confirmed and confirmed.current else None,
        "seed": study.seed,
        "model_seed": winner.attributes.get("seed"),
        "data_fingerprint": loaded.fingerprint,
        "versions": {name: version(name) for name in (*LIBRARIES, backend.name())},
    }


def _of_texts(plan: Blueprint, winner: TrialRecord) -> dict[str, Any] | None:
    """Return how the model reads texts, and which column of a table; None for other samples."""
    if not plan.file.model.reads_texts:
        return None
    values = winner.attributes["values"]
    column = next(iter(plan.data.columns), None)
    return {"column": column, "vocabulary": values["vocabulary"], "length": values["length"]}


def _model(
    objects: artifact_store.ArtifactStore,
    found: Winner,
    reloaded: Reloaded,
    used: usage.Usage,
    folder: Path,
) -> set[str]:
    """Write the model, or its weights and loader, and the user's modules; return file names."""
    if reloaded.built is not None:
        exporting.save_weights(reloaded.built, folder / used.model)
        atomic_files.write_whole(folder / usage.LOADER, used.loader.encode(), follow=False)
    else:
        saved = bucket.fetched(objects, found.trial.attributes["model"])
        exported_files.copy_checked(saved, folder / used.model, found.model_sha256, follow=False)
    copied = {str(own_classes.path_below(each)): each for each in used.modules}
    for name, module in copied.items():
        atomic_files.make_within(folder, (folder / name).parent)
        code = Path(str(module.__file__)).read_bytes()
        atomic_files.write_whole(folder / name, code, follow=False)
    return {used.model, *copied, *([usage.LOADER] if used.loader else [])}


def _of_rows(
    plan: Blueprint, source: Path, found: Winner, reloaded: Reloaded, folder: Path
) -> dict[str, Any] | None:
    """Let the exported model of a table take raw rows; return how, or why it doesn't.

    None for other data.
    """
    if not plan.data.table:
        return None
    about = {"columns": row_model.described(plan.data.table)}
    if series := reading.series(plan.file.data):
        taken = ", ".join(map(str, ("N", *plan.data.input_shape)))
        why = f"the model takes windows ({taken}) of features, not rows"
        series = _as_read(series, plan, source)
        return {**about, "series": asdict(series), "why": why}
    try:
        if reloaded.built is not None:
            raise NotProvenError("it is built by its own function")
        model = folder / usage.MODEL
        return {**about, **row_model.write(model, plan, source, found.trial, reloaded)}
    except NotProvenError as error:
        return {**about, "why": f"the model takes features, not rows: {error}"}


def _as_read(series: Series, plan: Blueprint, source: Path) -> Series:
    """Return the series with the kind of its times, as new ones may be too few to tell it."""
    if series.split_by is None:
        return series
    data = plan.file.data
    frame, place = reading.raw_table(data, source)
    return replace(series, kind=row_times.kind(frame[series.split_by], series.kind, place))


def _predictions(path: Path | None, target: Path) -> set[str]:
    """Copy the predictions beside the model; return the names of the files."""
    if path is None:
        return set()
    exported_files.copy_checked(path, target, None, follow=False)
    return {target.name}


def _link(db: Database, study: Study, winner: TrialRecord) -> None:
    """Link the model in Optuna Dashboard, at the study and at its winning trial."""
    name = f"{study.name}.keras"
    links = notes.stored_artifact(winner.trial_id, winner.attributes["model"], name)
    storage = db.optuna_storage()
    for key, value in links.items():
        storage.set_study_system_attr(study.study_id, key, value)
