"""Arrays of texts: their forms, what is missing in them, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from studyhall.search.data import duplicates, loading
from studyhall.search.data.errors import DataError
from studyhall.search.study_file.input_sections import DataSection

LABELS = np.array(["no", "yes"] * 30)
TEXTS = [f"text {n % 7} of {'good' if n % 2 else 'bad'} words, {n}" for n in range(60)]


def load(folder: Path, of_texts: bool = True, **keys: Any) -> loading.Data:
    return loading.load(DataSection(**keys), seed=0, folder=folder, of_texts=of_texts)


def saved(folder: Path, x: Any, y: Any = LABELS, **others: Any) -> dict[str, Any]:
    np.savez(folder / "texts.npz", x=x, y=y, **others)
    return {"source": "texts.npz"}


def refused(folder: Path, **keys: Any) -> str:
    with pytest.raises(DataError) as caught:
        load(folder, **keys)
    assert len(caught.value.problems) == 1
    return caught.value.problems[0]


def of_function(folder: Path, body: str) -> dict[str, Any]:
    """A source that is a function, with the texts as TEXTS and pandas as pd."""
    (folder / "mine.py").write_text(
        f"import numpy as np\nimport pandas as pd\nTEXTS = {TEXTS!r}\nY = np.array([0, 1] * 30)\n"
        f"def load():\n    return {body}\n"
    )
    return {"source": "mine.py:load"}


def test_texts_of_an_archive(tmp_path: Path) -> None:
    data = load(tmp_path, **saved(tmp_path, np.array(TEXTS)))
    parts = [data.train, data.validation, data.test]
    assert sorted(text for part in parts for text in part.x) == sorted(TEXTS)
    assert data.input_shape == () and data.classes == ("no", "yes")
    assert all(part.x.dtype == object for part in parts)


@pytest.mark.parametrize(
    "body",
    [
        "TEXTS, Y",
        "np.array(TEXTS)[:, np.newaxis], Y",
        "np.array([text.encode() for text in TEXTS]), Y",
        "np.array(TEXTS, object), Y",
        "pd.Series(TEXTS), Y",
        "pd.Series(TEXTS, dtype='string'), Y",
        "[(TEXTS[:40], Y[:40]), (TEXTS[40:], Y[40:])]",
        "__import__('tensorflow').data.Dataset.from_tensor_slices((TEXTS, Y))",
    ],
)
def test_whatever_a_function_returns(tmp_path: Path, body: str) -> None:
    data = load(tmp_path, **of_function(tmp_path, body))
    texts = [*data.train.x, *data.validation.x, *data.test.x]
    assert sorted(texts) == sorted(TEXTS) and {type(text) for text in texts} == {str}


def test_missing_texts_are_read_as_one_unknown_word_and_counted(tmp_path: Path) -> None:
    body = "pd.Series([None, np.nan, pd.NA, '', '?!', *TEXTS[5:]]), Y"
    data = load(tmp_path, **of_function(tmp_path, body))
    assert data.notes == ("no word in 5 texts of 60: read as one unknown word",)
    numbers = data.split.encoded(data.split.pool, 5, 3)
    lone = [row for row, text in zip(numbers, data.split.pool.x, strict=True) if text in ("", "?!")]
    assert lone and all(row.tolist() == [1, 0, 0] for row in lone)


def test_the_vocabulary_is_that_of_the_training_part(tmp_path: Path) -> None:
    only = [f"word{n}" for n in range(60)]
    data = load(tmp_path, **saved(tmp_path, np.array(only)), folds=3)
    for fold in data.folds:
        assert {word.decode() for word in fold.vocabulary.words} == {*fold.train.x}
        assert (fold.encoded(fold.validation, 60, 2)[:, 0] == 1).all()
    assert len({fold.vocabulary.words for fold in data.folds}) == 3


def test_texts_that_stand_in_two_parts_are_told(tmp_path: Path) -> None:
    data = load(tmp_path, **saved(tmp_path, np.array(["the same"] * 60)))
    first = next(duplicates.sentences(data))
    assert first.startswith("12 of 12 validation samples also stand")


def test_the_fingerprint_is_of_the_words_not_of_their_place_in_memory(tmp_path: Path) -> None:
    first = load(tmp_path, **saved(tmp_path, np.array(TEXTS))).fingerprint
    assert load(tmp_path, **saved(tmp_path, np.array(TEXTS, "U90"))).fingerprint == first
    other = [TEXTS[0] + "!", *TEXTS[1:]]
    assert load(tmp_path, **saved(tmp_path, np.array(other))).fingerprint != first
    moved = [TEXTS[0][:-1], TEXTS[0][-1:] + TEXTS[1], *TEXTS[2:]]  # the same letters in all
    assert load(tmp_path, **saved(tmp_path, np.array(moved))).fingerprint != first


def test_a_split_by_dates(tmp_path: Path) -> None:
    days = np.arange("2020-01-01", "2020-03-01", dtype="datetime64[D]").astype(str)
    data = load(tmp_path, **saved(tmp_path, np.array(TEXTS), day=days), split_by="day")
    assert data.test.x.tolist() == TEXTS[48:]


@pytest.mark.parametrize(
    ("x", "keys", "said"),
    [
        (np.array(TEXTS).reshape(30, 2), {}, "texts of shape (30, 2) in texts.npz, expected one"),
        (np.arange(60), {}, "int64 of shape (60, 1) in texts.npz, expected texts, which family ="),
        (np.array(["", "!"] * 30), {}, "received texts without words, expected texts"),
        (np.array(TEXTS), {"normalize": "scale"}, 'normalize: received "scale" for texts'),
        (np.array(TEXTS), {"image_size": (2, 2)}, "image_size"),
        (np.array(TEXTS), {"of_texts": False}, 'expected numbers; family = "text" takes texts'),
        (np.array([b"\xff"] * 60), {}, "broken characters in texts.npz at x[0], expected texts in"),
        (np.array(["a\0b"] * 60), {}, "a text with a NUL character in texts.npz at x[0]"),
    ],
)
def test_refusals(tmp_path: Path, x: Any, keys: dict[str, Any], said: str) -> None:
    y = LABELS[: len(x)]
    assert said in refused(tmp_path, **saved(tmp_path, x, y), **keys)


def test_texts_beside_numbers(tmp_path: Path) -> None:
    body = "(TEXTS[:40], Y[:40]), (np.ones(20), Y[40:])"
    assert "texts beside numbers" in refused(tmp_path, **of_function(tmp_path, body))


def test_half_a_character(tmp_path: Path) -> None:
    body = "['\\ud800', *TEXTS[1:]], Y"
    assert "broken characters" in refused(tmp_path, **of_function(tmp_path, body))


# A column of a table


def table(folder: Path, frame: pd.DataFrame, **keys: Any) -> dict[str, Any]:
    frame.to_csv(folder / "table.csv", index=False)
    return {"source": "table.csv", "target": "label", **keys}


FRAME = pd.DataFrame({"note": TEXTS, "label": LABELS})


def test_the_only_column_is_the_text(tmp_path: Path) -> None:
    frame = FRAME.copy()
    frame.loc[3, "note"] = None
    frame.loc[4, "label"] = None
    data = load(tmp_path, **table(tmp_path, frame))
    assert data.columns == ("note",) and len(data.split.pool) + len(data.test) == 59
    assert data.notes == (
        "1 row of 60 left out: no value in label, the target",
        "no word in 1 text of 59: read as one unknown word",
    )


def test_numbers_of_a_text_column_stay_as_they_are_written(tmp_path: Path) -> None:
    frame = pd.DataFrame({"code": ["007", "08.50"] * 30, "label": LABELS})
    data = load(tmp_path, **table(tmp_path, frame, columns={"code": "text"}))
    assert {*data.train.x} == {"007", "08.50"}


def test_other_columns_are_dropped_by_name_or_refused(tmp_path: Path) -> None:
    frame = FRAME.assign(age=np.arange(60) % 9, shop=[f"s{n % 3}" for n in range(60)])
    said = refused(tmp_path, **table(tmp_path, frame, columns={"note": "text"}))
    assert said == (
        '[data] source: received note, age, shop in table.csv for family = "text", expected one'
        ' column: [data.columns] shop = "drop", age = "drop"; family = "mlp" takes several'
    )
    columns = {"note": "text", "age": "drop", "shop": "drop"}
    assert load(tmp_path, **table(tmp_path, frame, columns=columns)).columns == ("note",)


def test_a_table_without_texts(tmp_path: Path) -> None:
    frame = pd.DataFrame({"age": np.arange(60) % 9, "label": LABELS})
    said = refused(tmp_path, **table(tmp_path, frame))
    assert said.endswith('expected a column of texts, such as [data.columns] age = "text"')


def test_groups_and_order_of_a_table(tmp_path: Path) -> None:
    frame = FRAME.assign(writer=[f"w{n % 20}" for n in range(60)])
    data = load(tmp_path, **table(tmp_path, frame, group="writer"))
    writers = dict(zip(TEXTS, frame["writer"], strict=True))
    parts = [{writers[text] for text in part.x} for part in (data.split.pool, data.test)]
    assert not parts[0] & parts[1]
    frame = FRAME.assign(day=pd.date_range("2020-01-01", periods=60).strftime("%Y-%m-%d"))
    keys = table(tmp_path, frame, split_by="day", columns={"day": "drop"})
    assert load(tmp_path, **keys).test.x.tolist() == TEXTS[48:]


# Folders of .txt files


def folder_of(folder: Path, *places: str) -> Path:
    """Ten texts in each place, the first in UTF-16, the second with UTF-8's mark."""
    for place in places:
        (folder / place).mkdir(parents=True)
        for n in range(10):
            coding = ("utf-16", "utf-8-sig")[n] if n < 2 else "utf-8"
            (folder / place / f"{n}.txt").write_text(f"{place} Größe {n}\r\n", encoding=coding)
    return folder


def test_a_folder_per_class(tmp_path: Path) -> None:
    folder_of(tmp_path / "texts", "good", "bad/old")
    (tmp_path / "texts/good/.hidden.txt").write_bytes(b"\xff")
    (tmp_path / "texts/good/x.csv").write_text("")
    (tmp_path / "texts/beside.TXT").write_text("x")
    data = load(tmp_path, source="texts")
    assert data.classes == ("bad", "good")
    assert {text.strip() for text in data.split.pool.x} <= {
        f"{place} Größe {n}" for place in ("good", "bad/old") for n in range(10)
    }
    assert data.notes == (
        "left out, as their endings are not read: 1 .csv (such as good/x.csv)",
        "left out: 1 hidden file in good",
        "left out: 1 file outside of the classes' folders: beside.TXT",
    )


def test_parts_by_their_names(tmp_path: Path) -> None:
    folder_of(tmp_path / "texts", *(f"{a}/{b}" for a in ("train", "Testing") for b in ("x", "y")))
    data = load(tmp_path, source="texts")
    assert {text.split("/")[0] for text in data.test.x} == {"Testing"}
    assert {text.split("/")[0] for text in data.split.pool.x} == {"train"}


def test_files_that_are_no_text_are_named(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "texts", "good", "bad")
    (folder / "good/3.txt").write_bytes("Größe".encode("latin-1"))
    (folder / "bad/4.txt").write_bytes("abc".encode("utf-16-le"))  # without its mark
    with pytest.raises(DataError) as caught:
        load(tmp_path, source="texts")
    assert caught.value.problems == [
        "[data] source: received not text: bad/4.txt, expected text; in UTF-16 with its mark",
        "[data] source: received not UTF-8: good/3.txt, expected text in UTF-8, or in UTF-16 with"
        " its mark",
    ]


def test_folders_of_the_other_kind_are_refused_with_the_family_for_them(tmp_path: Path) -> None:
    folder_of(tmp_path / "texts", "good", "bad")
    said = refused(tmp_path, of_texts=False, source="texts")
    assert "no images in texts/bad, good, expected some of" in said
    assert said.endswith('; family = "text" reads .txt')
    assert "grey: received true" in refused(tmp_path, source="texts", grey=True)
