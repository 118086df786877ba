"""A series from end to end: windows of a table, the family sequence, proof, predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from studyhall.search.data.errors import DataError
from studyhall.search.evaluation import best, new_samples, prediction, proof

ROWS, WINDOWS, HORIZON = 200, 6, 2
FORMAT = "%d/%m/%Y"


def table() -> pd.DataFrame:
    """Two shops, each with a wave of its own; days in any order; some values missing."""
    days = pd.date_range("2023-01-01", periods=ROWS // 2).strftime(FORMAT)
    waves = [np.sin(np.arange(ROWS // 2) / 3 + shift) for shift in (0, 2)]
    frame = pd.DataFrame({"day": [*days] * 2, "sales": np.concatenate(waves)})
    frame["shop"] = ["north"] * (ROWS // 2) + ["south"] * (ROWS // 2)
    frame["weather"] = np.where(np.arange(ROWS) % 3, "rain", "sun")
    frame["wind"] = np.where(np.arange(ROWS) % 9, np.arange(ROWS) % 5 + 0.5, np.nan)
    return frame.sample(frac=1, random_state=0).reset_index(drop=True)


@pytest.fixture(scope="module")
def proven(shared_studio: Any) -> tuple[Any, Any, dict[str, Any]]:
    """A study of these shops, its winner, and its card."""
    table().to_csv(shared_studio.folder / "shops.csv", index=False)
    study = shared_studio.study(
        study={"name": "shops", "trials": 2},
        data={
            "source": "shops.csv",
            "target": "sales",
            "split_by": "day",
            "group": "shop",
            "windows": WINDOWS,
            "horizon": HORIZON,
            "columns": {"day": "drop"},
        },
        model={"family": "sequence"},
        training={"epochs": 6},
        space={"cell": ["gru", "conv"], "width": 8, "depth": 1, "learning_rate": 0.02},
    )
    shared_studio.finish(study)
    card = proof.finish(shared_studio.db, study)
    return shared_studio, best.read(shared_studio.db, study, None), card


def test_it_is_proven_and_its_card_says_what_it_takes(proven: Any) -> None:
    _, _, card = proven
    assert card["proven"] and card["task"] == "regression"
    assert card["input_shape"] == [WINDOWS, 5]
    assert card["features"] == ["sales", "weather=rain", "weather=sun", "wind", "wind missing"]
    assert card["rows"]["why"] == f"the model takes windows (N, {WINDOWS}, 5) of features, not rows"
    assert card["rows"]["series"]["horizon"] == HORIZON
    assert card["test"]["scores"]["r2"] > 0


def test_new_rows_are_predicted_by_window_of_each_series(proven: Any, tmp_path: Path) -> None:
    _, found, card = proven
    table().to_csv(tmp_path / "new.csv", index=False)
    samples = new_samples.read(tmp_path / "new.csv", card)
    told = prediction.predict(found, card, samples)
    assert len(told) == ROWS - 2 * (WINDOWS - 1)
    rows = table().iloc[told["row"] - 1].reset_index(drop=True)
    assert not rows.duplicated(["day", "shop"]).any()
    day = pd.to_datetime(rows["day"], format=FORMAT)
    later = (day + pd.Timedelta(days=HORIZON)).dt.strftime(FORMAT)
    known = rows.assign(day=later, predicted=told["prediction"]).merge(
        table(), on=["day", "shop"], suffixes=("_then", "")
    )
    assert len(known) == ROWS - 2 * (WINDOWS + HORIZON - 1)
    worse = np.square(known["sales"] - known["sales"].mean()).mean()
    assert np.square(known["sales"] - known["predicted"]).mean() < worse / 2


@pytest.mark.parametrize(
    ("without", "said"),
    [
        ("shop", "received no column shop, expected the study's \\[data\\] group"),
        ("day", "received no column day, expected the study's \\[data\\] split_by"),
        ("wind", "received no column wind, expected the columns sales, weather, wind"),
    ],
)
def test_a_column_that_is_missing_is_named(
    proven: Any, tmp_path: Path, without: str, said: str
) -> None:
    table().drop(columns=without).to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(DataError, match=said):
        new_samples.read(tmp_path / "new.csv", proven[2])


def test_dates_are_read_as_in_training_even_if_they_could_be_others(
    proven: Any, tmp_path: Path
) -> None:
    days = pd.to_datetime(table()["day"], format=FORMAT)
    few = table()[days.between("2023-02-01", "2023-02-12")]  # each a month as well
    few.to_csv(tmp_path / "new.csv", index=False)
    samples = new_samples.read(tmp_path / "new.csv", proven[2])
    last = few.iloc[[name - 1 for name in samples.names["row"]]]["day"]
    assert [*last] == [f"{day:02}/02/2023" for day in range(WINDOWS, 13)] * 2


def test_rows_too_few_for_a_window_are_refused(proven: Any, tmp_path: Path) -> None:
    table().iloc[:3].to_csv(tmp_path / "new.csv", index=False)
    said = r"windows: received 6 for new\.csv of 3 rows, expected at least 6 rows in some shop$"
    with pytest.raises(DataError, match=said):
        new_samples.read(tmp_path / "new.csv", proven[2])
    table().iloc[:0].to_csv(tmp_path / "none.csv", index=False)
    with pytest.raises(DataError, match=r"received 6 for none\.csv of 0 rows"):
        new_samples.read(tmp_path / "none.csv", proven[2])
