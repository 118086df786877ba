"""The conditions of the rules: how clearly a training's evidence shows something, from 0 to 1.

Losses and their bounds are in units of the loss of guessing (`search.diagnosis.evidence`).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan, sqrt

from studyhall.search.diagnosis.evidence import Evidence

# Standard deviation of the losses of single samples, in units of the loss of guessing: 0.2 to 1.1
# was measured for multilayer perceptrons on digits, breast_cancer, wine, moons, diabetes and
# Friedman's function, trained briefly or long.
SPREAD = 0.5
CLEAR = 2.5  # standard deviations of a mean loss from which a gap is no chance


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


def above(number: float, low: float, high: float) -> float:
    """Return 0 up to `low`, 1 from `high` on, and a linear interpolation between."""
    return min(1.0, max(0.0, (number - low) / (high - low)))


def below(number: float, low: float, high: float) -> float:
    """Return 1 up to `low`, 0 from `high` on, and a linear interpolation between."""
    return 1.0 - above(number, low, high)


def share(part: float, whole: float) -> float:
    """Return `part` / `whole`, protected against division by zero."""
    return part / max(whole, 1e-9)


def beyond_chance(difference: float, standard: Standard, low: float, high: float) -> float:
    """Return the degree to which a difference of losses is no matter of which samples validate.

    Args:
        difference: of two losses.
        standard: its number of validation samples; without one, nothing is chance.
        low, high: bounds, in standard deviations of a mean loss on that many samples.
    """
    return above(share(difference, _chance(standard)), low, high)


def enough_samples(standard: Standard) -> float:
    """Return the degree to which the validation samples would show a gap that matters."""
    return below(CLEAR * _chance(standard), 0.1, 0.4)


def _chance(standard: Standard) -> float:
    """Return the standard deviation of a mean loss on the validation samples; 0 if unknown."""
    samples = standard.validation_samples
    return 0.0 if samples is None else SPREAD / sqrt(samples)


def unsettled(evidence: Evidence) -> float:
    """Return the degree to which the late losses are above 0: a loss near 0 is never unstable."""
    return above(evidence.late, 0.02, 0.05)


def guessed(evidence: Evidence) -> float:
    """Return 1 if the loss of guessing is known, else 0."""
    return float(evidence.guess_loss is not None)


def no_better(evidence: Evidence, standard: Standard) -> float:
    """Return the degree to which predictions are no better than guesses, by AUC and error rate.

    A model that ranks well has learned something, even if its loss is above the loss of guessing.
    """
    ranks = below(evidence.auc or 0.5, 0.6, 0.7)
    if evidence.validation_error is None or standard.guess_error is None:
        return ranks
    deviation = _deviation(standard.guess_error, standard)
    fewer = standard.guess_error - evidence.validation_error
    return min(ranks, below(share(fewer, deviation), 2, 4))


def left_behind(evidence: Evidence) -> float:
    """Return the degree to which the training loss has left the validation loss behind, or falls.

    The gap at the best epoch shows it, or a fall to below the last validation loss.
    """
    on_its_way = above(evidence.train_fall, 0.02, 0.06)
    if isnan(evidence.gap):
        return on_its_way
    in_the_end = above(evidence.gap + evidence.rise, 0.06, 0.14)
    return max(above(evidence.gap, 0.02, 0.06), min(in_the_end, on_its_way))


def lowest(evidence: Evidence) -> float:
    """Return the lowest validation loss in units of `Evidence.unit`."""
    return abs(evidence.validation_best) / evidence.unit


def at_rest(evidence: Evidence) -> float:
    """Return the degree to which the training loss stands still after the first quarter."""
    last = abs(evidence.train_last) / evidence.unit
    return below(share(evidence.train_fall, evidence.train_fall + last), 0.2, 0.4)


def memorised(evidence: Evidence) -> float:
    """Return the degree to which the training loss is nothing beside the validation loss."""
    return above(share(evidence.gap, lowest(evidence)), 0.75, 0.87)


def swings(evidence: Evidence) -> float:
    """Return the degree to which the validation loss goes up and down, not down alone."""
    return above(evidence.rises, 0.1, 0.2)


def falls(evidence: Evidence) -> float:
    """Return the degree to which the late fall is more than noise, which a few epochs don't show.

    A curve that falls at every epoch does so whatever its bends look like.
    """
    return 1.0 if evidence.rises == 0 else above(share(evidence.fall, evidence.noise), 2, 4)


def slowed(evidence: Evidence) -> float:
    """Return the degree to which the late fall is small: beside the whole one, or by itself."""
    nothing = min(below(evidence.fall, 0.001, 0.003), 1.0 - falls(evidence))
    return max(below(evidence.fall_share, 0.1, 0.2), nothing)


def falling(evidence: Evidence) -> float:
    """Return the degree to which the validation loss would fall further, in as many epochs."""
    return min(_to_come(evidence, 0.04, 0.08), unsettled(evidence))


def hardly_begun(evidence: Evidence) -> float:
    """Return the degree to which few epochs have brought the loss hardly below guessing.

    Networks often stay near the loss of guessing for some epochs before they fall, and then fall
    ever faster: what such curves come to is not to be seen from their slope. One that has found
    nothing better in many epochs does not belong to them.
    """
    near = min(above(evidence.level, 0.6, 0.85), guessed(evidence))
    grows = below(share(evidence.fall, evidence.level), -0.01, -0.003)
    waits = below(evidence.epochs - evidence.best_epoch, 4, 8)
    return min(near, 1.0 - grows, waits, below(evidence.epochs, 12, 20))


def settled(evidence: Evidence) -> float:
    """Return the degree to which a fault is no matter of too few epochs.

    It stays a fault while the losses creep down after many epochs, by a small part of what they
    fell before.
    """
    return min(_comes_to_rest(evidence), 1.0 - hardly_begun(evidence))


def _comes_to_rest(evidence: Evidence) -> float:
    creeps = below(evidence.fall_share, 0.06, 0.1)
    long = above(evidence.epochs, 15, 30)
    return max(1.0 - falling(evidence), min(creeps, long, 1.0 - _to_come(evidence, 0.3, 0.45)))


def _held_back(evidence: Evidence) -> float:
    """Return the degree to which the training loss is above the validation loss, as by dropout."""
    return below(share(evidence.gap, lowest(evidence)), -0.3, -0.15)


def _to_come(evidence: Evidence, low: float, high: float) -> float:
    return min(above(share(evidence.to_come, lowest(evidence)), low, high), falls(evidence))


def poor(evidence: Evidence, standard: Standard) -> float:
    """Return the degree to which the loss can still improve: another trial did, or it is near 1."""
    if standard.achievable is None:
        return 1.0
    unlearned = min(above(evidence.level, 0.85, 0.95), guessed(evidence))
    return max(unlearned, above(evidence.level - standard.achievable, 0.03, 0.08))


def in_the_end(evidence: Evidence) -> float:
    """Return the level to which a validation loss that still falls would come in as many epochs."""
    return max(0.0, evidence.level - falls(evidence) * evidence.to_come)


def bias(evidence: Evidence, standard: Standard) -> float:
    """Return the degree of bias: distance from the human error or from the study's best trial.

    Without either, or for the best trial itself, a loss that remains a large part of the loss of
    guessing suggests bias, unless another trial fits the training set much better, which shows that
    the networks are large enough.
    """
    level = in_the_end(evidence)
    if standard.human_error is not None and evidence.validation_error is not None:
        return above(_lower_error(evidence) - standard.human_error, 0.02, 0.06)
    if standard.achievable is not None:
        degree = min(
            _behind(level, standard.achievable, evidence.epochs),
            max(
                _held_back(evidence),
                beyond_chance(level - standard.achievable, standard, 0.9, 1.4),
            ),
        )
        if degree > 0:
            return degree
    if evidence.guess_loss is None:
        return 0.0
    others_fit = standard.fitted is not None and standard.fitted < evidence.level - 0.15
    return 0.0 if others_fit else 0.8 * above(level, 0.3, 0.6)


def _behind(level: float, achievable: float, epochs: int) -> float:
    """Return the degree to which a loss is far behind another, in difference or ratio.

    After many epochs less is enough: what is to come is little then.
    """
    behind, times = level - achievable, share(level, achievable)
    apart = above(behind, 0.02, 0.04)
    far = max(above(behind, 0.08, 0.2), min(apart, above(times, 1.4, 2.0)))
    farther = max(above(behind, 0.04, 0.1), min(apart, above(times, 1.15, 1.4)))
    return max(far, min(farther, above(epochs, 15, 30)))


def _lower_error(evidence: Evidence) -> float:
    errors = evidence.train_error, evidence.validation_error
    return min((error for error in errors if error is not None), default=0.0)


def more_errors(evidence: Evidence, standard: Standard) -> float:
    """Return the degree to which the gap between the errors is large and statistically clear."""
    if evidence.train_error is None or evidence.validation_error is None:
        return 0.0
    wrong = evidence.validation_error
    gap = wrong - evidence.train_error
    return min(above(gap, 0.03, 0.07), above(share(gap, _deviation(wrong, standard)), 1.5, 2.5))


def _deviation(share: float, standard: Standard) -> float:
    """Return the standard deviation of an error rate on the validation samples (binomial)."""
    return sqrt(share * (1 - share) / (standard.validation_samples or 1_000_000))
