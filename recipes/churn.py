"""Writes churn.csv, 3,000 customers as an export holds them, for `churn.toml`.

    python recipes/churn.py

Whether somebody leaves depends on contract, age of the contract, price and calls; with the same
chances known, no model can be right about more than the share that this prints.
"""

from pathlib import Path

import numpy as np
import pandas as pd

CUSTOMERS = 3000
CITIES = ("Köln", "Bonn", "Aachen", "Düren", "Hürth", "Brühl")
REMARKS = ("asked for a new router", "moved house", "late payment", "praised the hotline", "")


def customers(seed: int = 0) -> tuple[pd.DataFrame, float]:
    """Return the table, and the accuracy of whoever knows the chances."""
    random = np.random.default_rng(seed)
    months = random.gamma(2.0, 14.0, CUSTOMERS).round().astype(int)
    monthly = random.choice(
        ["month to month", "one year", "two years"], CUSTOMERS, p=[0.5, 0.3, 0.2]
    )
    price = np.round(random.normal(45, 15, CUSTOMERS).clip(8, None), 2)
    calls = random.poisson(1.2, CUSTOMERS)
    remark = random.choice(REMARKS, CUSTOMERS, p=[0.1, 0.1, 0.1, 0.1, 0.6])
    bound = np.select([monthly == "one year", monthly == "two years"], [1.6, 2.8], 0.0)
    risk = 0.9 - bound - 0.04 * months + 0.03 * (price - 45) + 0.7 * calls
    risk += 1.2 * (remark == "late payment") - 1.0 * (remark == "praised the hotline")
    chance = 1 / (1 + np.exp(-risk))
    rows = pd.DataFrame(
        {
            "customer": [f"C{number:06d}" for number in random.permutation(CUSTOMERS)],
            "city": random.choice(CITIES, CUSTOMERS, p=[0.4, 0.2, 0.15, 0.15, 0.07, 0.03]),
            "contract": monthly,
            "joined": pd.Timestamp("2026-11-01") - pd.to_timedelta(months * 30.4, "D"),
            "price": [f"{each:.2f} €".replace(".", ",") for each in price],
            "calls": np.where(random.random(CUSTOMERS) < 0.08, "n/a", calls.astype(str)),
            "paperless": random.choice(["yes", "no"], CUSTOMERS),
            "remark": remark,
            "churn": np.where(random.random(CUSTOMERS) < chance, "left", "stayed"),
        }
    )
    rows["joined"] = rows["joined"].dt.strftime("%d.%m.%Y")
    return rows, float(np.maximum(chance, 1 - chance).mean())


if __name__ == "__main__":
    table, reachable = customers()
    path = Path(__file__).with_name("churn.csv")
    table.to_csv(path, index=False, sep=";")
    print(f"{path}: {len(table)} rows; who knows the chances is right {reachable:.3f} of the time")
