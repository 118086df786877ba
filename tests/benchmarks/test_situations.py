"""The guide's situations trained for real on scikit-learn's digits, and the verdicts on them."""

import pytest

SEED = 7
WRONG = 1  # of ten: which curve a seed gives differs between processors


@pytest.fixture
def judged(tmp_path):
    """Trains situations and judges them beside each other."""
    from benchmarks import diagnosis_agreement, diagnosis_trainings
    from benchmarks.diagnosis_situations import SITUATIONS

    def train(situation):
        return diagnosis_trainings.train(situation, "digits", SEED, tmp_path, twice=False)

    return lambda count: diagnosis_agreement.judge([train(each) for each in SITUATIONS[:count]])


@pytest.mark.slow
def test_nearly_every_situation_gets_its_verdict(judged):
    found = judged(None)
    wrong = {j.trained.situation.name: j.in_study for j in found if not j.is_right(j.in_study)}
    assert len(found) == 10 and len(wrong) <= WRONG, wrong


def test_a_sound_training_is_no_false_alarm(judged):
    (sound,) = judged(1)
    assert sound.is_right(sound.alone) and sound.is_right(sound.in_study)
    assert sound.in_study.confidence > 0.7
