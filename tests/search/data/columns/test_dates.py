"""Dates in every spelling that people use, and the calendar that models get of them."""

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studyhall.search.data.columns import dates

TIMES = st.datetimes(datetime.datetime(1800, 1, 1), datetime.datetime(2199, 12, 31))
DAYS = [f for f in dates.FORMATS if "%S" not in f and "%z" not in f and f != "%Y-%m"]


@given(time=TIMES)
def test_the_calendar_is_pythons(time):
    since_s = (time - datetime.datetime(1970, 1, 1)).total_seconds()
    found = dict(zip(dates.names(True), dates.encoded(np.array([since_s]), True), strict=True))
    angle = {
        each: np.arctan2(found[f"{each} sin"], found[f"{each} cos"])[0] / (2 * np.pi) % 1
        for each in ("month", "weekday", "hour")
    }
    hour = (time - time.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds() / 3600
    assert found["year"] == time.year
    assert angle["month"] * 12 == pytest.approx(time.month - 1, abs=1e-6)
    assert angle["weekday"] * 7 == pytest.approx(time.weekday(), abs=1e-6)
    assert angle["hour"] * 24 == pytest.approx(hour, abs=1e-3)
    assert found["days"] == pytest.approx(since_s / 86400)


def test_the_same_in_keras():
    import keras

    since_s = np.random.default_rng(0).uniform(-5e9, 7e9, 500)
    ours = dates.encoded(since_s, True)
    theirs = dates.encoded(keras.ops.convert_to_tensor(since_s, "float64"), True, keras.ops)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(np.asarray(other), one, rtol=1e-12, atol=1e-9)


@pytest.mark.sampled(12)
@pytest.mark.parametrize("form", DAYS)
@settings(max_examples=5)  # every format is tried on every text
@given(times=st.lists(TIMES, min_size=1, max_size=5))
def test_a_format_is_found_and_read(form, times):
    times = [time.replace(second=0, microsecond=0) for time in times]
    if "%H" not in form and "%I" not in form:
        times = [time.replace(hour=0, minute=0) for time in times]
    texts = pd.Series([time.strftime(form) for time in times])
    assert form in dates.formats_of(texts)
    expected = [(time - datetime.datetime(1970, 1, 1)).total_seconds() for time in times]
    assert dates.seconds(texts, form).tolist() == expected


@pytest.mark.parametrize("texts", [["red"], ["12"], ["2024-13-01"], ["n/a"], [""], ["1.5"]])
def test_what_is_no_date(texts):
    assert dates.formats_of(pd.Series(texts)) == []


def test_time_zones_are_heeded():
    texts = pd.Series(["2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00"])
    (form,) = dates.formats_of(texts)
    assert len({*dates.seconds(texts, form)}) == 1


def test_typed_times():
    times = pd.Series(pd.to_datetime(["1970-01-02", None]))
    assert np.array_equal(dates.of_times(times), [86400, np.nan], equal_nan=True)


PIECES = st.sampled_from([*"0123456789-/.:, TZ", "2020", "12", "Mar", "March", "AM", "+0200", "\t"])


@given(
    st.lists(st.datetimes(), min_size=1, max_size=3),
    st.sampled_from(dates.FORMATS),
    st.lists(PIECES, max_size=2),
    st.integers(0, 20),
)
@settings(max_examples=15, deadline=None)
def test_formats_that_are_not_tried_fit_no_text(times, form, put_in, place):
    written = [each.strftime(form.removesuffix("%z")) for each in times]
    texts = pd.Series([each[:place] + "".join(put_in) + each[place:] for each in written])
    for each, count in dates._fitting(texts).items():
        assert count == dates._count(texts, each), each
