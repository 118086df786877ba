"""Tables by a query, from SQLite and from a real PostgreSQL."""

import datetime
import decimal
import sqlite3
import uuid
from contextlib import closing
from pathlib import Path

import numpy as np
import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from studyhall.search.data.errors import DataError
from studyhall.search.data.sources import reading, source_check, sql, sql_types
from studyhall.search.data.sources.sql import Query
from studyhall.search.study_file.input_sections import DataSection

UTC = datetime.UTC
MAKE = """
    CREATE TABLE customers (
        id integer, age integer, spend numeric(8, 2), city varchar(20), loyal boolean,
        joined timestamp, score double precision, y varchar(5)
    )
"""
ROWS = [
    (n, 20 + n if n % 4 else None, round(1.25 * (n * 7 % 11), 2), ["Bern", "Rome"][n % 3 > 1],
     n % 5 > 2, f"2024-01-{1 + n % 28:02} 10:00:00", n / 7, "yes" if n * 7 % 11 > 5 else "no")
    for n in range(60)
]  # fmt: skip
PLACES = ", ".join(["%s"] * 8)


@pytest.fixture
def database(database_url):
    """The URL of a database of either kind with a table of customers."""
    url = database_url.replace("postgresql://", "postgresql+psycopg://")
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(MAKE)
        mark = PLACES if engine.dialect.name == "postgresql" else PLACES.replace("%s", "?")
        connection.exec_driver_sql(f"INSERT INTO customers VALUES ({mark})", ROWS)
    return database_url


def run(url, *statements):
    url = url.replace("postgresql://", "postgresql+psycopg://")
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        for each in statements:
            connection.exec_driver_sql(each)


def read(url, query, folder=None, **keys):
    section = DataSection(source=url, query=query, **{"target": "y", **keys})
    return reading.read(section, folder)


def problem(*words, **keys):
    with pytest.raises(DataError) as caught:
        read(*words, **keys)
    (line,) = caught.value.problems
    return line


def test_columns_have_the_types_of_the_database(database, tmp_path):
    arrays = read(database, "select * from customers", tmp_path)
    kinds = {column.name: column.kind for column in arrays.table}
    boolean = "number" if database.startswith("sqlite") else "boolean"  # SQLite knows none
    assert kinds == {
        "age": "number", "spend": "number", "city": "category", "loyal": boolean,
        "joined": "date", "score": "number",
    }  # fmt: skip
    assert any(note.startswith("column id: left out") for note in arrays.notes)
    assert len(arrays.x) == 60 and {*arrays.y.tolist()} == {"yes", "no"}
    ages = arrays.x[:, arrays.columns.index("age")]
    assert sorted(ages[~np.isnan(ages)].tolist()) == sorted(row[1] for row in ROWS if row[1])


def test_rows_are_the_same_in_whatever_order_they_come(database, tmp_path):
    found = [
        read(database, f"select age, spend, city, y from customers order by {order}", tmp_path)
        for order in ("id", "id desc", "spend")
    ]
    for other in found[1:]:
        assert np.array_equal(found[0].x, other.x, equal_nan=True)
        assert np.array_equal(found[0].y, other.y)


def test_windows_keep_the_order_of_the_query(database, tmp_path):
    arrays = read(
        database, "select score from customers order by id", tmp_path, target="score", windows=3
    )
    assert arrays.x[0].ravel().tolist() == pytest.approx([0, 1 / 7, 2 / 7])
    line = problem(database, "select score from customers", tmp_path, target="score", windows=3)
    assert line.startswith("[data] query: received") and "order by" in line


def test_percent_signs_and_colons_stand_for_themselves(database, tmp_path):
    query = "select age, ':a' as word, y from customers where city like 'B%' and '10:30' <> ':x'"
    arrays = read(database, query, tmp_path)
    assert len(arrays.x) == sum(row[3] == "Bern" for row in ROWS)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("select * from custmers", "expected a select on customers"),
        ("selec * from customers", "syntax error"),
        ("select agee from customers", "agee"),
        ("select * from customers where id < 0", "without rows, expected at least one row"),
        ("select age, age, y from customers", "two columns called age"),
        ("delete from customers", "expected a select"),
        ("drop table customers", "expected a select"),
        ("create table more (a integer)", "expected a select"),
    ],
)
def test_a_query_that_fails_is_one_line_and_changes_nothing(database, tmp_path, query, said):
    line = problem(database, query, tmp_path)
    assert line.startswith("[data] query: received") and said in line and "\n" not in line
    assert len(read(database, "select * from customers", tmp_path).x) == 60


def test_a_column_that_no_model_can_learn_from_is_named(database, tmp_path):
    photo = "x'00ff'" if database.startswith("sqlite") else "'\\x00ff'::bytea"
    line = problem(database, f"select {photo} as photo, age, y from customers", tmp_path)
    assert line == (
        "[data] query: received values of type bytes in column photo, expected numbers, text,"
        " dates or truth values: leave it out, or cast it"
    )


def test_a_row_is_named_by_its_place_in_the_answer(database, tmp_path):
    run(database, "UPDATE customers SET city = '7'", "UPDATE customers SET city = 'x' WHERE id = 4")
    line = problem(database, "select city, spend, y from customers order by id", tmp_path)
    assert 'received "x" in' in line and "column city, row 5" in line


def test_a_relative_path_is_that_of_the_study_file(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    rows = [f"INSERT INTO t VALUES ({n}, {n % 2})" for n in (3, 8, 4, 9)]
    made = "CREATE TABLE t (a integer, y integer)"
    run(f"sqlite:///{tmp_path}/data/shop.db", made, *rows)
    monkeypatch.chdir("/")
    arrays = read("sqlite:///data/shop.db", "select * from t", tmp_path)
    assert arrays.x.ravel().tolist() == [3, 4, 8, 9]


@pytest.mark.parametrize(
    ("url", "query", "said"),
    [
        ("sqlite:///gone.db", "select 1", 'source: received "sqlite:///gone.db", which does not'),
        ("sqlite:///text.db", "select * from t", "file is not a database"),
        ("sqlite:///text.db", None, "query: received nothing, expected a select"),
        (
            "postgresql://ann@127.0.0.1:1/db",
            "select 1",
            'source: received "postgresql://ann@127.0.',
        ),
        ("postgresql://ann@no-such-host.invalid/db", "select 1", "source: received"),
    ],
)
def test_what_is_not_there_is_one_line(tmp_path, url, query, said):
    (tmp_path / "text.db").write_text("no database" * 100)
    assert said in problem(url, query, tmp_path)


def test_a_query_needs_a_database(tmp_path):
    (tmp_path / "t.csv").write_text("a,y\n1,2\n")
    assert problem("t.csv", "select 1", tmp_path) == (
        '[data] query: received "select 1" for t.csv, expected this key only for a database'
    )


def test_passwords_come_from_where_libpq_looks(own_postgres, tmp_path, monkeypatch):
    hba = Path(own_postgres.pgdata) / "pg_hba.conf"
    hba.write_text(f"local all locked scram-sha-256\n{hba.read_text()}")
    with psycopg.connect(own_postgres.get_uri(), autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE t AS SELECT n AS a, n % 2 AS y FROM generate_series(1, 9) n"
        )
        connection.execute("CREATE ROLE locked LOGIN PASSWORD 'sesame'")
        connection.execute("GRANT SELECT ON t TO locked")
        connection.execute("SELECT pg_reload_conf()")
    parsed = sa.make_url(own_postgres.get_uri()).set(username="locked", password=None)
    url = parsed.render_as_string(hide_password=False)
    assert "password" in problem(url, "select * from t", tmp_path)
    passfile = tmp_path / "pgpass"
    passfile.write_text("*:*:*:locked:sesame\n")
    passfile.chmod(0o600)
    monkeypatch.setenv("PGPASSFILE", str(passfile))
    assert len(read(url, "select * from t", tmp_path).x) == 9
    monkeypatch.delenv("PGPASSFILE")
    monkeypatch.setenv("PGPASSWORD", "sesame")
    assert len(read(url, "select * from t", tmp_path).x) == 9
    monkeypatch.setenv("PGPASSWORD", "wrong")
    line = problem(url, "select * from t", tmp_path)
    assert "password authentication failed" in line and "wrong" not in line


WHOLE = st.integers(-(2**63) + 1, 2**63 - 1)
DATES = st.datetimes(datetime.datetime(1, 1, 2), datetime.datetime(9999, 12, 30))


@given(values=st.lists(st.none() | WHOLE, min_size=1).filter(any))
def test_whole_numbers_stay_whole_also_beside_missing_ones(values):
    found = sql_types.column([v if v is None else decimal.Decimal(v) for v in values])
    assert [None if v is None else int(v) for v in values] == [
        None if missing else int(v) for v, missing in zip(found, found.isna(), strict=True)
    ]


@given(values=st.lists(st.none() | DATES, min_size=1).filter(any))
def test_dates_stay_dates(values):
    found = sql_types.column([v if v is None else v.replace(tzinfo=UTC) for v in values])
    assert found.dtype == "datetime64[us]"
    assert [None if v is None else v for v in values] == [
        None if missing else v.to_pydatetime()
        for v, missing in zip(found, found.isna(), strict=True)
    ]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([True, False], "bool"),
        ([True, None], "boolean"),
        ([1, 2], "int64"),
        ([1, None], "Int64"),
        ([decimal.Decimal("1.5"), 2], "float64"),
        ([decimal.Decimal("NaN"), 2], "float64"),
        ([2**70, 1], "object"),
        (["a", None], "object"),
        ([uuid.UUID(int=3)], "object"),
        ([1, "a"], "object"),
        ([True, 2], "object"),
        ([None, None], "float64"),
        ([datetime.date(2024, 1, 2), None], "datetime64[us]"),
    ],
)
def test_the_type_of_a_column(values, kind):
    assert str(sql_types.column(values).dtype) == kind


@pytest.mark.parametrize("value", [b"x", [1], {"a": 1}, datetime.timedelta(1), memoryview(b"x")])
def test_other_types_are_refused_by_name(value):
    with pytest.raises(ValueError, match=f"values of type {type(value).__name__}"):
        sql_types.column([value, None])


def test_what_is_shown_of_a_database_has_no_password():
    assert Query("postgresql://ann:secret@host/db", "", None).name == "postgresql://ann:***@host/db"
    assert sql.is_database("postgresql+psycopg://host/db") and not sql.is_database("keras:mnist")


@pytest.mark.parametrize("name", ["shop.db", "shop.sqlite", "shop.csv"])
def test_the_file_of_a_database_is_no_source_without_its_scheme(tmp_path, name):
    with closing(sqlite3.connect(tmp_path / name)) as connection:
        connection.execute("create table customers (age, y)")
        connection.commit()
    with pytest.raises(DataError) as caught:
        source_check.check(DataSection(source=name, target="y"), tmp_path)
    received = f'received "{name}", a SQLite database'
    wanted = f"expected sqlite:///{name}, and a [data] query on its tables"
    assert caught.value.problems == [f"[data] source: {received}, {wanted}"]
