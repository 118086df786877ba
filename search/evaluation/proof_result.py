"""What a proof says: whether the reloaded model scores what was recorded. Needs no Keras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from studyhall.search.display import words

NOT_PROVEN = 3  # exit code
EARLIER_SHARE = 1e-2  # of the recorded value: what proofs without a verdict of their own may be off
EARLIER_LEAST = 1e-5


def holds(proof: Mapping[str, Any]) -> bool:
    """Whether the model is proven; one that an earlier version wrote is judged by its numbers."""
    if "proven" in proof:
        return bool(proof["proven"])
    allowed = max(EARLIER_LEAST, EARLIER_SHARE * abs(proof["recorded"]))
    return bool(proof["difference"] <= allowed)


def why_not(proof: Mapping[str, Any]) -> str:
    """What speaks against the model."""
    said = proof.get("why") or differs(proof["recorded"], proof["reloaded"], proof.get("tolerance"))
    changed = "".join(f"; {line}" for line in proof.get("changed") or ())
    return f"trial {proof['trial']}: {said}{changed}"


def differs(recorded: float, reloaded: float, tolerance: float | None) -> str:
    """Two values that should be one."""
    off = f"{abs(reloaded - recorded):.2g}"
    rounding = "" if tolerance is None else f", and rounding explains {tolerance:.1g} at most"
    return (
        f"its model, reloaded in a fresh process, scores {reloaded:.7g}, but {recorded:.7g} was "
        f"recorded when it was trained: {off} apart{rounding}"
    )


def sentences(study: str, proof: Mapping[str, Any], *, tested: bool = False) -> list[str]:
    """A model that is not proven, why, and which one is.

    Args:
        tested: it was proven once, and scored on the test set then.
    """
    missing = "not exported, and was tested before" if tested else "neither exported nor tested"
    return [
        f"NOT PROVEN: {why_not(proof)}; it is {missing}",
        instead(study, proof),
    ]


def instead(study: str, proof: Mapping[str, Any]) -> str:
    """The next best trial whose model is proven, or how to come to one."""
    other = proof.get("instead")
    if other is not None:
        how = f"studyhall best {study} --trial {other['trial']} --export FOLDER"
        return f"trial {other['trial']} ({words.number(other['value'])}) is proven: {how}"
    return (
        "no other trial has a saved model that is proven; [study] keep_models keeps more of them, "
        f"and studyhall confirm {study} trains the best trials anew"
    )
