"""Seeds of trainings outside of the search, which no trial of the study has."""

from __future__ import annotations

import numpy as np

CONFIRM, DATACURVE = 1, 2  # what a seed is for, so that no two purposes share one


def seed(study_seed: int, number: int, repeat: int, purpose: int = CONFIRM) -> int:
    """31 bits, a function of the study's seed, the trial's number and the repeat's."""
    entropy = [study_seed, number, repeat, purpose]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0] >> 1)
