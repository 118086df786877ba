"""Failures in a row are a reason to stop, unless a trial has succeeded."""

from studyhall.search.trial.streak import FAILURES, Streak


def failing(streak, *numbers):
    for number in numbers:
        streak.failed(number, "no good")
    return streak


def test_so_many_without_a_success():
    streak = failing(Streak(), *range(FAILURES - 1))
    assert streak.problems == []
    assert failing(streak, 7).problems == [
        "trial 0 failed: no good",
        "trial 1 failed: no good",
        "trial 7 failed: no good",
        "stopped: 3 trials failed and none succeeded",
    ]


def test_never_once_a_trial_went_well():
    streak = Streak()
    streak.went_on(well=True)
    assert failing(streak, *range(9)).problems == []


def test_one_in_other_hands_breaks_the_row_only():
    streak = failing(Streak(), 0, 1)
    streak.went_on(well=False)
    assert failing(streak, 2, 3).problems == []
    assert len(failing(streak, 4).problems) == 4
