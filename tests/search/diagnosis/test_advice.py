"""Advice names the study's own hyperparameters, with numbers inside what is possible."""

from typing import Any

import pytest

from studyhall.search.diagnosis import quadrant, rules
from studyhall.search.diagnosis.advice import Remedies
from studyhall.search.diagnosis.conditions import Standard
from studyhall.search.diagnosis.evidence import measure
from studyhall.search.study_file import config

SPACE = """
[space]
learning_rate = { low = 1e-4, high = 1e-1, log = true }
dropout = { low = 0.0, high = 0.5 }
width = [16, 64]
depth = { low = 1, high = 3 }
l2 = 1e-4
"""
VALUES = {"learning_rate": 0.01, "dropout": 0.41, "width": 64, "depth": 2, "l2": 1e-4, "l1": 0.0}


FILE = config.parse(f'[study]\nname = "x"\n[data]\nsource = "sklearn:digits"\n{SPACE}')


def advice(verdict: str, text: str = SPACE, /, **values: Any) -> list[str]:
    study = '[study]\nname = "x"\n[data]\nsource = "sklearn:digits"\n'
    return Remedies(config.parse(study + text)).against(verdict, {**VALUES, **values}, 7)


def test_overfitting_asks_for_a_simpler_network() -> None:
    assert advice(rules.OVERFIT) == [
        "raise dropout above 0.41",
        "lower width below 64",
        "lower depth below 2",
        "raise l2, which is fixed at 0.0001",
        "collect more data",
    ]


def test_underfitting_asks_for_the_opposite() -> None:
    said = advice(rules.UNDERFIT, width=16)
    assert said[:3] == ["raise width above 16", "raise depth above 2", "lower dropout below 0.41"]


@pytest.mark.parametrize(
    ("verdict", "way"), [(rules.UNSTABLE, "lower"), (rules.CUT_SHORT, "raise")]
)
def test_the_learning_rate_goes_the_right_way(verdict: str, way: str) -> None:
    assert any(line.startswith(f"{way} learning_rate") for line in advice(verdict))


def test_a_kernel_is_advised_only_where_there_is_one() -> None:
    text = '[model]\nfamily = "sequence"\n[space]\ncell = ["gru", "conv"]\nkernel_size = 3\n'
    values = {"kernel_size": 3, "dropout": 0.0, "l2": 0.0}
    convolutions = advice(rules.UNDERFIT, text, cell="conv", **values)
    assert "raise kernel_size, which is fixed at 3" in convolutions
    assert not any("kernel" in said for said in advice(rules.UNDERFIT, text, cell="gru", **values))


def test_at_the_end_of_its_range_a_range_is_to_be_widened() -> None:
    assert advice(rules.OVERFIT, dropout=0.5)[0] == (
        "widen dropout's range above 0.5, where this trial is"
    )


def test_nothing_impossible_is_advised() -> None:
    """A network of one layer has no fewer, and what is switched off stays unmentioned."""
    said = " ".join(advice(rules.OVERFIT, depth=1))
    assert "depth" not in said and "l1" not in said and "rotation" not in said


def test_no_batch_is_larger_than_the_training_set() -> None:
    def said(verdict: str, batch_size: int) -> str:
        values = {**VALUES, "batch_size": batch_size}
        return " ".join(Remedies(FILE, samples=7).against(verdict, values, 7))

    assert "batch_size" not in said(rules.UNSTABLE, 32)
    assert "raise batch_size" in said(rules.UNSTABLE, 4)
    assert "lower batch_size, which is fixed at 7" in said(rules.CUT_SHORT, 32)


def test_a_value_per_layer_is_led_by_the_layer_that_is_furthest_behind() -> None:
    assert advice(rules.OVERFIT, dropout=[0.1, 0.4], width=[64, 16])[:2] == [
        "raise dropout above 0.1",
        "lower width below 64",
    ]


def test_a_model_of_ones_own_gets_general_words() -> None:
    own = '[model]\nfamily = "mine.py:build"\n'
    assert (
        "smaller network"
        in Remedies(config.parse(f'[study]\nname="x"\n[data]\nsource="a.npz"\n{own}')).against(
            rules.OVERFIT, {"units": 3}, 1
        )[0]
    )


def test_training_longer_and_stopping_earlier() -> None:
    assert advice(rules.CUT_SHORT)[0] == "raise [training] epochs above 100"
    assert "patience" not in advice(rules.TOO_LONG)[0]
    never = SPACE + '[training]\npatience = "none"\n'
    assert advice(rules.TOO_LONG, never)[0].endswith("its validation loss was lowest at epoch 7")


def test_a_good_fit_is_told_whether_to_train_it_longer() -> None:
    yes, no, unknown = (
        Remedies(FILE).against(rules.GOOD, VALUES, 100, more) for more in ("yes", "no", "unknown")
    )
    assert yes[0].startswith("keep it, and train longer") and "epochs above 100" in yes[0]
    assert no == ["keep it; further epochs would not improve it"] and unknown == ["keep it"]
    assert "longer" not in " ".join(Remedies(FILE).against(rules.UNDERFIT, VALUES, 9, "no"))


def placed(train: float, validation: float, human: float | None, **losses: float) -> Any:
    errors = {"accuracy": 1 - train, "val_accuracy": 1 - validation}
    row = {"loss": losses.get("loss", 0.1), "val_loss": losses.get("val_loss", 0.1), **errors}
    evidence = measure([{"epoch": 1, **row}], 1.0)
    assert evidence is not None
    return quadrant.place(evidence, Standard(human_error=human, achievable=0.1))


@pytest.mark.parametrize(
    ("train", "validation", "name"),
    [(0.01, 0.1, "too complex"), (0.14, 0.15, "too simple"), (0.01, 0.02, "good"),
     (0.15, 0.3, "the wrong model")],
)  # fmt: skip
def test_the_book_chapters_quadrants(train: float, validation: float, name: str) -> None:
    assert placed(train, validation, 0.0).name == name


def test_whether_to_collect_more_data() -> None:
    assert placed(0.01, 0.1, 0.0).data.startswith("collect more data or regularise")
    assert placed(0.14, 0.15, 0.0).data.startswith("tune, don't collect")
    assert placed(0.14, 0.15, 0.13).name == "good"  # people do hardly better


def test_without_a_human_error_losses_decide() -> None:
    found = placed(0.01, 0.1, None, loss=0.5, val_loss=0.55)
    assert (found.name, found.reference) == ("too simple", "the study's best validation loss")


def test_the_studys_own_best_is_no_proof_that_no_more_can_be_had() -> None:
    found = placed(0.01, 0.03, None, loss=0.08, val_loss=0.1)
    assert found.data == (
        "the validation loss is above the training loss by only 2 % of the loss of guessing, and "
        "no trial is much better; set [study] human_error to see if a better result is possible"
    )
    assert placed(0.01, 0.1, None, loss=0.02, val_loss=0.1).name == "good"
    assert placed(0.01, 0.1, None, loss=0.02, val_loss=0.3).data.startswith("collect more data")
