"""The table and the pictures that `benchmarks/reading.py` reads."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

ROWS, PICTURES, CLASSES, SIDE = 100_000, 20_000, 10, 32
TARGET = "churned"


def write(name: str, folder: Path, scale: float) -> None:
    """Writes what a benchmark of this name reads."""
    if name == "pictures":
        _pictures(folder, round(PICTURES * scale))
    else:
        form = name.removeprefix("table.")
        written = table(round(ROWS * scale))
        if form == "csv":
            written.to_csv(folder / name, index=False)
        else:
            written.to_parquet(folder / name)


def table(rows: int) -> pd.DataFrame:
    """A table of 50 columns as exports have them; some numbers are missing."""
    random = np.random.default_rng(0)
    columns: dict[str, object] = {}
    for number in range(20):
        columns[f"measure {number}"] = random.normal(size=rows).round(6)
    for number in range(5):
        gaps = random.random(rows) < 0.05
        columns[f"amount {number}"] = np.where(gaps, np.nan, random.lognormal(3, 1, rows).round(2))
    for number in range(10):
        columns[f"count {number}"] = random.integers(0, 1000, rows)
    for number in range(8):
        words = np.array([f"word {each}" for each in range(5 + 10 * number)])
        columns[f"group {number}"] = random.choice(words, rows)
    for number in range(3):
        seconds = random.integers(1_500_000_000, 1_700_000_000, rows)
        columns[f"day {number}"] = pd.Series(seconds.astype("M8[s]")).dt.strftime("%Y-%m-%d")
    for number in range(3):
        columns[f"has {number}"] = random.choice(["yes", "no"], rows)
    columns[TARGET] = random.integers(0, 2, rows)
    return pd.DataFrame(columns)


def _pictures(folder: Path, count: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (count, SIDE, SIDE, 3), np.uint8)
    for number, pixels in enumerate(noise):
        place = folder / "pictures" / f"class {number % CLASSES}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{number:05}.jpg", quality=90)
