"""The guide's situations trained for real on scikit-learn's digits, and the verdicts on them."""

import pytest

SEED = 7
WRONG = 1  # of ten: which curve a seed gives differs between processors


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    from benchmarks import diagnosis_situations as situations

    folder = tmp_path_factory.mktemp("situations")
    return situations.judge(
        [
            situations.train(each, "digits", SEED, folder, twice=False)
            for each in situations.SITUATIONS
        ]
    )


def test_nearly_every_situation_gets_its_verdict(judged):
    wrong = {j.trained.situation.name: j.in_study for j in judged if not j.is_right(j.in_study)}
    assert len(judged) == 10 and len(wrong) <= WRONG, wrong


def test_a_sound_training_is_no_false_alarm(judged):
    sound = judged[0]
    assert sound.is_right(sound.alone) and sound.is_right(sound.in_study)
    assert sound.in_study.confidence > 0.7
