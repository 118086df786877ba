"""The summary of a study in sentences, for its report and its note in the dashboard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from studyhall.search.display import score_tables, words
from studyhall.search.evaluation import proof_result
from studyhall.search.report import retrainings

COMMON = 0.15  # least share of the judged trials for a verdict to be named
TELLING = 0.15  # least importance for a hyperparameter to be named
MOST = 3  # hyperparameters named at most


def summary(content: Mapping[str, Any]) -> list[str]:
    """Return the study in sentences, the most important first.

    Args:
        content: the content of the report, without its summary.
    """
    best = content["best"]
    if best is None:
        return ["No trial has been completed yet.", *beyond_outcome(content)]
    return [*_got(best, content["status"]["objective"]), *_trust(best), *beyond_outcome(content)]


def beyond_outcome(content: Mapping[str, Any]) -> list[str]:
    """Return the sentences that a page needs which answers the three questions of the outcome."""
    best = content["best"]
    curves = _curves(best, data_tried=content["data_curve"] is not None) if best else ()
    return [*curves, *_more(content), _ended(content), *beyond_facts(content)]


def beyond_facts(content: Mapping[str, Any]) -> list[str]:
    """Return what failures cost, which faults are common, and which hyperparameters matter."""
    return [*_lost(content), *_faults(content), *_matters(content)]


def _more(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield sentences on whether longer training or more data would help."""
    if content["longer"] is not None:
        yield content["longer"]["sentence"]
    if content["data_curve"] is not None:
        yield from content["data_curve"]["summary"][:1]


def _got(best: Mapping[str, Any], objective: str) -> Iterator[str]:
    """Yield which trial is the best, and its value."""
    at = words.reached(best["best_epoch"], best["epochs"], best["best_epochs"])
    called = words.called(best["trial"], best["name"])
    where = " in the first objective" if best["pareto"] else ""
    yield f"Trial {called} is the best{where}: {objective} {words.number(best['value'])} {at}."
    if best["pareto"]:
        yield of_front(best["pareto"])


def _trust(best: Mapping[str, Any]) -> Iterator[str]:
    """Yield its proof, confirmation and scores, beside those of baselines."""
    if (proof := best["proof"]) and not proof_result.holds(proof):
        yield from map(sentence, best["outcome"]["trust"])
    elif proof:
        off = f"{proof['difference']:.1e} from" if proof["difference"] else "exactly"
        same = f"{proof['reloaded']:.7g}, {off} what was recorded"
        which = f", {best['model']['of']}," if (best["model"] or {}).get("of") else ""
        yield f"Reloaded in a fresh process its model{which} scored {same}."
        if said := proof_result.compared(proof, best["outcome"]["objective"]):
            yield sentence(said)
    if confirmed := best["confirmation"]:
        yield from confirmed["summary"]
    if best["test"]:
        yield f"On the test set: {score_tables.sentence(best['test']['scores'])}."
    if best["baselines"]:
        yield from (sentence(said) for said in best["baselines"]["summary"])
    yield from retrainings.uses(best)


def _curves(best: Mapping[str, Any], *, data_tried: bool) -> Iterator[str]:
    """Yield its verdict with advice.

    Args:
        data_tried: True if a data curve exists, which replaces the guess from the curves.
    """
    if verdict := best["verdict"]:
        yield (
            f"Its curves say {verdict['name']} (confidence {verdict['confidence']:g}): "
            f"{verdict['shows']}. Advice: {'; '.join(verdict['advice'])}."
        )
        if (quadrant := verdict["quadrant"]) and not data_tried:
            yield f"More data, or tuning? {sentence(quadrant['data'])}"


def of_front(front: Sequence[Mapping[str, Any]]) -> str:
    """Return a sentence that lists the trials of a Pareto front."""
    numbers = ", ".join(str(each["trial"]) for each in front)
    return f"No trial is better in every objective than these, the Pareto front: {numbers}."


def _ended(content: Mapping[str, Any]) -> str:
    state = content["status"]
    counts = ", ".join(f"{state[name]} {name}" for name in ("complete", "pruned", "failed"))
    return f"{state['finished']} of {state['trials']} trials have finished: {counts}."


def _lost(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield how much of the time went into failures and repeated epochs, if any did."""
    lost = content["lost"]
    gone = lost["failed_s"] + lost["repeated_s"]
    if gone > 0:
        of = f"the {words.duration(lost['all_s'])} of device time"
        yield f"Failures and repeated epochs took {percent(gone / lost['all_s'], 1)} of {of}."


def _faults(content: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence on the verdicts that many trials share."""
    judged = sum(content["verdicts"].values())
    common = {
        name: count
        for name, count in sorted(content["verdicts"].items(), key=lambda item: -item[1])
        if count >= COMMON * judged
    }
    if common:
        rare = judged - sum(common.values())
        shares = ", ".join(
            f"{percent(count / judged)} {name}"
            for name, count in {**common, **({"others": rare} if rare else {})}.items()
        )
        yield f"Of {judged} trials with a verdict: {shares}."


def _matters(content: Mapping[str, Any]) -> Iterator[str]:
    telling = [
        f"{each['name']} ({percent(each['importance'])}; the best: {each['good']})"
        for each in content["hyperparameters"][:MOST]
        if (each["importance"] or 0.0) >= TELLING
    ]
    if telling:
        yield f"What matters most: {', '.join(telling)}."
    for each in content["hyperparameters"]:
        yield from (f"{tendency}." for tendency in each["tendencies"][:1])  # begins with a key


def percent(share: float, digits: int = 0) -> str:
    """Return a share as a percentage: `45 %`."""
    return f"{100 * share:.{digits}f} %"


def sentence(text: str) -> str:
    """Return a remark as a sentence: with a capital letter and a full stop."""
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."
