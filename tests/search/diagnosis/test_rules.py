"""Verdicts on drawn curves: each shape the guide teaches, with and without noise."""

from typing import Any

import numpy as np
import pytest

from studyhall.search.diagnosis import rules
from studyhall.search.diagnosis.conditions import CLEAR, SPREAD, Standard
from studyhall.search.diagnosis.evidence import Evidence, measure, noise

EPOCHS = 40
GUESS = 2.3
X = np.arange(1, EPOCHS + 1)
FALLING = np.exp(-X / 6)  # from one to nothing

# Training and validation loss in units of the loss of guessing, and the verdict.
DRAWN: dict[str, tuple[Any, Any, str]] = {
    "both fall and stay close": (0.04 + FALLING, 0.05 + FALLING, rules.GOOD),
    "dropout makes training harder": (0.15 + FALLING, 0.06 + FALLING, rules.GOOD),
    "a constant gap": (0.02 + FALLING, 0.3 + 0.7 * FALLING, rules.OVERFIT),
    "validation turns worse": (FALLING, 0.25 + FALLING + 0.01 * X, rules.TOO_LONG),
    "validation begins lower and turns worse": (
        0.45 - 0.002 * X + FALLING,
        0.3 + 0.008 * X + FALLING,
        rules.TOO_LONG,
    ),
    "both stay high": (0.7 + 0.3 * FALLING, 0.72 + 0.3 * FALLING, rules.UNDERFIT),
    "a straight line down": (1.02 - 0.003 * X, 1.0 - 0.003 * X, rules.CUT_SHORT),
    "hardly any movement": (1.02 - 1e-5 * X, 1.0 - 1e-5 * X, rules.CUT_SHORT),
    "both jump about": (0.5 + 0.1 * (X % 2), 0.5 + 0.2 * (X % 3), rules.UNSTABLE),
    "thrown far away at first": (1 + 40.0 * (X == 1), 1 + 0 * X, rules.UNSTABLE),
    "only validation jumps about": (
        0.02 + FALLING,
        0.05 + 0.1 * (X % 2) + FALLING,
        rules.UNSTABLE,
    ),
    "training jumps about and goes up": (
        0.7 + 0.03 * (X % 2) + 0.001 * X,
        0.72 + 0.001 * X + 0.02 * (X % 2),
        rules.UNSTABLE,
    ),
    "falls from far above guessing by leaps": (
        1.2 + 0.3 * (X % 2) + FALLING,
        1.25 + FALLING,
        rules.UNSTABLE,
    ),
    "falls from far above guessing steadily": (
        1.2 - 0.003 * X,
        1.25 - 0.003 * X,
        rules.CUT_SHORT,
    ),
    "both grow": (0.5 + 0.01 * X, 0.5 + 0.012 * X, rules.UNSTABLE),
}


def history(train: Any, validation: Any, **more: Any) -> list[dict[str, Any]]:
    pairs = zip(train, validation, strict=True)
    return [
        {"epoch": epoch, "loss": GUESS * loss, "val_loss": GUESS * val_loss, **more}
        for epoch, (loss, val_loss) in enumerate(pairs, start=1)
    ]


def evidence(train: Any, validation: Any, **more: Any) -> Evidence:
    found = measure(history(train, validation, **more), GUESS)
    assert found is not None
    return found


def verdict(train: Any, validation: Any, standard: Standard | None = None, **more: Any) -> str:
    answers = {"accuracy": 0.5, "val_accuracy": 0.5, **more}
    return rules.judge(evidence(train, validation, **answers), standard or Standard()).verdict


@pytest.mark.parametrize("shape", DRAWN)
def test_a_drawn_curve_gets_its_verdict(shape: str) -> None:
    train, validation, expected = DRAWN[shape]
    assert verdict(train, validation) == expected


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(
    "shape", ["both fall and stay close", "a constant gap", "validation turns worse"]
)
def test_noise_gives_no_false_alarm(shape: str, seed: int) -> None:
    train, validation, expected = DRAWN[shape]
    noise = np.random.default_rng(seed).normal(0, 0.008, (2, EPOCHS))
    noise[1, seed] += 0.5  # a single spike
    assert verdict(np.abs(train + noise[0]), np.abs(validation + noise[1])) == expected


@pytest.mark.parametrize("epochs", [4, 5, 6, 8, 10, 12])
@pytest.mark.parametrize("pace", [1.5, 3, 6, 12])
@pytest.mark.parametrize("end", [0.05, 0.3])
def test_a_short_curve_that_falls_at_every_epoch_is_neither_unstable_nor_done(epochs, pace, end):
    x = np.arange(1, epochs + 1)
    curve = end + 0.6 * np.exp(-x / pace)
    found = evidence(curve, curve)
    assert found.noise < 0.02 and found.rises == 0
    given = verdict(curve, curve)
    longer = end + 0.6 * np.exp(-2 * epochs / pace)
    if longer < 0.85 * curve[-1]:
        assert given == rules.CUT_SHORT
    assert given != rules.UNSTABLE


@pytest.mark.parametrize("epochs", [4, 5, 8, 10])
def test_a_network_that_has_hardly_begun_is_cut_short(epochs):
    """Its loss falls at every epoch, ever less; that it will fall faster can't be seen yet."""
    validation = 0.97 + 0.05 * np.exp(-np.arange(epochs)) - 0.004 * np.arange(epochs)
    train = validation + 0.03
    assert verdict(train, validation, Standard(achievable=0.3)) == rules.CUT_SHORT
    later = np.full(40, validation[-1])
    longer = np.concatenate((validation, later - 1e-5 * np.arange(40)))
    assert verdict(longer + 0.03, longer, Standard(achievable=0.3)) == rules.UNDERFIT


@pytest.mark.parametrize("seed", range(20))
def test_noise_is_measured_around_the_curves_own_trend(seed):
    rng, x = np.random.default_rng(seed), np.arange(1, 61)
    deviation = rng.uniform(0.001, 0.1)
    curve = 0.1 + 2 * np.exp(-x / rng.uniform(3, 60)) + rng.normal(0, deviation, 60)
    assert noise(curve) == pytest.approx(deviation, rel=0.6)
    assert noise(0.1 + 2 * np.exp(-x[:8] / 3)) < 0.02  # no noise, but a bend


def test_what_is_to_come_is_what_comes_of_a_curve_that_goes_on():
    for pace in (5.0, 10.0, 20.0):
        whole = 0.2 + np.exp(-np.arange(1, 81) / pace)
        found = evidence(whole[:40], whole[:40])
        assert found.to_come == pytest.approx(whole[39] - whole[79], rel=0.35, abs=1e-3)


def test_losses_far_apart_are_not_called_close():
    """Both are next to nothing beside the loss of guessing; one is 25 times the other."""
    found = rules.judge(evidence(0.001 + FALLING, 0.03 + FALLING), Standard())
    assert found.verdict == rules.GOOD and "stay close" not in found.shows


def test_a_loss_that_is_no_number_has_diverged() -> None:
    found = measure(history([0.9, 0.8, np.nan], [0.9, 0.9, np.nan]), GUESS)
    assert found is not None and found.diverged_at == 3
    finding = rules.judge(found, Standard())
    assert (finding.verdict, finding.confidence) == (rules.DIVERGED, 1.0)
    assert measure(history([np.nan], [np.nan]), GUESS) is None
    assert found.to_json()["start"] is None  # what JSON can't hold


def test_few_epochs_tell_nothing_but_an_explosion() -> None:
    assert verdict([0.9, 0.5], [0.8, 0.6]) == rules.TOO_EARLY
    assert verdict([50.0, 1.0], [1.1, 1.0]) == rules.UNSTABLE


def test_who_has_come_to_nothing_and_stays_there_is_not_unstable() -> None:
    """Seven samples, learned by heart within two epochs: all that is left to see is noise."""
    nothing = 1e-9 * (1 + X % 3)
    thrown, jumping = nothing + 14.0 * (X == 2), nothing + 0.4 * (X % 2) * (X < 29)
    right = {"accuracy": 1.0, "val_accuracy": 1.0}
    for curves in ((thrown, nothing), (thrown, thrown), (jumping, jumping)):
        assert verdict(*curves, **right) == rules.GOOD
        assert verdict(curves[0] + 3 * (X == EPOCHS), curves[1], **right) == rules.UNSTABLE


@pytest.mark.parametrize("seed", range(60))
def test_nothing_learned_is_never_a_good_fit(seed: int) -> None:
    """However the losses move there: not at all, slowly, or by noise."""
    random = np.random.default_rng(seed)
    level, size = random.uniform(0.96, 1.2), 10.0 ** random.uniform(-6, -1.5)
    slope = random.choice([0.0, 1e-6, 1e-4]) * random.uniform(-1, 1)
    epochs = int(random.integers(4, 80))
    train, validation = level + slope * np.arange(epochs) + random.normal(0, size, (2, epochs))
    for standard in (Standard(), Standard(achievable=0.05), Standard(0.05, validation_samples=50)):
        assert verdict(train, validation, standard) != rules.GOOD


@pytest.mark.parametrize("epochs", [4, 5, 8, 12])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_few_epochs_near_guessing_are_cut_short_whether_they_move_or_not(epochs, level):
    for slope in (0.0, 1e-4, 5e-3):
        curve = level - slope * np.arange(epochs)
        waits = slope == 0 and epochs > 5  # without a better epoch than the first
        expected = rules.UNDERFIT if waits else rules.CUT_SHORT
        assert verdict(curve + 0.01, curve, Standard(achievable=0.1)) == expected
    still = evidence(np.full(epochs, level + 0.01), level + 1e-3 * (np.arange(epochs) % 2))
    assert rules.judge(still, Standard(achievable=0.1)).shows != rules.STILL_FALLS


@pytest.mark.parametrize("epochs", [11, 12, 13, 15, 18])
@pytest.mark.parametrize("rate", [0.0, 1e-4, 5e-3])
def test_who_waits_long_near_guessing_has_not_hardly_begun(epochs, rate):
    """As by strong dropout: better for an epoch or two, and early stopping waits in vain."""
    x = np.arange(epochs)
    curve = np.where(x < 2, 0.992 - 0.015 * x, np.minimum(0.979 + rate * x, 0.9999))
    assert verdict(curve + 0.005, curve, Standard(achievable=0.05)) != rules.CUT_SHORT


def test_what_others_achieve_makes_a_fit_poor() -> None:
    """Noisy labels keep every loss high: only another trial shows that more can be had."""
    curves = 0.45 + 0.5 * FALLING, 0.46 + 0.5 * FALLING
    assert verdict(*curves, Standard(achievable=0.44, fitted=0.1)) == rules.GOOD
    assert verdict(*curves, Standard(achievable=0.1)) == rules.UNDERFIT


def test_a_human_error_decides_what_is_underfitting() -> None:
    """The book chapter's example: 14 % and 15 % wrong, where people make few mistakes."""
    curves = 0.2 + FALLING, 0.21 + FALLING
    errors = {"accuracy": 0.86, "val_accuracy": 0.85}
    assert verdict(*curves, Standard(human_error=0.0), **errors) == rules.UNDERFIT
    assert verdict(*curves, Standard(human_error=0.13), **errors) == rules.GOOD


def test_few_samples_make_a_gap_between_errors_chance() -> None:
    curves = 0.05 + FALLING, 0.11 + FALLING
    errors = {"accuracy": 1.0, "val_accuracy": 0.93}
    assert verdict(*curves, Standard(validation_samples=1000), **errors) == rules.OVERFIT
    assert verdict(*curves, Standard(validation_samples=15), **errors) == rules.GOOD


@pytest.mark.parametrize("gap", [0.15, 0.2, 0.25])
def test_few_samples_make_a_gap_between_losses_chance(gap: float) -> None:
    """Unless the training set is learned by heart, which no choice of samples brings about."""
    curves = 0.12 + FALLING, 0.12 + gap + FALLING
    given = {}
    for samples in (8, 10, 16, 200, 1000, 10_000):
        found = rules.judge(evidence(*curves), Standard(validation_samples=samples))
        clear = gap * np.sqrt(samples) / SPREAD >= CLEAR
        given[samples] = found
        assert found.verdict == (rules.OVERFIT if clear else rules.GOOD)
        assert clear or f"may be chance, on {samples} validation samples" in found.shows
    assert given[8].confidence < given[10].confidence < 0.5 < given[10_000].confidence
    assert verdict(0.01 + FALLING, 0.2 + FALLING, Standard(validation_samples=8)) == rules.OVERFIT


def test_few_samples_make_a_distance_from_the_best_trial_chance() -> None:
    curves = 0.19 + FALLING, 0.2 + FALLING
    for samples, expected in ((8, rules.GOOD), (30, rules.GOOD), (500, rules.UNDERFIT)):
        assert verdict(*curves, Standard(0.1, validation_samples=samples)) == expected


def test_the_confidence_follows_the_curves() -> None:
    def sure(gap: float, epochs: int = EPOCHS) -> float:
        curves = 0.02 + FALLING, 0.02 + gap + FALLING
        found = evidence(*(each[:epochs] for each in curves))
        return rules.judge(found, Standard()).confidence

    assert 0 < sure(0.1) < sure(0.2) <= 1
    assert sure(0.3, epochs=12) < sure(0.3)


def test_evidence_is_what_the_curves_show() -> None:
    found = evidence(FALLING, 0.25 + FALLING + 0.01 * X)
    assert found.epochs == EPOCHS and found.best_epoch == 17
    assert found.validation_best == pytest.approx(GUESS * (0.25 + FALLING[16] + 0.17))
    assert found.train_last == pytest.approx(GUESS * FALLING[-1])
    assert found.rise == pytest.approx(0.17, abs=0.02)
    assert found.gap == pytest.approx(0.48, abs=0.02)
    assert found.noise < 0.001


def test_every_rule_has_words_and_a_source() -> None:
    assert {rule.verdict for rule in rules.RULES} == set(rules.VERDICTS) - {
        rules.GOOD,
        rules.TOO_EARLY,
    }
    assert all(rule.shows and rule.source for rule in rules.RULES)
