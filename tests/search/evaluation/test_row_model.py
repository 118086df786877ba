"""The exported model of a table takes raw rows, and predicts for them what the trained one does."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from studyhall.search.data.columns import fitting
from studyhall.search.data.errors import DataError
from studyhall.search.data.row_places import Place
from studyhall.search.data.sources import tables
from studyhall.search.data.sources.tables import Roles
from studyhall.search.evaluation import best, new_samples, prediction, proof

ROWS = 160


def people(seed=0, rows=ROWS):
    """A table as somebody exports it, drawn anew for each seed."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 90, rows).astype(object)
    age[rng.random(rows) < 0.1] = ""
    days = pd.Timestamp("2001-01-01") + pd.to_timedelta(rng.integers(0, 200_000, rows), "h")
    job = rng.choice(["clerk", "cook", "NA", ""], rows)
    note = [" ".join(rng.choice(["Good,", "ÜBEL", "(fast)", "slow!"], 4)) for _ in range(rows)]
    return pd.DataFrame(
        {
            "age": age,
            "pay/year [€]": [f"{value:,.2f} €" for value in rng.normal(30_000, 9_000, rows)],
            "job": job,
            "joined": pd.Series(days).dt.strftime("%d.%m.%Y %H:%M"),
            "member": rng.choice(["True", "False"], rows),
            "note": note,
            "buys": np.where((job == "cook") ^ (rng.random(rows) < 0.1), "yes", "no"),
        }
    )


SOURCE = {"source": "people.csv", "target": "buys", "columns": {"note": "text"}}


@pytest.fixture(scope="module")
def finished(shared_studio):
    """A study of people, ended: the studio, the best trial and the card of its model."""
    people().to_csv(shared_studio.folder / "people.csv", index=False)
    study = shared_studio.study(data=SOURCE, training={"epochs": 6})
    shared_studio.finish(study)
    card = proof.finish(shared_studio.db, study)
    return shared_studio, best.read(shared_studio.db, study), card


def test_it_was_compared_with_the_trained_one(finished):
    _, _, card = finished
    assert card["proof"]["proven"] and "why" not in card["rows"]
    assert card["rows"]["samples"] == ROWS // 5 and card["rows"]["difference"] < 1e-5
    kinds = {each["name"]: each["kind"] for each in card["rows"]["columns"]}
    assert kinds == {
        "age": "number", "pay/year [€]": "number", "job": "category", "joined": "date",
        "member": "boolean", "note": "text",
    }  # fmt: skip
    assert {each["input"] for each in card["rows"]["columns"]} == {*kinds} - {"pay/year [€]"} | {
        "pay_year [€]"
    }


IN_PLAIN_KERAS = """
import json, sys
import keras, numpy as np, pandas as pd
model = keras.models.load_model("model.keras")
rows = pd.DataFrame(json.loads(sys.argv[1]))
predicted = model.predict_on_batch({name: rows[[name]].to_numpy() for name in rows})
ours = [name for name in sys.modules if name.startswith("studyhall")]
print(json.dumps({"predicted": predicted[:, 0].tolist(), "ours": ours}))
"""


@pytest.mark.slow
def test_a_fresh_process_without_studyhall_predicts_raw_rows(finished):
    studio, found, card = finished
    rows = {
        "age": [41.0, None],
        "pay_year [€]": [31_000.0, 28_000.0],
        "job": ["cook", "pilot"],
        "joined": [1_500_000_000.0, None],
        "member": [1.0, 0.0],
        "note": ["good and fast", ""],
    }
    command = [sys.executable, "-I", "-c", IN_PLAIN_KERAS, json.dumps(rows)]
    answer = subprocess.run(command, cwd=found.folder, capture_output=True, text=True, check=True)
    told = json.loads(answer.stdout)
    assert told["ours"] == []

    written = studio.folder / "two.csv"
    written.write_text(
        "job,age,pay/year [€],member,joined,note\n"
        'cook,41,"31,000.00 €",True,14.07.2017 02:40,good and fast\n'
        "pilot,,28000,False,,\n"
    )
    samples = new_samples.read(written, card)
    ours = prediction.predict(found, card, samples)
    np.testing.assert_allclose(told["predicted"], ours["p(yes)"], rtol=1e-5)
    assert samples.remarks == (
        "column job: 1 row with values not seen in training: pilot",
        "column joined: no value in 1 row, as in none of training: the mean",
    )


def test_predictions_are_those_of_the_trained_model(finished):
    studio, found, card = finished
    people(seed=1, rows=50).to_csv(studio.folder / "new.csv", index=False)
    samples = new_samples.read(studio.folder / "new.csv", card)
    told = prediction.predict(found, card, samples)
    assert [*told] == ["row", "prediction", "p(no)", "p(yes)"]
    assert told["row"].tolist() == [*range(1, 51)]
    assert (told["prediction"] == np.where(told["p(yes)"] > 0.5, "yes", "no")).all()
    np.testing.assert_allclose(told["p(no)"] + told["p(yes)"], 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "age,job\n1,cook\n",
            "no column pay/year [€], joined, member, note, expected the columns age",
        ),
        (
            "age,pay/year [€],job,joined,member,note\n1,2,cook,14.07.2017 02:40,True,x\n"
            "forty,2,cook,14.07.2017 02:40,True,x\n",
            "received forty in bad.csv, column age, row 2, expected a number",
        ),
        (
            "age,pay/year [€],job,joined,member,note\n1,2,cook,2017-07-14,True,x\n",
            "received 2017-07-14 in bad.csv, column joined, row 1, expected a date"
            " (%d.%m.%Y %H:%M)",
        ),
    ],
)
def test_rows_that_do_not_fit(finished, text, line):
    studio, _, card = finished
    (studio.folder / "bad.csv").write_text(text)
    with pytest.raises(new_samples.DataError) as caught:
        new_samples.read(studio.folder / "bad.csv", card)
    assert line in caught.value.problems[0]


def test_only_what_the_model_was_trained_with(finished, tmp_path):
    _, _, card = finished
    np.save(tmp_path / "x.npy", np.zeros((3, 2)))
    with pytest.raises(new_samples.DataError, match="numbers of shape"):
        new_samples.read(tmp_path / "x.npy", card)
    with pytest.raises(new_samples.DataError, match="received no such file"):
        new_samples.read(tmp_path / "missing.csv", card)


def test_the_rows_of_the_export_are_those_of_the_table(finished):
    studio, _, card = finished
    rows = tables.table(studio.folder / "people.csv", Roles("buys")).rows
    assert len(rows) == ROWS and len(card["features"]) == card["input_shape"][0]


@pytest.mark.parametrize(
    ("trained", "new", "line"),
    [
        (
            ["10.961", "9.5"],
            "10,961",
            "10,961 in new.csv, column a, row 1 and 1 more, expected a number",
        ),
        (
            ["43 %", "12 %"],
            "0.43",
            "0.43 in new.csv, column a, row 1, expected a number in %",
        ),
        (["4", "12"], "43 %", "expected a number without a unit"),
        (["4 €", "12"], "$5", "expected a number in €"),
        (["4 €", "12"], "5 €", None),
        (["1,163.74", "1"], "2,334", None),
    ],
)
def test_new_numbers_are_written_as_in_training(tmp_path, trained, new, line):
    found = fitting.fitted(pd.DataFrame({"a": trained}), Place("t.csv"), {})
    card = {"rows": {"columns": [each.to_dict() for each in found.columns]}, "input_shape": [1]}
    (tmp_path / "new.csv").write_text(f"a;b\n{new};1\n{new};2\n")
    if line is None:
        assert len(new_samples.read(tmp_path / "new.csv", card).frame) == 2
        return
    with pytest.raises(DataError) as refused:
        new_samples.read(tmp_path / "new.csv", card)
    assert line in str(refused.value)


def test_new_rows_with_two_columns_of_one_name_are_refused(finished, tmp_path):
    _, _, card = finished
    frame = people(7, 3)
    twice = pd.concat([frame, frame[["age"]]], axis=1)
    twice.to_csv(tmp_path / "new.csv", index=False)
    for source in (twice, tmp_path / "new.csv"):
        with pytest.raises(new_samples.DataError, match="received two columns called age"):
            new_samples.read(source, card)


@pytest.mark.parametrize("rows", ["file", "pattern", "frame"])
def test_a_header_alone_is_refused(finished, tmp_path, rows):
    _, _, card = finished
    header = people(7, 3).iloc[:0]
    header.to_csv(tmp_path / "new.csv", index=False)
    sources = {"file": tmp_path / "new.csv", "pattern": tmp_path / "*.csv", "frame": header}
    with pytest.raises(new_samples.DataError, match="received no samples, expected at least one"):
        new_samples.read(sources[rows], card)
