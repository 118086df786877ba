"""Seeds of trials and of trainings outside the search: functions of numbers that are stored."""

from __future__ import annotations

CONFIRM, DATACURVE = 1, 2  # what a seed is for, so that no two purposes share one


def trial_seed(study_seed: int, number: int, repeat: int = 0) -> int:
    """Return the seed of a trial, or of one of its repeats, as a 31-bit number."""
    return _seed(study_seed, number, repeat)


def retraining_seed(study_seed: int, number: int, repeat: int, purpose: int = CONFIRM) -> int:
    """Return the seed of a training outside the search, as a 31-bit number.

    Args:
        number: of the trial that is trained again.
        repeat: from 0.
        purpose: `CONFIRM` or `DATACURVE`.
    """
    return _seed(study_seed, number, repeat, purpose)


def _seed(*entropy: int) -> int:
    import numpy as np  # commands that only ask about a study don't wait for its import

    return int(np.random.SeedSequence(entropy).generate_state(1)[0] >> 1)
