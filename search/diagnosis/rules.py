"""The rules by which learning curves are judged.

A rule returns a degree from 0 (no) to 1 (certainly): the smallest degree of its conditions, each of
which rises from 0 to 1 between two bounds. The verdict is the first one of `VERDICTS` whose degree
is at least one half; verdicts that say more about the cause come first. Bounds are in units of the
loss of guessing (`search.diagnosis.evidence`). They were chosen on 270 trainings on scikit-learn's
digits, moons, breast_cancer, wine and diabetes; ``benchmarks/diagnosis.py`` tests them with other
seeds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isnan, sqrt

from studyhall.search.diagnosis.evidence import Evidence
from studyhall.spaces.hyperparameters import BLOG, BOOK, OVERFITTING, SCRATCH

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
FEWEST = 4  # fewest epochs from which the shape of a curve is judged
NO_NUMBER = "the validation loss was no finite number"  # prefix of such a failure's stored reason


@dataclass(frozen=True)
class Standard:
    """The standard for judging a trial; losses are in units of the loss of guessing.

    Attributes:
        achievable: lowest validation loss of the study's complete trials.
        fitted: lowest training loss of any complete trial.
        human_error: ``[study] human_error``.
        validation_samples: number of validation samples.
        guess_error: error rate of always predicting the most frequent class, on the training set.
    """

    achievable: float | None = None
    fitted: float | None = None
    human_error: float | None = None
    validation_samples: int | None = None
    guess_error: float | None = None


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


def above(number: float, low: float, high: float) -> float:
    """Return 0 up to `low`, 1 from `high` on, and a linear interpolation between."""
    return min(1.0, max(0.0, (number - low) / (high - low)))


def below(number: float, low: float, high: float) -> float:
    """Return 1 up to `low`, 0 from `high` on, and a linear interpolation between."""
    return 1.0 - above(number, low, high)


LOST = "a loss is not a finite number"

# fmt: off
RULES: tuple[Rule, ...] = (
    Rule(
        DIVERGED, LOST, lambda e, s: float(e.diverged_at is not None), BOOK,
    ),
    Rule(
        UNSTABLE, "the validation loss oscillates and the training loss makes no progress",
        lambda e, s: min(
            above(e.noise, 0.01, 0.025), above(_share(e.noise, e.level), 0.03, 0.05),
            above(e.train_noise, 0.008, 0.016),
            below(_share(e.train_fall, e.train_noise), 3, 5), _unsettled(e),
        ), BOOK,
    ),
    Rule(
        UNSTABLE, "both losses grow",
        lambda e, s: min(
            above(e.rise, 0.03, 0.08), above(-e.train_fall, 0.02, 0.05),
            above(-_share(e.train_fall, e.train_noise), 2, 4),
        ), BOOK,
    ),
    Rule(
        UNSTABLE, "the first steps raise the training loss far above the loss of guessing",
        lambda e, s: min(
            above(e.start, 5, 12), _unsettled(e), float(e.train_error is not None), _guessed(e),
        ),
        BOOK,
    ),
    Rule(
        UNSTABLE, "nothing is learned, and the losses fluctuate around the loss of guessing",
        lambda e, s: min(
            above(e.level, 0.95, 0.99), above(e.noise, 0.0005, 0.0015),
            below(_share(e.fall, e.noise), 2, 4), _guessed(e), _no_better(e, s),
        ), BOOK,
    ),
    Rule(
        CUT_SHORT, "the validation loss still falls at the last epoch",
        lambda e, s: min(
            above(e.fall_share, 0.08, 0.16), above(_share(e.fall, e.noise), 2, 4), _poor(e, s),
        ), BOOK,
    ),
    Rule(
        TOO_LONG, "the validation loss rises while the training loss still falls",
        lambda e, s: min(
            above(e.rise, 0.01, 0.03), above(_share(e.rise, _least(e)), 0.04, 0.1),
            above(_share(e.rise, e.noise), 2, 4), _left_behind(e),
        ), OVERFITTING,
    ),
    Rule(
        OVERFIT, "the training loss is far below the validation loss",
        lambda e, s: min(above(e.gap, 0.06, 0.14), above(_share(e.gap, _least(e)), 0.15, 0.35)),
        SCRATCH,
    ),
    Rule(
        OVERFIT, "far more wrong answers on the validation set than on the training set",
        lambda e, s: min(above(e.gap, 0.02, 0.06), _more_errors(e, s)), BOOK,
    ),
    Rule(
        UNDERFIT, "both losses stay far above what is achievable",
        lambda e, s: min(_bias(e, s), below(e.gap, 0.08, 0.2), below(e.fall_share, 0.1, 0.2)),
        BLOG,
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

    The confidence is the verdict's degree, reduced if other verdicts have a degree too, and for
    short curves.
    """
    found = degrees(evidence, standard)
    name = next((each for each in VERDICTS[:-1] if found[each][0] >= HALF), GOOD)
    degree, shows = found[name]
    if name == DIVERGED:
        return Judgement(name, degree, 1.0, shows)
    others = [d for other, (d, _) in found.items() if _family(other) != _family(name)]
    doubt = 0.0 if name == GOOD else max(others)
    sure = degree * (1 - doubt / 2) * evidence.epochs / (evidence.epochs + 2)
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
    found[GOOD] = (1.0 - faults, "both losses have fallen and stay close")
    return {name: found.get(name, (0.0, "")) for name in VERDICTS}


def _family(verdict: str) -> str:
    return verdict.partition(" (")[0]


def _share(part: float, whole: float) -> float:
    """Return `part` / `whole`, protected against division by zero."""
    return part / max(whole, 1e-9)


def _unsettled(evidence: Evidence) -> float:
    """Return the degree to which the late losses are above 0: a loss near 0 is never unstable."""
    return above(evidence.late, 0.02, 0.05)


def _guessed(evidence: Evidence) -> float:
    """Return 1 if the loss of guessing is known, else 0."""
    return float(evidence.guess_loss is not None)


def _no_better(evidence: Evidence, standard: Standard) -> float:
    """Return the degree to which predictions are no better than guesses, by AUC and error rate.

    A model that ranks well has learned something, even if its loss is above the loss of guessing.
    """
    ranks = below(evidence.auc or 0.5, 0.6, 0.7)
    if evidence.validation_error is None or standard.guess_error is None:
        return ranks
    deviation = _deviation(standard.guess_error, standard)
    fewer = standard.guess_error - evidence.validation_error
    return min(ranks, below(_share(fewer, deviation), 2, 4))


def _left_behind(evidence: Evidence) -> float:
    """Return the degree of the gap between the losses; if it is unknown, of the training's fall."""
    if isnan(evidence.gap):
        return above(evidence.train_fall, 0.02, 0.06)
    return above(evidence.gap, 0.02, 0.06)


def _least(evidence: Evidence) -> float:
    return abs(evidence.validation_best) / evidence.unit


def _poor(evidence: Evidence, standard: Standard) -> float:
    """Return the degree to which the loss can still improve: another trial did, or it is near 1."""
    if standard.achievable is None:
        return 1.0
    unlearned = min(above(evidence.level, 0.85, 0.95), _guessed(evidence))
    return max(unlearned, above(evidence.level - standard.achievable, 0.03, 0.08))


def _bias(evidence: Evidence, standard: Standard) -> float:
    """Return the degree of bias: distance from the human error or from the study's best trial.

    Without either, or for the best trial itself, a loss that remains a large part of the loss of
    guessing suggests bias, unless another trial fits the training set much better, which shows that
    the networks are large enough.
    """
    if standard.human_error is not None and evidence.validation_error is not None:
        return above(_lower_error(evidence) - standard.human_error, 0.02, 0.06)
    if standard.achievable is not None:
        behind = above(evidence.level - standard.achievable, 0.08, 0.2)
        if behind > 0:
            return behind
    if evidence.guess_loss is None:
        return 0.0
    others_fit = standard.fitted is not None and standard.fitted < evidence.level - 0.15
    return 0.0 if others_fit else 0.8 * above(evidence.level, 0.3, 0.6)


def _lower_error(evidence: Evidence) -> float:
    errors = evidence.train_error, evidence.validation_error
    return min((error for error in errors if error is not None), default=0.0)


def _more_errors(evidence: Evidence, standard: Standard) -> float:
    """Return the degree to which the gap between the errors is large and statistically clear."""
    if evidence.train_error is None or evidence.validation_error is None:
        return 0.0
    wrong = evidence.validation_error
    gap = wrong - evidence.train_error
    return min(above(gap, 0.03, 0.07), above(_share(gap, _deviation(wrong, standard)), 1.5, 2.5))


def _deviation(share: float, standard: Standard) -> float:
    """Return the standard deviation of an error rate on the validation samples (binomial)."""
    return sqrt(share * (1 - share) / (standard.validation_samples or 1_000_000))
