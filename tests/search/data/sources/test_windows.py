"""Series: windows over the rows of a table in order, and their split by time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from studyhall.search.data import loading
from studyhall.search.study_file.input_sections import DataSection

PARTS = ("train", "validation", "test")


def load(frame: pd.DataFrame, folder: Path, **more: Any) -> loading.Data:
    frame.to_csv(folder / "s.csv", index=False)
    section = DataSection(source="s.csv", **{"target": "y", "task": "regression", **more})
    return loading.load(section, seed=0, folder=folder)


def refused(frame: pd.DataFrame, folder: Path, **more: Any) -> str:
    with pytest.raises(loading.DataError) as caught:
        load(frame, folder, **more)
    (said,) = caught.value.problems
    return said


def line(count: int = 100) -> pd.DataFrame:
    """A series whose target tells the row: 0.5, 1.5 …"""
    return pd.DataFrame({"y": np.arange(count) + 0.5, "other": np.arange(count) % 7 * 0.5})


def test_a_sample_is_a_window_and_its_target_comes_later(tmp_path: Path) -> None:
    found = load(line(), tmp_path, windows=4, horizon=3)
    assert found.input_shape == (4, 2) and found.columns == ("y", "other")
    assert found.train.x[0, :, 0].tolist() == [0.5, 1.5, 2.5, 3.5]
    for part in (getattr(found, name) for name in PARTS):
        np.testing.assert_array_equal(part.x[:, -1, 0] + 3, part.y)
        np.testing.assert_array_equal(np.diff(part.x[:, :, 0]), 1)
    assert found.test.y[-1] == 99.5


def test_the_targets_own_past_may_be_left_out(tmp_path: Path) -> None:
    found = load(line(), tmp_path, windows=4, columns={"y": "drop"})
    assert found.columns == ("other",) and found.train.y[0] == 4.5


@st.composite
def tables(draw: Callable[..., Any]) -> tuple[pd.DataFrame, bool]:
    """Rows of some series in any order, whose target `y` tells the row; whether times are told."""
    series = st.tuples(st.integers(60, 90), st.integers(0, 150))  # rows, first time
    frame = pd.concat(
        pd.DataFrame({"t": first + np.cumsum(1 + np.arange(size) % 3), "g": f"s{number}"})
        for number, (size, first) in enumerate(draw(st.lists(series, min_size=1, max_size=3)))
    )
    timed = draw(st.booleans())
    if timed:
        frame = frame.sample(frac=1, random_state=draw(st.integers(0, 99)))
    frame["y"] = np.arange(len(frame)) + 0.5
    return frame.reset_index(drop=True), timed


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    table=tables(),
    windows=st.integers(1, 5),
    horizon=st.integers(1, 4),
    gaps=st.sets(st.integers(0, 29)),
)
def test_nothing_leaks(
    tmp_path_factory: pytest.TempPathFactory,
    table: tuple[pd.DataFrame, bool],
    windows: int,
    horizon: int,
    gaps: set[int],
) -> None:
    """No row is in two parts; times of parts follow each other; windows stay within a group."""
    frame, timed = table
    known = frame.assign(row=np.arange(len(frame)) + 0.25)
    known.loc[[*gaps], "y"] = np.nan
    keys = {"split_by": "t"} if timed else {}
    columns = {"t": "drop", "y": "drop", "row": "number"}
    folder = tmp_path_factory.mktemp("series")
    more = {"windows": windows, "horizon": horizon, "group": "g", "columns": columns, **keys}
    try:
        found = load(known, folder, **more)
    except loading.DataError as error:  # so few windows that a part has none
        assume("leaves no samples" not in str(error))
        raise
    used, spans = [], []
    for part in (getattr(found, name) for name in PARTS):
        rows = (part.x[:, :, 0] - 0.25).astype(int)
        targets = (part.y - 0.5).astype(int)
        together = np.column_stack([rows, targets])
        assert not {*targets} & gaps
        groups, times = frame["g"].to_numpy()[together], frame["t"].to_numpy()[together]
        assert (groups == groups[:, :1]).all()
        assert (np.diff(times) > 0).all()
        for group, first, last in zip(groups[:, 0], times[:, 0], times[:, -1], strict=True):
            between = frame[(frame["g"] == group) & frame["t"].between(first, last)]
            assert len(between) == windows + horizon
        used.append({*together.ravel()})
        spans.append((times.min(), times.max()))
    assert not (used[0] & used[1] or used[1] & used[2] or used[0] & used[2])
    if timed:
        assert spans[0][1] < spans[1][0] and spans[1][1] < spans[2][0]


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    frame = line()
    frame.loc[[50, 51], "y"] = np.nan
    found = load(frame, tmp_path, windows=4)
    said = "\n".join(found.notes)
    assert "2 of 96 windows left out: no value in y, the target" in said
    assert "8 of 94 windows left out: they reach over a border between the parts" in said
    assert sum(len(getattr(found, name)) for name in PARTS) == 86
    assert found.columns == ("y", "y missing", "other")


def test_missing_numbers_in_a_window_become_the_mean(tmp_path: Path) -> None:
    frame = line()
    frame.loc[[5, 90], "other"] = np.nan
    found = load(frame, tmp_path, windows=4, normalize="standard")
    assert np.isnan(found.train.x).sum() == 4
    prepared = found.preparation.apply(found.train.x)
    assert (prepared[np.isnan(found.train.x)] == 0).all()
    assert prepared[..., 0].mean() == pytest.approx(0, abs=1e-5)


def test_dates_out_of_order_with_a_gap(tmp_path: Path) -> None:
    days = pd.date_range("2024-01-01", periods=101).delete(40)
    frame = line().assign(day=days.strftime("%d.%m.%Y")).sample(frac=1, random_state=0)
    found = load(frame, tmp_path, windows=4, split_by="day", columns={"day": "drop"})
    np.testing.assert_array_equal(found.train.x[:, -1, 0] + 1, found.train.y)
    assert any("1 row comes later by day than usual" in each for each in found.notes)


def test_two_rows_of_one_time_have_no_order(tmp_path: Path) -> None:
    frame = line().assign(t=[*range(99), 7], g="a")
    said = refused(frame, tmp_path, windows=4, split_by="t")
    assert "split_by: received the same t in rows 8 and 100 of s.csv" in said
    assert "[data] group, for several series" in said
    said = refused(frame, tmp_path, windows=4, split_by="t", group="g")
    assert said.endswith("expected one row for each, in each g")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "received no value in s.csv, column t, row 4, expected a number"),
        ("soon", 'received "soon" in s.csv, column t, row 4, expected a number'),
    ],
)
def test_a_row_without_a_time_is_refused(tmp_path: Path, value: Any, said: str) -> None:
    frame = line().assign(t=np.arange(100).astype(object))
    frame.loc[3, "t"] = value
    assert said in refused(frame, tmp_path, split_by="t", columns={"t": "drop"})


def test_words_order_nothing(tmp_path: Path) -> None:
    frame = line().assign(t=["a", "b"] * 50)
    said = refused(frame, tmp_path, split_by="t")
    assert said.endswith("whose kind is category, expected a column of dates or numbers")


def test_a_series_shorter_than_a_window_is_refused(tmp_path: Path) -> None:
    said = refused(line(), tmp_path, windows=100)
    received = "[data] windows: received 100 for s.csv of 100 rows"
    wanted = "expected at least 101 rows in the table, of which 1 for the horizon"
    assert said == f"{received}, {wanted}"


def test_too_few_windows_for_a_part_are_refused(tmp_path: Path) -> None:
    with pytest.raises(loading.DataError) as caught:
        load(line(), tmp_path, windows=30)
    said = caught.value.problems[0]
    assert "[data] split: received [0.6, 0.2, 0.2], which leaves no samples for validation" in said


def test_windows_need_a_table(tmp_path: Path) -> None:
    section = DataSection(source="sklearn:digits", windows=3)
    with pytest.raises(
        loading.DataError, match=r"windows: received 3 .* this key only for a table"
    ):
        loading.load(section, seed=0, folder=tmp_path)


def test_a_table_without_windows_is_split_by_time_too(tmp_path: Path) -> None:
    frame = line().assign(t=np.arange(100) // 7).sample(frac=1, random_state=0)
    found = load(frame, tmp_path, split_by="t", columns={"t": "keep"})
    ends = [
        (getattr(found, name).x[:, 1].min(), getattr(found, name).x[:, 1].max()) for name in PARTS
    ]
    assert ends[0][1] < ends[1][0] and ends[1][1] < ends[2][0]
    assert sum(len(getattr(found, name)) for name in PARTS) == 100
