"""The words about a proof, also about one that an earlier version wrote."""

import pytest

from studyhall.search.evaluation import proof_result

FAILED = {"trial": 4, "recorded": 0.008, "reloaded": 0.532, "difference": 0.524}


@pytest.mark.parametrize(
    ("proof", "expected"),
    [
        ({"proven": True}, True),
        ({"proven": False, "difference": None}, False),
        (FAILED, False),
        ({"recorded": 0.008, "difference": 1e-7}, True),
        ({"recorded": -3e5, "difference": 40.0}, True),
        ({"recorded": 0.0, "difference": 1e-7}, True),
    ],
)
def test_a_proof_without_a_verdict_is_judged_by_its_numbers(proof, expected):
    assert proof_result.holds(proof) is expected


def test_values_that_differ_are_said():
    said = proof_result.why_not(FAILED)
    assert said.startswith(
        "trial 4: its model, reloaded in a fresh process, scores 0.532, but 0.008"
    )
    assert "0.52 apart" in said and "rounding" not in said
    assert "rounding explains 8e-06 at most" in proof_result.why_not({**FAILED, "tolerance": 8e-6})


def test_what_has_changed_since_is_said():
    changed = {**FAILED, "why": "its saved model is not at /x", "changed": ["mine.py: received …"]}
    assert (
        proof_result.why_not(changed)
        == "trial 4: its saved model is not at /x; mine.py: received …"
    )


def test_who_is_proven_instead_is_said():
    other = {**FAILED, "instead": {"trial": 7, "value": 0.0123}}
    expected = "trial 7 (0.0123) is proven: studyhall best farad --trial 7 --export FOLDER"
    assert proof_result.instead("farad", other, "") == expected
    assert "no other trial" in proof_result.instead("farad", FAILED, "")


@pytest.mark.parametrize("other", [None, {"trial": 7, "value": 0.1}])
def test_its_command_finds_the_same_database(other):
    said = proof_result.instead("farad", {**FAILED, "instead": other}, " --storage sqlite:///a.db")
    assert said.endswith(" --storage sqlite:///a.db")
