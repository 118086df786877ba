"""Texts that look the same are the same, whatever Unicode form each is written in."""

import unicodedata

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from studyhall.search.data import arrays, loading, unicode_form
from studyhall.search.data.errors import DataError
from studyhall.search.evaluation import new_samples
from studyhall.search.study_file.input_sections import DataSection

WORDS = st.text("éèüÅ가aß1 ", min_size=1, max_size=6)


def spelled(words, rng):
    """Each word in one of Unicode's two common forms."""
    return [unicodedata.normalize(rng.choice(["NFC", "NFD"]), word) for word in words]


@given(words=st.lists(WORDS, min_size=1, max_size=8), seed=st.integers(0, 99))
def test_tables_and_arrays(words, seed):
    rng = np.random.default_rng(seed)
    wanted = [unicodedata.normalize("NFC", word) for word in words]
    name = unicodedata.normalize("NFD", "Größe")
    written = [*spelled(words, rng), None]
    for dtype in (object, "str", "category"):
        frame = pd.DataFrame({name: pd.Series(written, dtype=dtype), "n": range(len(written))})
        found = unicode_form.table(frame)
        assert [*found] == ["Größe", "n"] and found["n"].tolist() == [*range(len(written))]
        assert [*found["Größe"]][:-1] == wanted and found["Größe"].isna().tolist()[-1]
    assert unicode_form.array(np.array(spelled(words, rng))).tolist() == wanted


def city(rng, rows=60):
    names = rng.choice(["Zürich", "Genève", "Bern"], rows)
    return pd.DataFrame(
        {
            "città": spelled(names, rng),
            "age": rng.integers(20, 90, rows),
            "buys": spelled(np.where(names == "Bern", "né", "sì"), rng),
        }
    ).rename(columns=lambda name: spelled([name], rng)[0])


@settings(max_examples=5)
@given(seed=st.integers(0, 999))
def test_a_table_has_one_category_for_each_word(tmp_path_factory, seed):
    folder, rng = tmp_path_factory.mktemp("cities"), np.random.default_rng(seed)
    city(rng).to_csv(folder / "t.csv", index=False)
    city(rng).to_parquet(folder / "t.parquet")
    engine = sa.create_engine(f"sqlite:///{folder}/t.db", poolclass=sa.NullPool)
    city(rng).to_sql("t", engine, index=False)
    query = {"source": "sqlite:///t.db", "query": "select * from t"}
    for source in ({"source": "t.csv"}, {"source": "t.parquet"}, query):
        kinds = {unicodedata.normalize("NFD", "città"): "category"}
        section = DataSection(**source, target="buys", columns=kinds)
        found = loading.load(section, seed=0, folder=folder)
        assert found.categories == {"città": ("Bern", "Genève", "Zürich")}
        assert found.classes == ("né", "sì")
        # A new table is read as the training's was.
        card = {"input_shape": [4], "rows": {"columns": [c.to_dict() for c in found.table]}}
        new = new_samples.read(city(rng), card)
        assert new.remarks == () and set(new.frame["città"]) <= {"Bern", "Genève", "Zürich"}


def test_classes_and_texts_of_arrays():
    rng = np.random.default_rng(0)
    words = ["né", "sì"] * 10
    found = arrays.checked(arrays.Arrays(np.array(spelled(words, rng)), spelled(words, rng)), "a")
    assert set(found.y) == {"né", "sì"} == set(found.x)


def test_two_folders_of_one_name(tmp_path):
    for name in ("né", unicodedata.normalize("NFD", "né"), "sì"):
        (tmp_path / "cities" / name).mkdir(parents=True)
    with pytest.raises(DataError, match="two folders called né, in two Unicode forms, in cities"):
        loading.load(DataSection(source="cities"), seed=0, folder=tmp_path)


def test_two_columns_of_one_name(tmp_path):
    twice = f"né,{unicodedata.normalize('NFD', 'né')},y\n1,2,a\n3,4,b\n"
    (tmp_path / "t.csv").write_text(twice)
    with pytest.raises(DataError, match="two columns called né"):
        loading.load(DataSection(source="t.csv", target="y"), seed=0, folder=tmp_path)


def test_a_value_that_is_empty_is_named():
    column = {"name": "job", "kind": "category", "values": ["cook"]}
    card = {"input_shape": [1], "rows": {"columns": [column]}}
    found = new_samples.read(pd.DataFrame({"job": ["", "cook", None, "pilot"]}), card)
    assert found.remarks == (
        "column job: 3 rows with values not seen in training: (no value), pilot",
    )
