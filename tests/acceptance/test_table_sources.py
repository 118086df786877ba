"""Tables from databases and from several files: studies on them, their mistakes, predictions."""

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from studyhall.search.study_file.toml_reader import parsed

RNG = np.random.default_rng(0)
QUERY = "select age, city, y from customers"
SPACE = {"space": {"width": 4, "learning_rate": 1e-2}, "training": {"epochs": 2}}


def customers(rows=90):
    age = RNG.integers(18, 80, rows)
    city = RNG.choice(["Bern", "Rome"], rows)
    return pd.DataFrame({"age": age, "city": city, "y": np.where(age > 50, "yes", "no")})


def connected(url):
    return sa.create_engine(
        url.replace("postgresql://", "postgresql+psycopg://"), poolclass=sa.NullPool
    )


@pytest.fixture(params=["sqlite", "postgresql"])
def shop(request, folder):
    """The URL, as in the study file, and an engine of a database with customers."""
    if request.param == "sqlite":
        url, engine = "sqlite:///shop.db", connected(f"sqlite:///{folder.path}/shop.db")
    else:
        url = request.getfixturevalue("postgres_url")
        engine = connected(url)
    customers().to_sql("customers", engine, index=False)
    return url, engine


def test_a_study_on_a_query(folder, shop, typed):
    url, engine = shop
    data = {"source": url, "query": QUERY, "target": "y"}
    folder.study(study={"name": "shop", "trials": 1}, data=data, **SPACE)
    folder.finish("study.toml", "shop")
    assert "samples) was used once, for this model" in folder.here("best", "shop")
    (export,) = folder.path.glob("**/best/model.keras")  # which takes raw rows
    assert export.is_file()
    customers(5).to_csv(folder.path / "new.csv", index=False)
    from_file = folder.here("predict", "shop", "new.csv")
    assert from_file.count("\n") == 6
    newer = pd.read_csv(folder.path / "new.csv").assign(id=range(5, 0, -1))
    newer.to_sql("newer", engine, index=False)
    words = ("predict", "shop", url, "--query", "select city, age from newer order by id desc")
    assert folder.here(*words) == from_file  # in the order of the query
    for more, line in (
        (("--query", "select age, city from newer"), "whose rows have no order, expected order by"),
        ((), "[data] query: received nothing, expected a select on the tables of this database"),
        (("--query", "select age from newer order by id"), "no column city"),
    ):
        code, _, err = typed("predict", "shop", url, *more)
        assert code == 2 and line in err, err
    code, _, err = typed("predict", "shop", "new.csv", "--query", QUERY)
    assert code == 2 and "received a query for new.csv, expected the URL of a database" in err
    code, _, err = typed("predict", "shop", "postgresql://ann:sesame@host/db", "--query", QUERY)
    assert code == 2 and "a URL without a password" in err and "sesame" not in err

    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE customers SET age = age + 1")
    code, _, err = typed("launch", "study.toml")
    assert code == 2 and "[data] source: received data with fingerprint" in err, err


def test_tune_takes_a_query(folder, shop, typed):
    url, _ = shop
    code, out, _ = typed("tune", url, "--query", QUERY, "--target", "y", "--dry-run")
    assert code == 0
    data = parsed(out[out.index("[study]") :])["data"]
    assert (data["source"], data["query"], data["target"]) == (url, QUERY, "y")
    code, _, err = typed("tune", url, "--target", "y")
    assert (code, err) == (
        2,
        "studyhall tune: --query: received nothing, expected a select on the tables of this"
        " database\n",
    )


@pytest.mark.parametrize(
    "url", ["postgresql://ann:sesame@host/db", "postgresql://host/db?user=ann&password=sesame"]
)
def test_a_password_in_a_study_file_is_refused_and_never_shown(folder, typed, url):
    folder.study(data={"source": url, "query": QUERY, "target": "y"})
    for words in (("launch", "study.toml"), ("check", "study.toml"), ("tune", url)):
        code, out, err = typed(*words)
        assert code == 2 and "a URL without a password" in err and "sesame" not in out + err
    assert folder.files() == {"study.toml"}


def test_a_study_on_several_files(folder, typed):
    (folder.path / "exports").mkdir()
    for month in ("may", "june"):
        customers(60).to_csv(folder.path / f"exports/{month}.csv", index=False)
    data = {"source": "exports/*.csv", "target": "y"}
    folder.study(study={"name": "months", "trials": 1}, data=data, **SPACE)
    folder.finish("study.toml", "months")

    new = folder.path / "new"
    new.mkdir()
    customers(3).drop(columns="y").to_csv(new / "b.csv", index=False)
    customers(2)[["city", "age"]].to_csv(new / "a.csv", index=False)
    folder.here("predict", "months", "new/*.csv", "--output", "told.csv")
    told = pd.read_csv(folder.path / "told.csv")
    assert [*told] == ["file", "row", "prediction", "p(no)", "p(yes)"]
    assert told["file"].tolist() == ["a.csv"] * 2 + ["b.csv"] * 3
    assert told["row"].tolist() == [1, 2, 1, 2, 3]
    (new / "b.csv").write_text("age,city\n20,Bern\nold,Rome\n")
    code, _, err = typed("predict", "months", "new/*.csv")
    assert code == 2 and "received old in b.csv, column age, row 2" in err
    code, _, err = typed("predict", "months", "old/*.csv")
    assert code == 2 and "which no file matches" in err

    customers(1).to_csv(folder.path / "exports/july.csv", index=False)
    code, _, err = typed("launch", "study.toml")
    assert code == 2 and "[data] source: received data with fingerprint" in err, err


def test_tune_takes_a_pattern(folder, typed):
    (folder.path / "exports").mkdir()
    for month in ("may", "june"):
        customers(30).to_csv(folder.path / f"exports/{month}.csv", index=False)
    code, out, _ = typed("tune", "exports/*.csv", "--target", "y", "--dry-run")
    assert code == 0 and "exports-y.toml would be:" in out
