"""The benchmark of reading on a hundredth of its table and pictures."""

import json

import pandas as pd
import pytest

from benchmarks import reading, reading_data, reading_process


@pytest.mark.parametrize(
    "name", ["table.csv", "table.parquet", pytest.param("pictures", marks=pytest.mark.slow)]
)
def test_both_readers_read_the_same_samples(tmp_path, name):
    reading_data.write(name, tmp_path, 0.002)
    ours, theirs = (made(name, tmp_path)() for made in reading_process.READERS[name].values())
    if name == "pictures":
        assert len(ours.x) == theirs == 40 and ours.x.shape[1:] == (32, 32, 3)
        assert len(ours.classes) == reading_data.CLASSES
    else:
        assert isinstance(theirs, pd.DataFrame) and theirs.shape == (200, 50)
        assert len(ours.x) == 200 and {each.kind for each in ours.table} == {
            "number", "category", "date", "boolean",
        }  # fmt: skip


def test_what_reading_takes_is_measured():
    taken = reading_process.measured(lambda: bytearray(b"1" * (64 << 20)))
    assert 60 < taken["mib"] < 140 and taken["cpu_s"] > 0


def test_the_table_shows_medians_and_ratios(tmp_path, monkeypatch):
    runs = iter(
        {"cpu_s": cpu, "wall_s": cpu * 2, "mib": 10.0} for cpu in (4.0, 1.0, 9.0, 2.0, 5.0, 3.0)
    )
    monkeypatch.setattr(reading, "_measured", lambda *_: next(runs))
    found = reading._compared("pictures", tmp_path, 3)
    assert found["studyhall"]["cpu_s"] == 5 and found["keras"]["cpu_s"] == 2
    assert found["ratio"] == {"cpu_s": 2.5, "wall_s": 2.5, "mib": 1}
    assert json.loads(json.dumps(found)) == found
    head, *rows = reading._lines("pictures", found)
    assert head.split() == ["pictures", "CPU", "s", "wall", "s", "MiB"]
    assert rows[2].split() == ["ratio", "2.50", "2.50", "1.00"]
