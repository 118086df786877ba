"""The proposal of the next search space: narrower around good values, wider if at an edge."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from studyhall.search.diagnosis.tendencies import OfHyperparameter
from studyhall.spaces import hyperparameters, spelling
from studyhall.spaces.entry import Entry
from studyhall.spaces.legal import LARGEST, Scalar

MARGIN = 0.15  # share of the old range to keep on either side of the good values
EDGE = 0.1  # good values closer to an end than this share of the old range are at the edge
CROWD = 0.5  # share of the good values at an edge from which the range is widened
WIDER = 0.25  # share of the old range by which it is widened
MOST_TIMES = 10.0  # largest factor by which an end of a log range moves
OFTEN = 5  # a choice tried this often without a good trial is removed
LEAST = 20  # fewest trials with a result, complete or pruned, from which a range is narrowed


@dataclass(frozen=True)
class Proposal:
    """An entry of the next ``[space]``.

    Attributes:
        name: the hyperparameter's name.
        written: the entry's value in the study file.
        why: the change, in words; "" if there is none.
    """

    name: str
    written: Any
    why: str = ""


def propose(
    written: Mapping[str, Any],
    found: Sequence[OfHyperparameter],
    tried: Mapping[str, Mapping[Any, int]],
    ended: int,
) -> list[Proposal]:
    """Propose every entry of the next space, in the order of the old one.

    Args:
        written: the old ``[space]``, as written in the study file.
        found: findings on its searched entries.
        tried: number of trials with each choice, by hyperparameter.
        ended: number of complete and pruned trials: what was pruned shows where the best are not.
    """
    asked_for = {other for each in found for other in each.entry.when}
    known = {
        each.entry.name: each
        for each in found
        # A range in the `when` of other entries is kept, or those might never apply.
        if each.entry.choices or each.entry.name not in asked_for
    }
    proposals = [
        _of(each, written[name], tried.get(name, {}), ended)
        if (each := known.get(name)) and each.good
        else Proposal(name, written[name])
        for name in written
    ]
    return _without_impossible(proposals)


def unchanged(proposals: Sequence[Proposal], ended: int, more: str) -> str:
    """Return why the next space is the old one; "" if something changes.

    Args:
        proposals: what is proposed.
        ended: number of trials that are complete or pruned.
        more: how the study gets more trials.
    """
    if any(each.why for each in proposals):
        return ""
    if ended < LEAST:
        return (
            f"the space stays as it is: {spelling.counted(ended, 'trial')} with a result, and "
            f"{LEAST} are needed to narrow a range; more trials will tell: {more}"
        )
    return "the space stays as it is: the best trials lie all over it, and at none of its ends"


def _of(found: OfHyperparameter, written: Any, tried: Mapping[Any, int], ended: int) -> Proposal:
    entry = found.entry
    if entry.choices:
        return _of_choices(entry, found.good, written, tried)
    low, high, why = _range(entry, found.good, ended)
    if not why:
        return Proposal(entry.name, written)
    ends = {"low": low, "high": high}
    same = {key: value for key, value in written.items() if key not in ends}
    return Proposal(entry.name, {**ends, **same}, why)


def _range(entry: Entry, good: Mapping[Any, int], ended: int) -> tuple[float, float, str]:
    """Return the new ends of a range, and the reason; "" if they are unchanged."""
    to, back = (math.log, math.exp) if entry.log else (float, float)
    low, high = to(entry.low), to(entry.high)
    values = [to(value) for value, count in good.items() for _ in range(count)]
    size, most = high - low, CROWD * len(values)
    beyond = min(WIDER * size, math.log(MOST_TIMES)) if entry.log else WIDER * size
    at_low = sum(value <= low + EDGE * size for value in values) >= most
    at_high = sum(value >= high - EDGE * size for value in values) >= most
    inside = (min(values) - MARGIN * size, max(values) + MARGIN * size)
    inner = inside if ended >= LEAST else (low, high)
    ends = _legal(
        entry,
        back(low - beyond if at_low and not at_high else max(low, inner[0])),
        back(high + beyond if at_high and not at_low else min(high, inner[1])),
    )
    new_low, new_high = _kept(entry.low, ends[0]), _kept(entry.high, ends[1])
    why = {
        "widened at its lower end, where the best trials are": new_low < entry.low,
        "widened at its upper end, where the best trials are": new_high > entry.high,
        "narrowed around the best trials": new_low > entry.low or new_high < entry.high,
    }
    return new_low, new_high, " and ".join(said for said, so in why.items() if so)


def _kept(old: float, new: float) -> float:
    """Return the old end if the two differ only by rounding."""
    return old if math.isclose(old, new, rel_tol=1e-3) else new


def _legal(entry: Entry, low: float, high: float) -> tuple[float, float]:
    """Round ends to the entry's type and steps, within the legal values."""
    least, most = _bounds(entry.name)
    low, high = max(low, least), min(high, most)
    whole = isinstance(entry.low, int) and isinstance(entry.high, int)
    step = entry.step or (1 if whole else None)
    if step is None:
        return float(f"{low:.3g}"), float(f"{high:.3g}")
    first, last = (low - entry.low) / step, (high - entry.low) / step
    ends = [entry.low + math.floor(first) * step, entry.low + math.ceil(last) * step]
    ends = [ends[0] + step * (ends[0] < least), ends[1] - step * (ends[1] > most)]
    return (int(ends[0]), int(ends[1])) if whole else (round(ends[0], 10), round(ends[1], 10))


def _bounds(name: str) -> tuple[float, float]:
    """Return the smallest and largest legal number; slightly inside of an open interval."""
    if name not in hyperparameters.NAMES:
        return -math.inf, math.inf
    legal = re.fullmatch(r"([\[(])(\S+), (\S+)([\])])", hyperparameters.find(name).legal)
    assert legal is not None
    low, high = float(legal[2]), min(float(legal[3]), _most(name))
    inside = high - 0.01 if legal[4] == ")" and math.isfinite(high) else high
    return (low + 1e-12 if legal[1] == "(" and math.isfinite(low) else low), inside


def _most(name: str) -> float:
    known = hyperparameters.find(name)
    return known.most if known.kind == "integer" else LARGEST


def _of_choices(
    entry: Entry, good: Mapping[Any, int], written: Any, tried: Mapping[Any, int]
) -> Proposal:
    """Keep choices that are good or rarely tried, and add a larger one if the largest is best."""
    kept = [c for c in entry.choices if good.get(c, 0) or tried.get(c, 0) < OFTEN]
    why = ["without choices of none of the best"] if len(kept) < len(entry.choices) else []
    beyond = _beyond(entry, good)
    if beyond is not None:
        kept.append(beyond)
        why.append("with one more, as most of the best have the largest")
    if not why:
        return Proposal(entry.name, written)
    if isinstance(written, dict):
        return Proposal(entry.name, {**written, "choices": kept}, " and ".join(why))
    return Proposal(entry.name, kept if len(kept) > 1 else kept[0], " and ".join(why))


def _beyond(entry: Entry, good: Mapping[Any, int]) -> Scalar | None:
    """Return the next larger number, in the ratio of the two largest; None if it doesn't apply."""
    numbers = [n for n in entry.choices if isinstance(n, int | float) and not isinstance(n, bool)]
    if len(numbers) < 2 or len(numbers) < len(entry.choices) or min(numbers) <= 0:
        return None
    before, last = sorted(numbers)[-2:]
    if good.get(last, 0) <= CROWD * sum(good.values()):
        return None
    number = last * last / before
    beyond: Scalar = round(number) if isinstance(last, int) else float(f"{number:.3g}")
    known = entry.name in hyperparameters.NAMES
    return beyond if not known or hyperparameters.find(entry.name).allows(beyond) else None


def _without_impossible(proposals: list[Proposal]) -> list[Proposal]:
    """Remove conditions on removed choices, and entries that can't apply any more."""
    left: dict[str, list[Any]] = {}
    for each in proposals:
        choices = (
            each.written.get("choices", each.written.get("value"))
            if isinstance(each.written, dict)
            else each.written
        )
        if choices is not None:
            left[each.name] = choices if isinstance(choices, list) else [choices]
    kept = []
    for each in proposals:
        if not isinstance(each.written, dict) or "when" not in each.written:
            kept.append(each)
        elif (when := _possible(each.written["when"], left)) is not None:
            kept.append(Proposal(each.name, {**each.written, "when": when}, each.why))
    return kept


def _possible(when: Mapping[str, Any], left: Mapping[str, list[Any]]) -> dict[str, Any] | None:
    """Return a condition without removed choices; None if it can't be met any more."""
    possible = {}
    for name, values in when.items():
        wanted = values if isinstance(values, list) else [values]
        met = [value for value in wanted if name not in left or value in left[name]]
        if not met:
            return None
        possible[name] = met if isinstance(values, list) else met[0]
    return possible
