"""A category of many values: models learn a vector for each, the exported one takes the words."""

import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from studyhall.search.data import loading
from studyhall.search.evaluation import baseline_models, best, new_samples, prediction, proof
from studyhall.search.study_file.input_sections import DataSection
from studyhall.spaces import architecture

ROWS, CODES, GROUPS = 8000, 2000, 20
SOURCE = {"source": "shops.csv", "target": "buys", "columns": {"code": "category"}}


def shops(seed=0, rows=ROWS, codes=CODES):
    """Customers of shops that belong to chains, which decide much of who buys."""
    rng = np.random.default_rng(seed)
    chain = rng.integers(0, GROUPS, codes)
    shop = rng.normal(0, 1.2, GROUPS)[chain] + rng.normal(0, 0.4, codes)
    code, age = rng.integers(0, codes, rows), rng.normal(40, 12, rows)
    chance = 1 / (1 + np.exp(-shop[code] - 0.06 * (age - 40)))
    return pd.DataFrame(
        {
            "code": 10_000 + 7 * code,  # as postal codes are: numbers that measure nothing
            "age": age.round(1),
            "buys": np.where(rng.random(rows) < chance, "yes", "no"),
        }
    )


def loaded(folder, **keys):
    shops().to_csv(folder / "shops.csv", index=False)
    return loading.load(DataSection(**SOURCE), seed=0, folder=folder, **keys)


def validated(data):
    """ROC-AUC on the validation part of a network trained on these data, at its best epoch."""
    keras.utils.set_random_seed(0)
    values = {"depth": 1, "width": 32}
    model = architecture.build("mlp", values, data.input_shape, 1, "binary", embedded=data.embedded)
    model.compile("adam", "binary_crossentropy")
    x, known = (data.preparation.apply(part.x) for part in data.split)
    best_epoch = keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
    model.fit(
        x, data.train.y, batch_size=64, epochs=12, verbose=0, callbacks=[best_epoch],
        validation_data=(known, data.validation.y),
    )  # fmt: skip
    return roc_auc_score(data.validation.y, model.predict(known, verbose=0)[:, 0])


@pytest.mark.slow
def test_vectors_tell_more_than_the_most_frequent_values_and_a_bucket(tmp_path):
    embedded, bucket = loaded(tmp_path), loaded(tmp_path, own_model=True)
    assert embedded.input_shape == (2,) and bucket.input_shape == (202,)
    vectors, most_frequent = validated(embedded), validated(bucket)
    assert vectors > most_frequent + 0.02


def test_linear_models_get_a_column_for_each_value(tmp_path):
    data = loaded(tmp_path)
    count = data.embedded[0]
    x = data.preparation.apply(data.train.x)
    wide = np.concatenate([x[:, 1:], np.eye(count)[x[:, 0].astype(int)]], axis=1)
    setting = baseline_models.Setting()
    rows = baseline_models._rows(baseline_models.LINEAR, data, data.split, data.train.x)
    assert np.array_equal(rows.toarray(), wide.astype(np.float32))
    found = baseline_models.fitted(baseline_models.LINEAR, data, data.split, setting)
    assert roc_auc_score(data.validation.y, found(data.validation.x)[:, 0]) > 0.7


@pytest.fixture(scope="module")
def finished(shared_studio):
    """A study of shops, ended: the studio, the best trial and the card of its model."""
    shops().to_csv(shared_studio.folder / "shops.csv", index=False)
    study = shared_studio.study(data=SOURCE, training={"epochs": 4})
    shared_studio.finish(study)
    card = proof.finish(shared_studio.db, study)
    return shared_studio, best.read(shared_studio.db, study), card


def test_the_card_lists_them(finished):
    _, _, card = finished
    assert card["proof"]["proven"] and card["rows"]["difference"] < 1e-5
    (code,) = [each for each in card["rows"]["columns"] if each["name"] == "code"]
    assert code["embedded"] and code["takes"] == 'text in Unicode NFC; "" where it is missing'
    assert len(code["values"]) > 1000 and card["rows"]["samples"] == ROWS // 5


IN_PLAIN_KERAS = """
import json, sys
import keras, numpy as np
model = keras.models.load_model("model.keras")
rows = {k: np.array(v).reshape(-1, 1) for k, v in json.loads(sys.argv[1]).items()}
print(json.dumps(model.predict_on_batch(rows)[:, 0].tolist()))
"""


@pytest.mark.slow
def test_raw_rows_in_a_fresh_process(finished, tmp_path):
    _, found, card = finished
    rows = pd.DataFrame({"code": ["10007", "10014", "10070", "nowhere", ""], "age": 40.0})
    told = prediction.predict(found, card, new_samples.read(rows, card))["p(yes)"]
    assert len({*told[:3].round(6)}) == 3  # each value is a number of its own
    assert np.isclose(told[3], told[4])  # values that training has not seen are one
    command = [sys.executable, "-I", "-c", IN_PLAIN_KERAS, json.dumps(rows.to_dict("list"))]
    folder: Path = found.folder
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    np.testing.assert_allclose(json.loads(answer.stdout), told, rtol=1e-5)
