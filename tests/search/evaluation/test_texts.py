"""Texts from end to end: training, takeover, proof, the exported model, predictions."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from studyhall.search.data.errors import DataError
from studyhall.search.evaluation import best, conversion, new_samples, prediction, proof
from studyhall.search.study import record
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.trial import forms
from studyhall.search.trial.context import Outcome
from studyhall.storage.queries import records
from tests.stop_after import StopAfter

pytestmark = pytest.mark.part(6)

GOOD, BAD = ("great", "lovely", "fine"), ("awful", "dull", "poor")
COMMON = ("the", "film", "was", "a", "plot", "Größe", "isn't")


def reviews(seed: int = 0, rows: int = 160) -> pd.DataFrame:
    """Reviews of drawn words, the last of which tell the class; some are empty."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 2, rows)
    notes = [
        " ".join([*rng.choice(COMMON, rng.integers(0, 9)), *rng.choice((BAD, GOOD)[each], 2)])
        for each in kind
    ]
    notes[3], notes[4] = "", "?!"
    return pd.DataFrame({"note": notes, "liked": np.where(kind, "yes", "no")})


TABLES: dict[str, dict[str, Any]] = {
    "data": {"source": "reviews.csv", "target": "liked"},
    "model": {"family": "text"},
    "training": {"epochs": 4},
    "space": {
        "encoder": ["mean", "transformer"],
        "vocabulary": {"low": 6, "high": 12},
        "length": 7,
        "embedding": 6,
        "width": 4,
        "dropout": 0.2,
        "learning_rate": 0.02,
    },
}


@pytest.fixture(scope="module")
def proven(shared_studio: Any) -> tuple[Any, Any, dict[str, Any]]:
    """A study of reviews with folds, ended: the studio, its best trial, its card."""
    reviews().to_csv(shared_studio.folder / "reviews.csv", index=False)
    data = {**TABLES["data"], "folds": 2}
    study = shared_studio.study(study={"name": "r", "trials": 3}, **{**TABLES, "data": data})
    shared_studio.finish(study)
    card = proof.finish(shared_studio.db, study)
    return shared_studio, best.read(shared_studio.db, study), card


def test_it_is_proven_and_its_card_says_what_it_reads(proven: Any) -> None:
    _, found, card = proven
    assert card["proven"] and card["task"] == "binary" and card["features"] == ["note"]
    values = found.trial.attributes["values"]
    assert card["texts"] == {"column": "note", "vocabulary": values["vocabulary"], "length": 7}
    assert card["out_of_fold"]["accuracy"] > 0.6


def test_words_are_split_before_training_as_the_exported_model_splits_them(proven: Any) -> None:
    studio, found, card = proven
    plan = studio.worker(found.study).context.plan
    fold = plan.data.folds[found.trial.attributes["model_fold"]]
    whole = keras.models.load_model(found.folder / "model.keras", compile=False)
    (inner,) = (layer for layer in whole.layers if isinstance(layer, keras.Model))
    form = forms.of_values(card["hyperparameters"])
    for part in (*fold, plan.data.test):
        numbers, _ = forms.pair(fold, part, form, 2)
        strings = keras.ops.convert_to_tensor([*part.x], "string")
        np.testing.assert_allclose(inner(numbers), whole(strings), atol=1e-6)
    assert whole.get_layer("words").get_vocabulary()[2:] == [
        *fold.vocabulary.first(form.vocabulary)
    ]


IN_PLAIN_KERAS = """
import json, sys
import keras, numpy as np
model = keras.models.load_model("model.keras")
texts = json.loads(sys.argv[1])
told = [
    model.predict_on_batch(np.array(texts)),
    model.predict(np.array(texts, object), verbose=0),
    model(keras.ops.convert_to_tensor(texts, "string")).numpy(),
]
ours = [name for name in sys.modules if name.startswith("studyhall")]
print(json.dumps({"told": [each[:, 0].tolist() for each in told], "ours": ours}))
"""


@pytest.mark.slow
def test_a_fresh_process_without_studyhall_reads_strings(proven: Any) -> None:
    _, found, card = proven
    texts = ["The GREAT, lovely film", "", "dull; Größe awful", "nothing known"]
    command = [sys.executable, "-I", "-c", IN_PLAIN_KERAS, json.dumps(texts)]
    answer = subprocess.run(command, cwd=found.folder, capture_output=True, text=True, check=True)
    told = json.loads(answer.stdout)
    assert told["ours"] == []
    ours = prediction.predict(found, card, new_samples.read(texts, card))
    for each in told["told"]:
        np.testing.assert_allclose(each, ours["p(yes)"], rtol=1e-5)


def written(folder: Path, kind: str) -> Any:
    """The same new texts as a source of some kind."""
    frame = reviews(seed=1, rows=12)
    texts = frame["note"].to_numpy(str)
    if kind == "table":
        frame.assign(more=1).to_csv(folder / "new.csv", index=False)
        return folder / "new.csv"
    if kind == "npz":
        np.savez(folder / "new.npz", x=texts)
        return folder / "new.npz"
    if kind == "folder":
        (folder / "texts/inner").mkdir(parents=True)
        for number, text in enumerate(texts):
            (folder / f"texts/inner/{number:02}.txt").write_text(text, encoding="utf-16")
        return folder / "texts"
    return {"frame": frame, "list": texts.tolist(), "array": texts.astype(object)}[kind]


@pytest.mark.parametrize("kind", ["table", "npz", "folder", "frame", "list", "array"])
def test_new_texts_of_any_source(proven: Any, tmp_path: Path, kind: str) -> None:
    _, found, card = proven
    samples = new_samples.read(written(tmp_path, kind), card)
    told = prediction.predict(found, card, samples)
    assert [*told] == ["file" if kind == "folder" else "row", "prediction", "p(no)", "p(yes)"]
    expected = prediction.predict(found, card, new_samples.read(written(tmp_path, "list"), card))
    np.testing.assert_array_equal(told["p(yes)"], expected["p(yes)"])
    assert samples.remarks == ("no word in 2 texts of 12: read as one unknown word",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"x.csv": "a,b\n1,2\n"}, "x.csv: received a table with a, b, expected a column note"),
        ({"x": {}}, "x: received a folder without texts, expected files that end in .txt"),
        ({"x": {"a.txt": b"\xff"}}, "x: received not UTF-8: a.txt, expected text in UTF-8"),
        ({"x.png": ""}, "x.png: received .png, expected a table, .npz, .npy or a folder of texts"),
        ({}, "x: received no such file"),
    ],
)
def test_what_is_no_text(proven: Any, tmp_path: Path, content: Any, said: str) -> None:
    for name, held in content.items():
        if isinstance(held, dict):
            (tmp_path / name).mkdir()
            for inner, raw in held.items():
                (tmp_path / name / inner).write_bytes(raw)
        else:
            (tmp_path / name).write_text(held)
    with pytest.raises(DataError) as caught:
        new_samples.read(tmp_path / next(iter(content), "x"), proven[2])
    assert said in caught.value.problems[0]


@pytest.mark.parametrize("empty", [[], np.array([], object), pd.DataFrame({"note": []})])
def test_no_texts_at_all(proven: Any, empty: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="received no samples, expected at least one"):
        new_samples.read(empty, proven[2])
    (tmp_path / "x.csv").write_text("note\n")
    with pytest.raises(DataError, match=r"x\.csv: received no samples, expected at least one"):
        new_samples.read(tmp_path / "x.csv", proven[2])


def test_numbers_are_no_texts(proven: Any) -> None:
    with pytest.raises(DataError, match="expected texts, as in training"):
        new_samples.read(np.zeros(3), proven[2])


def test_it_is_not_converted(proven: Any) -> None:
    studio, found, _ = proven
    with pytest.raises(ConfigError, match="its model takes texts, which only Keras splits"):
        conversion.of_study(studio.db, found.study)


@pytest.mark.parametrize("encoder", ["mean", "transformer"])
def test_a_trial_taken_over_equals_one_never_stopped(studio: Any, encoder: str) -> None:
    reviews().to_csv(studio.folder / "reviews.csv", index=False)
    tables = {**TABLES, "space": {**TABLES["space"], "encoder": encoder}}
    whole, broken = (
        studio.study(study={"name": name, "trials": 1}, **tables) for name in ("whole", "broken")
    )
    studio.finish(whole)
    objective = studio.worker(broken, StopAfter(2))
    assert objective.run(objective.context.store.claim()) is Outcome.HANDED_BACK
    studio.finish(broken)
    curves = [
        [
            (row["epoch"], row["value"], row["metrics"])
            for row in records.history(studio.db, records.trials(studio.db, study)[0].trial_id)
        ]
        for study in (whole, broken)
    ]
    assert curves[0] == curves[1] and len(curves[0]) == 4
    models = [_weights(studio, study) for study in (whole, broken)]
    for one, other in zip(*models, strict=True):
        np.testing.assert_array_equal(one, other)


def _weights(studio: Any, study: Any) -> list[Any]:
    (trial,) = records.trials(studio.db, study)
    path = record.objects(study).path(trial.attributes["model"])
    model = keras.models.load_model(path, compile=False)
    return [*model.get_weights(), np.array(model.get_layer("words").get_vocabulary())]
