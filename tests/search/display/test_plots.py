"""A trial's history becomes a picture that shows its curves, and a table that holds its numbers."""

import csv
import io
import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image, ImageColor

from studyhall.search.display import plots


def history(
    epochs: int, *, fold: int | None = None, best: int | None = None
) -> list[dict[str, Any]]:
    """Epochs whose validation loss is least at ``best`` (the last one, unless given)."""
    turn = best or epochs
    return [
        {
            "epoch": epoch,
            **({} if fold is None else {"fold": fold}),
            "loss": 2.0 / epoch,
            "val_loss": 2.0 / turn + 0.05 * abs(turn - epoch),
            "keras_loss": 2.1 / epoch,
            "keras_val_loss": 2.1 / epoch,
            "accuracy": 1 - 0.5 / epoch,
            "val_accuracy": 1 - 0.6 / epoch,
            "learning_rate": 0.001,
        }
        for epoch in range(1, epochs + 1)
    ]


def pixels(rows: list[dict[str, Any]], *value: str) -> np.ndarray:
    picture = Image.open(io.BytesIO(plots.learning_curve_png(rows, "digits · trial 3", *value)))
    return np.asarray(picture.convert("RGB"))


def columns_of(colour: str, image: np.ndarray) -> np.ndarray:
    """The columns of the picture in which that very colour appears below its titles."""
    drawn = (image[60:] == ImageColor.getrgb(colour)).all(axis=-1)
    return np.flatnonzero(drawn.any(axis=0))


def test_both_curves_are_drawn_in_both_panels() -> None:
    image = pixels(history(20))
    middle = image.shape[1] // 2
    for colour in (plots.TRAIN, plots.VALIDATION):
        drawn = columns_of(colour, image)
        assert (drawn < middle).any()
        assert (drawn > middle).any()


def test_the_best_epoch_is_marked_where_it_is() -> None:
    def marked(best: int) -> int:
        """The column of the loss panel that is most like a grey line."""
        panel = pixels(history(20, best=best))[80:340, 70:530].astype(int)
        grey = (np.ptp(panel, axis=-1) < 25) & (panel.mean(axis=-1) < 215)
        return int(grey.sum(axis=0).argmax())

    apart = (marked(16) - marked(4)) / 494  # the width of the panel
    assert apart == pytest.approx((16 - 4) / 20.2, abs=0.04)


def test_the_best_epoch_is_that_of_the_trials_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss is best at epoch 6, f1_macro at epoch 15; both panels mark the latter."""
    figures = []
    monkeypatch.setattr(plots, "Figure", lambda **how: figures.append(Figure(**how)) or figures[-1])
    rows = history(15, best=6)
    for row in rows:
        row |= {"f1_macro": 0.06 * row["epoch"], "val_f1_macro": 0.05 * row["epoch"]}
    pixels(rows, "f1_macro", "maximize")
    loss, value = figures[0].axes
    assert value.get_title(loc="left") == "f1 macro"
    assert value.get_title(loc="right") == "best at epoch 15: 0.75"
    assert loss.get_title(loc="right") == f"at epoch 15: {rows[14]['val_loss']:.4g}"


def test_without_a_metric_there_is_one_wide_panel() -> None:
    plain = [
        {"epoch": row["epoch"], "loss": row["loss"], "val_loss": row["val_loss"]}
        for row in history(9)
    ]
    assert np.ptp(columns_of(plots.TRAIN, pixels(plain))) > 900


@pytest.mark.parametrize(
    "rows",
    [
        [],
        history(1),
        [{**row, "val_loss": math.nan} for row in history(3)],
        [*history(3), {**history(4)[3], "loss": math.inf, "val_loss": math.nan}],
        [{**row, "loss": 1e9 / row["epoch"] ** 9} for row in history(12)],
        history(5, fold=0) + history(7, fold=1),
        [{"epoch": 1}],
    ],
    ids=["empty", "one epoch", "never finite", "diverged", "log scale", "folds", "bare"],
)
def test_every_history_can_be_drawn(rows: list[dict[str, Any]]) -> None:
    assert pixels(rows).shape == (432, 1080, 3)


def test_the_table_holds_every_number() -> None:
    rows = history(3, fold=1)
    rows[2]["seconds"] = 0.25
    read = list(csv.DictReader(io.StringIO(plots.history_csv(rows))))
    assert list(read[0])[:2] == ["fold", "epoch"]
    assert [{key: float(cell) for key, cell in row.items() if cell} for row in read] == rows
    assert plots.history_csv([]) == "epoch\n"


def test_drawing_leaves_pyplot_alone() -> None:
    code = (
        "import sys; from studyhall.search.display import plots; plots.learning_curve_png([], 'x');"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
