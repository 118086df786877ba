"""The rules by which learning curves are judged.

A rule returns a degree from 0 (no) to 1 (certainly): the smallest degree of its conditions, each of
which rises from 0 to 1 between two bounds. The verdict is the first one of `VERDICTS` whose degree
is at least one half; verdicts that say more about the cause come first. Bounds are in units of the
loss of guessing (`search.diagnosis.evidence`). They were chosen on 270 trainings on scikit-learn's
digits, moons, breast_cancer, wine and diabetes, and on 2,552 of the situations of
``benchmarks/diagnosis.py``, which tests them with other seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isnan

from studyhall.search.diagnosis.conditions import (
    CLEAR,
    Standard,
    above,
    at_rest,
    below,
    beyond_chance,
    bias,
    enough_samples,
    falling,
    falls,
    guessed,
    hardly_begun,
    left_behind,
    lowest,
    memorised,
    more_errors,
    no_better,
    poor,
    settled,
    share,
    slowed,
    swings,
    unsettled,
)
from studyhall.search.diagnosis.evidence import Evidence
from studyhall.spaces.hyperparameter_table import BLOG, BOOK, OVERFITTING, SCRATCH

GOOD = "good fit"
OVERFIT = "overfitting (gap)"
TOO_LONG = "overfitting (too long)"
UNDERFIT = "underfitting"
UNSTABLE = "unstable"
CUT_SHORT = "cut short"
DIVERGED = "diverged"
TOO_EARLY = "too early to tell"

VERDICTS = (DIVERGED, UNSTABLE, TOO_LONG, OVERFIT, UNDERFIT, CUT_SHORT, TOO_EARLY, GOOD)
HALF = 0.5  # smallest degree of a verdict
CLOSE = 0.2  # largest gap of losses that stay close, as a share of the validation loss
FEWEST = 4  # fewest epochs from which the shape of a curve is judged
NO_NUMBER = "the validation loss was no finite number"  # prefix of such a failure's stored reason

Degree = Callable[[Evidence, Standard], float]


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        verdict: the verdict on a trial whose curves match.
        shows: the description of such curves.
        degree: function that computes how clearly the curves match, from 0 to 1.
        source: the document that recommends it.
    """

    verdict: str
    shows: str
    degree: Degree
    source: str


LOST = "a loss is not a finite number"
STILL_FALLS = "the validation loss still falls at the last epoch"

# fmt: off
RULES: tuple[Rule, ...] = (
    Rule(
        DIVERGED, LOST, lambda e, s: float(e.diverged_at is not None), BOOK,
    ),
    Rule(
        UNSTABLE, "the validation loss oscillates and the training loss makes no progress",
        lambda e, s: min(
            above(e.noise, 0.01, 0.025), above(share(e.noise, e.level), 0.03, 0.05),
            above(e.train_noise, 0.004, 0.008),
            below(share(e.train_fall, e.train_noise), 3, 5), unsettled(e), swings(e), at_rest(e),
        ), BOOK,
    ),
    Rule(
        UNSTABLE, "the validation loss swings by a large part of its lowest value",
        lambda e, s: min(
            above(share(e.noise, lowest(e)), 0.25, 0.4), above(e.noise, 0.015, 0.03),
            above(e.rises, 0.25, 0.4), unsettled(e),
        ), BOOK,
    ),
    Rule(
        UNSTABLE, "the training loss swings and makes no progress, far from a fit",
        lambda e, s: min(
            above(-e.train_fall, 0.005, 0.012), above(e.train_noise, 0.004, 0.008),
            above(e.level, 0.2, 0.4), swings(e), guessed(e),
        ), BOOK,
    ),
    Rule(
        UNSTABLE, "the training loss swings, and both are still far above the loss of guessing",
        lambda e, s: min(above(e.level, 1.05, 1.15), above(e.train_noise, 0.04, 0.08), guessed(e)),
        BOOK,
    ),
    Rule(
        UNSTABLE, "both losses grow",
        lambda e, s: min(
            above(e.rise, 0.03, 0.08), above(-e.train_fall, 0.02, 0.05),
            above(-share(e.train_fall, e.train_noise), 2, 4),
        ), BOOK,
    ),
    Rule(
        UNSTABLE, "the first steps raise the training loss far above the loss of guessing",
        lambda e, s: min(
            above(e.start, 5, 12), unsettled(e), float(e.train_error is not None), guessed(e),
        ),
        BOOK,
    ),
    Rule(
        UNSTABLE, "nothing is learned, and the losses fluctuate around the loss of guessing",
        lambda e, s: min(
            above(e.level, 0.95, 0.99), above(e.noise, 0.0005, 0.0015),
            below(share(e.fall, e.noise), 2, 4), guessed(e), no_better(e, s), swings(e),
            1.0 - falling(e),
        ), BOOK,
    ),
    Rule(
        CUT_SHORT, "after few epochs the loss is hardly below that of guessing",
        lambda e, s: hardly_begun(e), BOOK,
    ),
    Rule(
        CUT_SHORT, STILL_FALLS,
        lambda e, s: min(
            falls(e), max(falling(e), min(above(e.fall_share, 0.08, 0.16), poor(e, s))),
        ), BOOK,
    ),
    Rule(
        TOO_LONG, "the validation loss rises while the training loss still falls",
        lambda e, s: min(
            above(e.rise, 0.01, 0.03), above(share(e.rise, lowest(e)), 0.04, 0.1),
            above(share(e.rise, e.noise), 2, 4), left_behind(e),
            beyond_chance(e.rise, s, 0.5, 0.9),
        ), OVERFITTING,
    ),
    Rule(
        OVERFIT, "the training loss is far below the validation loss",
        lambda e, s: min(_gap(e), beyond_chance(e.gap, s, CLEAR - 0.5, CLEAR + 0.5)), SCRATCH,
    ),
    Rule(
        OVERFIT, "the training loss is nothing beside the validation loss",
        lambda e, s: min(above(e.gap, 0.05, 0.09), memorised(e)), SCRATCH,
    ),
    Rule(
        OVERFIT, "far more wrong answers on the validation set than on the training set",
        lambda e, s: min(above(e.gap, 0.02, 0.06), more_errors(e, s)), BOOK,
    ),
    Rule(
        UNDERFIT, "both losses stay far above what is achievable",
        lambda e, s: min(
            bias(e, s), below(e.gap, 0.08, 0.2), settled(e), slowed(e),
        ), BLOG,
    ),
)
# fmt: on


@dataclass(frozen=True)
class Judgement:
    """A verdict with its degree and confidence, from 0 to 1, and a description of the curves."""

    verdict: str
    degree: float
    confidence: float
    shows: str


def judge(evidence: Evidence, standard: Standard) -> Judgement:
    """Judge one training.

    The confidence is the verdict's degree, reduced if other verdicts have a degree too, for short
    curves, and for a good fit that few validation samples show.
    """
    found = degrees(evidence, standard)
    name = next((each for each in VERDICTS[:-1] if found[each][0] >= HALF), GOOD)
    degree, shows = found[name]
    if name == DIVERGED:
        return Judgement(name, degree, 1.0, shows)
    sure = degree * _certainty(name, found, standard) * evidence.epochs / (evidence.epochs + 2)
    return Judgement(name, degree, round(sure, 2), shows)


def degrees(evidence: Evidence, standard: Standard) -> dict[str, tuple[float, str]]:
    """Return for each verdict the highest degree of its rules, and that rule's description."""
    if evidence.epochs < FEWEST:
        rules = [rule for rule in RULES if rule.verdict in (DIVERGED, UNSTABLE)]
        found = {TOO_EARLY: (HALF, f"fewer than {FEWEST} epochs")}
    else:
        rules, found = [*RULES], {}
    for rule in rules:
        degree = rule.degree(evidence, standard)
        if degree >= found.get(rule.verdict, (0.0, ""))[0]:
            found[rule.verdict] = (degree, rule.shows)
    faults = max(degree for degree, _ in found.values())
    found[GOOD] = (1.0 - faults, _shows_no_fault(evidence, standard))
    return {name: found.get(name, (0.0, "")) for name in VERDICTS}


def _certainty(name: str, found: Mapping[str, tuple[float, str]], standard: Standard) -> float:
    """Return the part of a verdict's degree that nothing speaks against."""
    if name == GOOD:
        return enough_samples(standard)
    others = [degree for other, (degree, _) in found.items() if _family(other) != _family(name)]
    return 1 - max(others) / 2


def _shows_no_fault(evidence: Evidence, standard: Standard) -> str:
    if isnan(evidence.gap):
        return "the validation loss has fallen"
    if share(evidence.gap, lowest(evidence)) < CLOSE:
        return "both losses have fallen and stay close"
    if _gap(evidence) >= HALF:
        few = f"on {standard.validation_samples} validation samples"
        return f"both losses have fallen; the gap between them may be chance, {few}"
    return "both losses have fallen; the gap between them is small beside the loss of guessing"


def _gap(evidence: Evidence) -> float:
    """Return the degree to which the training loss is below the validation loss."""
    return min(
        above(evidence.gap, 0.06, 0.14), above(share(evidence.gap, lowest(evidence)), 0.15, 0.35)
    )


def _family(verdict: str) -> str:
    return verdict.partition(" (")[0]
