"""Writes bicycles.csv, bicycles hired in each hour of 140 days, for `bicycles.toml`.

    python recipes/bicycles.py

Demand has a trend, two peaks on working days and one on others, falls with rain and rises with
warmth; on some evenings there is a match, of which only the hours before tell. Hires are drawn from
a Poisson distribution. Printed is how far off one is who knows its mean, and who takes last hour or
yesterday for the next hour's number: root mean squared errors on the last fifth of the hours. Also
written: new-bicycles.csv, the next three days, with as many hours before them as a window needs.
"""

from pathlib import Path

import numpy as np
import pandas as pd

DAYS, NEW_DAYS, WINDOW = 140, 3, 24


def bicycles(days: int = DAYS + NEW_DAYS, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the table, a row for each hour, and the mean that each number is drawn from."""
    random = np.random.default_rng(seed)
    hours = np.arange(24 * days)
    start = pd.Timestamp("2026-03-02")  # a Monday
    when = start + pd.to_timedelta(hours, "h")
    hour, off = hours % 24, np.isin(hours // 24 % 7, (5, 6))

    def peak(at: float, width: float) -> np.ndarray:
        return np.exp(-0.5 * ((hour - at) / width) ** 2)

    work = 1.3 * peak(8, 1.2) + 1.5 * peak(17.5, 1.6) + 0.4 * peak(12.5, 2)
    profile = np.where(off, 1.2 * peak(14.5, 3.2), work) + 0.05
    warmth = 12 + 0.03 * hours / 24 + 5 * np.sin(2 * np.pi * (hour - 9) / 24)
    warmth += _lasting(random, len(hours), 0.98) * 3
    rain = np.maximum(0, _lasting(random, len(hours), 0.85) - 0.9) * 4
    match = np.zeros(len(hours))
    for day in random.choice(days, days // 9, replace=False):
        match[24 * day + 18 : 24 * day + 22] = (0.5, 1.6, 0.2, 1.4)
    mean = 120 * (1 + 0.001 * hours / 24) * profile * np.exp(-0.5 * rain + 0.03 * (warmth - 15))
    mean += 70 * match
    table = pd.DataFrame(
        {
            "time": when.strftime("%Y-%m-%d %H:%M"),
            "hour": hour,
            "free day": np.where(off, "yes", "no"),
            "degrees": warmth.round(1),
            "rain": rain.round(2),
            "hires": random.poisson(mean),
        }
    )
    return table, mean


def _lasting(random: np.random.Generator, count: int, kept: float) -> np.ndarray:
    """Return noise of deviation 1 of which so much stays from hour to hour."""
    found = np.zeros(count)
    for at in range(1, count):
        found[at] = kept * found[at - 1] + np.sqrt(1 - kept**2) * random.normal()
    return found


if __name__ == "__main__":
    folder = Path(__file__).parent
    whole, mean = bicycles()
    known = 24 * DAYS
    whole[:known].to_csv(folder / "bicycles.csv", index=False)
    whole[known - WINDOW + 1 :].to_csv(folder / "new-bicycles.csv", index=False)
    hires, last = whole["hires"].to_numpy()[:known], known // 5
    print(f"{folder / 'bicycles.csv'}: {known} hours")
    for name, guess in (
        ("the mean that it is drawn from", mean[:known]),
        ("the hour before", np.roll(hires, 1)),
        ("the same hour of the day before", np.roll(hires, 24)),
        ("the same hour of the week before", np.roll(hires, 168)),
    ):
        print(f"{name}: off by {np.sqrt(np.mean((hires - guess)[-last:] ** 2)):.1f}")
