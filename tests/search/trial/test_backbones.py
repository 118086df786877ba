"""Studies of networks of keras.applications: weights, refusals, takeover, proof, the export."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from studyhall.search.evaluation import best, new_samples, prediction, proof, round_trip
from studyhall.search.study import fingerprints, inspection
from studyhall.search.study_file import config
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.trial.context import Outcome
from studyhall.spaces import applications, backbone
from studyhall.storage.queries import records
from tests.stop_after import StopAfter

FAMILY = "keras:MobileNet(alpha=0.25)"
WEIGHTS = "own.weights.h5"


def photos(folder: Path, side: int = 32, channels: int = 3) -> None:
    """Pieces of two real photographs, which are the classes."""
    rng, x, y = np.random.default_rng(0), [], []
    for number in range(60):
        photo = load_sample_images().images[number % 2]
        top, left = (int(rng.integers(0, size - side)) for size in photo.shape[:2])
        x.append(photo[top : top + side, left : left + side, :channels])
        y.append(("temple", "flower")[number % 2])
    np.savez(folder / "photos.npz", x=np.stack(x), y=np.array(y))


def save_weights(folder: Path, seed: int = 0) -> None:
    """A file of weights as if somebody had trained them."""
    keras.utils.set_random_seed(seed)
    backbone._made(applications.read(FAMILY)).save_weights(folder / WEIGHTS)


TABLES: dict[str, dict[str, Any]] = {
    "data": {"source": "photos.npz"},
    "model": {"family": FAMILY, "weights": WEIGHTS},
    "training": {"epochs": 3},
    "space": {
        "width": None,
        "frozen": [1.0, 0.95],
        "fine_tuning_rate": 0.5,
        "head_width": [0, 4],
        "learning_rate": 0.01,
        "flip": True,
    },
}


@pytest.fixture(scope="module")
def proven(shared_studio: Any) -> tuple[Any, Any, dict[str, Any]]:
    """A study of photos, ended: the studio, its best trial, its card."""
    photos(shared_studio.folder)
    save_weights(shared_studio.folder)
    study = shared_studio.study(**TABLES)
    shared_studio.finish(study)
    card = proof.finish(shared_studio.db, study)
    return shared_studio, best.read(shared_studio.db, study), card


@pytest.mark.slow
def test_it_is_proven(proven: Any) -> None:
    _, found, card = proven
    assert card["proven"] and card["input_shape"] == [32, 32, 3]
    assert found.trial.attributes["values"]["frozen"] in (1.0, 0.95)
    assert card["load"] == ["import keras", 'model = keras.models.load_model("model.keras")']


IN_PLAIN_KERAS = """
import json, sys
import keras, numpy as np
model = keras.models.load_model("model.keras")
told = model.predict(np.load(sys.argv[1])["x"], verbose=0)
print(json.dumps([told[:, 0].tolist(), [n for n in sys.modules if n.startswith("studyhall")]]))
"""


@pytest.mark.slow
def test_a_fresh_process_without_studyhall_takes_raw_pixels(proven: Any) -> None:
    studio, found, card = proven
    source = str(studio.folder / "photos.npz")
    command = [sys.executable, "-I", "-c", IN_PLAIN_KERAS, source]
    answer = subprocess.run(command, cwd=found.folder, capture_output=True, text=True, check=True)
    told, ours = json.loads(answer.stdout)
    expected = prediction.predict(found, card, new_samples.read(source, card))
    np.testing.assert_allclose(told, expected["p(temple)"], rtol=1e-4)
    assert ours == []


@pytest.mark.slow
@pytest.mark.sampled(1)
@pytest.mark.parametrize("weights", [WEIGHTS, "none"])
def test_a_trial_taken_over_equals_one_never_stopped(studio: Any, weights: str) -> None:
    photos(studio.folder)
    save_weights(studio.folder)
    model = {"family": FAMILY, "weights": weights}
    tables = {**TABLES, "model": model, "space": {**TABLES["space"], "frozen": 0.95}}
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
    assert curves[0] == curves[1] and len(curves[0]) == 3


def problems(studio: Any, **changes: Any) -> list[str]:
    """The messages of a launch on a study file."""
    tables = {table: {**TABLES[table], **changes.get(table, {})} for table in TABLES}
    path = studio.write(**tables)
    with pytest.raises(ConfigError) as caught:
        inspection.inspect(config.load(path), path, tried=round_trip.refuse)
    return [line.removeprefix("study.toml: ") for line in caught.value.problems]


def test_weights_that_do_not_fit_are_refused_at_the_launch(studio: Any) -> None:
    photos(studio.folder)
    (told,) = problems(studio)
    assert told.startswith(f'[model] weights: received "{WEIGHTS}", which does not exist (')
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save_weights(
        studio.folder / WEIGHTS
    )
    (told,) = problems(studio)
    assert told.startswith(f'[model] weights: received "{WEIGHTS}" (')
    assert told.endswith(
        "expected weights of keras.applications.MobileNet with include_top=False; or none, which"
        " draws them at random"
    )


@pytest.mark.parametrize(
    ("side", "changes", "said"),
    [
        (
            8,
            {},
            "[space] resolution: received nothing, for pictures of 8×8, expected 32 and more for"
            ' family = "keras:MobileNet"',
        ),
        (
            40,
            {"model": {"family": "keras:InceptionV3"}, "space": {"resolution": [40, 80]}},
            "[space] resolution: received 40, expected 75 and more for family ="
            ' "keras:InceptionV3"',
        ),
        (
            32,
            {"data": {"source": "sklearn:wine"}},
            "[data] source: received samples of shape (13,), expected pictures (height, width, 1"
            ' or 3), which family = "keras:MobileNet" takes',
        ),
    ],
)
def test_samples_that_do_not_fit_are_refused_at_the_launch(
    studio: Any, side: int, changes: dict[str, Any], said: str
) -> None:
    photos(studio.folder, side)
    save_weights(studio.folder)
    assert problems(studio, **changes) == [said]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": {"family": "mlp", "weights": WEIGHTS}}, '[model] weights: received "own.weig'),
        ({"data": {"normalize": "none"}}, '[data] normalize: received "none" with family = "ker'),
        ({"model": {"weights": "x.png"}}, '[model] weights: received "x.png", expected "imagen'),
        ({"model": {"family": "keras:VGG"}}, '[model] family: received "keras:VGG", expected af'),
        ({"space": {"depth": 2}}, "[space] depth: received an unknown hyperparameter, expected"),
    ],
)
def test_keys_that_do_not_fit(studio: Any, changes: dict[str, Any], said: str) -> None:
    tables = {table: {**TABLES[table], **changes.get(table, {})} for table in TABLES}
    with pytest.raises(ConfigError) as caught:
        config.load(studio.write(**tables))
    assert any(said in line for line in caught.value.problems), caught.value.problems


def test_other_weights_than_a_study_began_with_are_another_study(studio: Any) -> None:
    photos(studio.folder)
    save_weights(studio.folder)
    path = studio.write(**TABLES)
    first = inspection.inspect(config.load(path), path)
    save_weights(studio.folder, seed=1)
    (line,) = fingerprints.differing(first, inspection.inspect(config.load(path), path))
    assert line.startswith(f"{WEIGHTS}: received a file with SHA-256")


def test_random_weights_are_said_plainly(studio: Any) -> None:
    photos(studio.folder)
    path = studio.write(**{**TABLES, "model": {"family": FAMILY, "weights": "none"}})
    notes = inspection.inspect(config.load(path), path).about["notes"]
    assert notes[0] == f'{FAMILY} begins with random weights, as [model] weights = "none" says'


@pytest.mark.slow
def test_grey_pictures_enlarged_in_the_model(studio: Any) -> None:
    photos(studio.folder, side=16, channels=1)
    space = {"width": None, "resolution": 32, "frozen": 0.5, "learning_rate": 0.01}
    tables = {**TABLES, "model": {"family": FAMILY, "weights": "none"}, "training": {"epochs": 1}}
    study = studio.study(study={"name": "grey", "trials": 1}, **{**tables, "space": space})
    studio.finish(study)
    assert proof.finish(studio.db, study)["proven"]
