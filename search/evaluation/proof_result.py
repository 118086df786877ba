"""The result of a proof: does the reloaded model score as recorded? Importable without Keras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studyhall.search.display import words
from studyhall.search.study_file import objectives

NOT_PROVEN = 3  # exit code
# Tolerance for proofs of earlier versions, which recorded no verdict: share of the recorded value.
EARLIER_SHARE = 1e-2
EARLIER_LEAST = 1e-5


def holds(proof: Mapping[str, Any]) -> bool:
    """Return whether the model is proven; proofs of earlier versions are judged by their values."""
    if "proven" in proof:
        return bool(proof["proven"])
    return bool(proof["difference"] <= allowed(proof))


def allowed(proof: Mapping[str, Any]) -> float:
    """Return the tolerance of a proof; of one of earlier versions, as they had it."""
    earlier = max(EARLIER_LEAST, EARLIER_SHARE * abs(proof["recorded"]))
    return float(proof.get("tolerance") or earlier)


def why_not(proof: Mapping[str, Any]) -> str:
    """Return the reason why the model is not proven, in one line."""
    said = proof.get("why") or differs(proof["recorded"], proof["reloaded"], proof.get("tolerance"))
    changed = "".join(f"; {line}" for line in proof.get("changed") or ())
    return f"trial {proof['trial']}: {said}{changed}"


def differs(recorded: float, reloaded: float, tolerance: float | None) -> str:
    """Return the message that the reloaded value differs from the recorded one."""
    off = f"{abs(reloaded - recorded):.2g}"
    rounding = "" if tolerance is None else f", and rounding explains {tolerance:.1g} at most"
    return (
        f"its model, reloaded in a fresh process, scores {reloaded:.7g}, but {recorded:.7g} was "
        f"recorded when it was trained: {off} apart{rounding}"
    )


def compared(proof: Mapping[str, Any], objective: str) -> str:
    """Return what is compared where it is not the objective; empty if it is that.

    Args:
        proof: a proof.
        objective: the objective's name as it is shown.
    """
    found = proof.get("objective")
    if found is None or objectives.shown(found) == objective:
        return ""
    why = f"since only callbacks of the training measure {objective}"
    return f"what is compared is the {found}, {why}"


def sentences(
    study: str, proof: Mapping[str, Any], storage: str, *, tested: bool = False
) -> list[str]:
    """Return lines for a model that is not proven: the reason, and a trial that is proven.

    Args:
        study: name of the study.
        proof: the failed proof.
        storage: options that a command needs to find the same database.
        tested: the model was proven and scored on the test set before.
    """
    missing = "not exported, and was tested before" if tested else "neither exported nor tested"
    return [
        f"NOT PROVEN: {why_not(proof)}; it is {missing}",
        instead(study, proof, storage),
    ]


def instead(study: str, proof: Mapping[str, Any], storage: str) -> str:
    """Return a line that names the next best proven trial, or how to get one; as `sentences`."""
    other = proof.get("instead")
    if other is not None:
        how = f"studyhall best {study} --trial {other['trial']} --export FOLDER{storage}"
        return f"trial {other['trial']} ({words.number(other['value'])}) is proven: {how}"
    if proof.get("by_script"):
        return (
            "what the script draws or reads must be the same in every process, such as its "
            "validation data: give each split and generator a seed"
        )
    return (
        "no other trial has a saved model that is proven; raise [study] keep_models to keep more "
        f"models, or train the best trials again: studyhall confirm {study}{storage}"
    )
