"""tables.md: its study file trains, and its lines of Python and the shell do what it says."""

import re
import shlex

import numpy as np
import pandas as pd
import sqlalchemy as sa

from studyhall.search.data.sources import reading, source_check
from studyhall.search.study_file.input_sections import DataSection
from studyhall.search.study_file.toml_reader import parsed
from tests import pages

PAGE = pages.text("tables.md")
ROWS = 60


def block(language, heading):
    """The block of a language below a heading of the page."""
    part = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)
    return found


def customers(rows=ROWS, seed=0):
    rng = np.random.default_rng(seed)
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 1000, rows), "D")
    revenue = rng.normal(50, 20, rows).round(3)
    return pd.DataFrame(
        {
            "customer": [f"c{i:04}" for i in range(rows)],
            "postcode": rng.choice([10115, 80331, 20095], rows),
            "joined": pd.Series(days).dt.strftime("%d/%m/%Y"),
            "revenue": [str(value).replace(".", ",") for value in revenue],
            "week": range(rows),
            "churn": np.where(revenue > 50, "yes", "no"),
        }
    )


def test_the_page_does_what_it_says(folder, monkeypatch, capsys):
    customers().to_csv(folder.path / "customers.csv", index=False)
    tables = parsed(block("toml", "Kinds of columns"))
    folder.study(study=tables["study"], data=tables["data"])
    folder.finish("study.toml", "churn")
    (export,) = folder.path.glob("**/best")
    monkeypatch.chdir(export)
    capsys.readouterr()
    exec(block("python", "The model takes rows"), {})
    assert re.fullmatch(r"\[\[0\.\d+\]\]\n", capsys.readouterr().out)

    customers(7, seed=1).drop(columns="churn").to_csv(folder.path / "new_customers.csv")
    command, *words = shlex.split(block("sh", "Predict"))
    assert command == "studyhall"
    assert folder.here(*words) == "predictions.csv: 7 predictions\n"
    told = pd.read_csv(folder.path / "predictions.csv")
    assert [*told] == ["row", "prediction", "p(no)", "p(yes)"] and len(told) == 7
    assert folder.here("predict", "churn", "new_customers.csv").count("\n") == 8


def test_the_query_of_the_page_is_read(folder, postgres_url):
    data = parsed(block("toml", "From a database"))["data"]
    table = pd.DataFrame({name: range(40) for name in ("age", "spend", "id")})
    table["city"], table["churn"] = ["Bern", "Rome"] * 20, ["yes", "no", "no", "no"] * 10
    engine = sa.create_engine(postgres_url.replace("postgresql", "postgresql+psycopg", 1))
    table.to_sql("customers", engine, index=False)
    engine.dispose()
    section = DataSection(**{**data, "source": postgres_url})
    assert [column.name for column in reading.read(section, folder.path).table] == ["city"]
    assert source_check.sql.is_database(DataSection(**data).source)
