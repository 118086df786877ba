"""Seeds of trainings outside of the search, which no trial of the study has."""

from __future__ import annotations

CONFIRM, DATACURVE = 1, 2  # what a seed is for, so that no two purposes share one


def seed(study_seed: int, number: int, repeat: int, purpose: int = CONFIRM) -> int:
    """31 bits, a function of the study's seed, the trial's number and the repeat's."""
    import numpy as np  # takes a moment that questions need not wait for

    entropy = [study_seed, number, repeat, purpose]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0] >> 1)
