"""Each kind of source with each family that can learn from it: search, proof, prediction.

The exported model predicts new data in a process that has Keras and no studyhall, as
`studyhall predict` does. One case of each family but the backbone is launched, with a worker
process; the others run their trials in this one, which is quicker. All but two cases are slow.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from PIL import Image

ROWS, NEW, SIDE, STEPS = 60, 4, 32, 6
BACKBONE = "keras:MobileNet(alpha=0.25)"
CLASSES = np.array(["no", "yes"])
RNG = np.random.default_rng(0)

OWN_MODEL = """
import keras
from keras import layers

def build(trial, input_shape, outputs):
    if isinstance(input_shape, dict):
        inputs = {name: keras.Input(shape, name=name) for name, shape in input_shape.items()}
        flat = layers.Concatenate()([*inputs.values()])
    else:
        inputs = keras.Input(input_shape)
        flat = layers.Flatten()(inputs)
    hidden = layers.Dense(trial.suggest_int("units", 2, 4), "relu")(flat)
    return keras.Model(inputs, layers.Dense(outputs or 1, LAST)(hidden))
"""


@dataclass
class Brought:
    """The files that a user brings.

    Attributes:
        data: keys of `[data]`.
        new: what `studyhall predict` takes; empty if it takes nothing.
        raw: the same samples as the exported model takes them; None if it takes no raw ones.
        query: for new rows of a database.
        own: further keys by table, for a model of the user's own.
    """

    data: dict[str, Any]
    new: str = ""
    raw: Any = None
    query: str = ""
    own: dict[str, Any] = field(default_factory=dict)


# What is drawn: samples and classes that depend on them.


def numbers(count: int, *shape: int) -> tuple[Any, Any]:
    x = RNG.normal(size=(count, *shape)).astype(np.float32)
    return x, CLASSES[(x.reshape(count, -1)[:, 0] > 0) * 1]


def pictures(count: int) -> tuple[Any, Any]:
    bright = np.arange(count) % 2
    x = RNG.integers(0, 120, (count, SIDE, SIDE, 3)) + 120 * bright[:, None, None, None]
    return x.astype(np.uint8), CLASSES[bright]


def texts(count: int) -> tuple[Any, Any]:
    good = np.arange(count) % 2
    said = [f"The film was {('dull', 'great')[each]} on day {n}" for n, each in enumerate(good)]
    return np.array(said), CLASSES[good]


def rows(count: int) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A table with a gap, and its rows as the exported model takes them."""
    size, kind = RNG.normal(30, 9, count).round(2), RNG.choice(["old", "new", "NA"], count)
    size[1] = np.nan
    member = RNG.choice(["True", "False"], count)
    table = pd.DataFrame({"size": size, "kind": kind, "member": member})
    raw = {"size": size, "kind": kind, "member": (member == "True") * 1.0}
    return table.assign(buys=CLASSES[(kind == "old") * 1]), raw


def as_columns(raw: dict[str, Any]) -> dict[str, Any]:
    return {name: np.asarray(values).reshape(-1, 1) for name, values in raw.items()}


# Sources


def archive(draw: Callable[[int], tuple[Any, Any]]) -> Callable[[Path], Brought]:
    def bring(folder: Path) -> Brought:
        x, y = draw(ROWS)
        np.savez(folder / "data.npz", x=x, y=y)
        new = draw(NEW)[0]
        np.save(folder / "new.npy", new)
        return Brought({"source": "data.npz"}, "new.npy", new)

    return bring


def of_rows(kind: str) -> Callable[[Path], Brought]:
    def bring(folder: Path) -> Brought:
        (table, _), (new, raw) = rows(ROWS), rows(NEW)
        taken = as_columns(raw)
        new = new.drop(columns="buys")
        if kind == "sql":
            engine = sa.create_engine(f"sqlite:///{folder}/shop.db", poolclass=sa.NullPool)
            table.to_sql("known", engine, index=False)
            new.assign(n=range(NEW)).to_sql("new", engine, index=False)
            url = "sqlite:///shop.db"
            data = {"source": url, "query": "select * from known", "target": "buys"}
            return Brought(data, url, taken, "select * from new order by n")
        if kind == "pattern":
            for part in (0, 1):
                table[part::2].to_csv(folder / f"part-{part}.csv", index=False)
            new.to_csv(folder / "new.csv", index=False)
            return Brought({"source": "part-*.csv", "target": "buys"}, "new.csv", taken)
        for name, each in (("known", table), ("new", new)):
            write = each.to_csv if kind == "csv" else each.to_parquet
            write(folder / f"{name}.{kind}", index=False)
        return Brought({"source": f"known.{kind}", "target": "buys"}, f"new.{kind}", taken)

    return bring


def of_texts(kind: str) -> Callable[[Path], Brought]:
    def bring(folder: Path) -> Brought:
        (x, y), (new, _) = texts(ROWS), texts(NEW)
        table = pd.DataFrame({"review": x, "buys": y})
        pd.DataFrame({"review": new}).to_csv(folder / "new.csv", index=False)
        if kind == "folder":
            for number, (text, name) in enumerate(zip(x, y, strict=True)):
                (folder / "texts" / name).mkdir(parents=True, exist_ok=True)
                (folder / "texts" / name / f"{number}.txt").write_text(text)
            (folder / "new").mkdir()
            for number, text in enumerate(new):
                (folder / "new" / f"{number}.txt").write_text(text)
            return Brought({"source": "texts"}, "new", new)
        if kind == "sql":
            engine = sa.create_engine(f"sqlite:///{folder}/shop.db", poolclass=sa.NullPool)
            table.to_sql("known", engine, index=False)
            data = {"source": "sqlite:///shop.db", "query": "select * from known"}
            return Brought({**data, "target": "buys"}, "new.csv", new)
        if kind == "pattern":
            for part in (0, 1):
                table[part::2].to_csv(folder / f"part-{part}.csv", index=False)
            return Brought({"source": "part-*.csv", "target": "buys"}, "new.csv", new)
        write = table.to_csv if kind == "csv" else table.to_parquet
        write(folder / f"known.{kind}", index=False)
        return Brought({"source": f"known.{kind}", "target": "buys"}, "new.csv", new)

    return bring


def class_folders(folder: Path) -> Brought:
    _write_pictures(folder / "pictures", *pictures(ROWS))
    new = _write_pictures(folder, *pictures(NEW), named=["new"] * NEW)
    return Brought({"source": "pictures"}, "new", new)


def folders_of_parts(folder: Path) -> Brought:
    for part in ("train", "validation", "test"):
        _write_pictures(folder / "pictures" / part, *pictures(ROWS // 3))
    new = _write_pictures(folder, *pictures(NEW), named=["new"] * NEW)
    return Brought({"source": "pictures"}, "new", new)


def _write_pictures(folder: Path, x: Any, y: Any, named: list[str] | None = None) -> Any:
    for number, (pixels, name) in enumerate(zip(x, named or y, strict=True)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / name / f"{number:03}.png")
    return x


def archive_of_inputs(folder: Path) -> Brought:
    """Two inputs by name, as `studyhall.Study(data=({...}, y))` keeps them."""
    (x, y), (new, _) = flat(ROWS), flat(NEW)
    np.savez(folder / "data.npz", **{'x["one"]': x[:, :2], 'x["two"]': x[:, 2:], "y": y})
    return Brought({"source": "data.npz"}, "", {"one": new[:, :2], "two": new[:, 2:]})


def series(folder: Path) -> Brought:
    level = np.sin(np.arange(150) / 5) + RNG.normal(0, 0.1, 150)
    table = pd.DataFrame({"n": np.arange(150), "level": level.round(3)})
    table.to_csv(folder / "levels.csv", index=False)
    table.assign(n=table["n"] + 150)[: STEPS + NEW - 1].to_csv(folder / "new.csv", index=False)
    data = {"source": "levels.csv", "target": "level", "split_by": "n", "windows": STEPS}
    return Brought({**data, "columns": {"n": "drop"}}, "new.csv")  # the model takes features


def function(body: str, draw: Callable[[int], Any], several: bool = False) -> Any:
    """A source that is a function of the user's, which gets the drawn arrays."""

    def bring(folder: Path) -> Brought:
        x, y = draw(ROWS)
        np.savez(folder / "drawn.npz", x=x, y=(y == "yes") * 1)
        new = draw(NEW)[0]
        np.save(folder / "new.npy", new)
        (folder / "my_data.py").write_text(
            "import keras\nimport numpy as np\nimport tensorflow as tf\n"
            "drawn = np.load('drawn.npz')\nx, y = drawn['x'], drawn['y']\n\n"
            f"def load():\n{body}"
        )
        if several:
            raw = {"one": new[:, :2], "two": new[:, 2:]}
            return Brought({"source": "my_data.py:load"}, "", raw)
        # A stream's targets are as they are, so that no loss is chosen for them.
        loss = {"training": {"loss": "binary_crossentropy"}} if body == PY_DATASET else {}
        return Brought({"source": "my_data.py:load"}, "new.npy", new, own=loss)

    return bring


ARRAYS = "    return x, y\n"
DICT = "    return {'one': x[:, :2], 'two': x[:, 2:]}, y\n"
DATASET = "    return tf.data.Dataset.from_tensor_slices((x, y)).batch(16)\n"
PY_DATASET = """
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 3

        def __getitem__(self, number):
            some = slice(20 * number, 20 * number + 20)
            return x[some], y[some, None]

    return Batches(), Batches(), Batches()
"""


def flat(count: int) -> tuple[Any, Any]:
    return numbers(count, 4)


def steps(count: int) -> tuple[Any, Any]:
    return numbers(count, STEPS, 3)


TABLES = {kind: of_rows(kind) for kind in ("csv", "parquet", "sql", "pattern")}
TEXTS = {f"texts of {k}": of_texts(k) for k in ("csv", "parquet", "sql", "pattern", "folder")}
PICTURES = {
    "npz of pictures": archive(pictures),
    "class folders": class_folders,
    "folders of parts": folders_of_parts,
}
SOURCES: dict[str, Callable[[Path], Brought]] = {
    "npz": archive(flat),
    "npz of steps": archive(steps),
    "npz of texts": archive(texts),
    "npz of inputs": archive_of_inputs,
    "windows": series,
    **TABLES,
    **TEXTS,
    **PICTURES,
    "function of arrays": function(ARRAYS, flat),
    "function of steps": function(ARRAYS, steps),
    "function of pictures": function(ARRAYS, pictures),
    "function of texts": function(ARRAYS, texts),
    "function of a Dataset": function(DATASET, flat),
    "function of a dict": function(DICT, flat, several=True),
    "function of PyDatasets": function(PY_DATASET, flat),
}
PAIRS = [
    ("npz", "mlp"),
    ("npz", "own"),
    *[("npz of steps", each) for each in ("mlp", "sequence", "own")],
    ("npz of texts", "text"),
    ("npz of inputs", "own"),
    *[("windows", each) for each in ("mlp", "sequence", "own")],
    *[(table, each) for table in TABLES for each in ("mlp", "own")],
    *[(source, "text") for source in TEXTS],
    *[(source, each) for source in PICTURES for each in ("mlp", "cnn", BACKBONE, "own")],
    *[("function of arrays", each) for each in ("mlp", "own")],
    ("function of steps", "sequence"),
    *[("function of pictures", each) for each in ("cnn", BACKBONE)],
    ("function of texts", "text"),
    *[("function of a Dataset", each) for each in ("mlp", "own")],
    ("function of a dict", "own"),
    ("function of PyDatasets", "own"),
]
USUAL = [("parquet", "mlp")]  # in the ordinary run
LAUNCHED = [
    ("csv", "mlp"),
    ("folders of parts", "cnn"),
    ("windows", "sequence"),
    ("texts of folder", "text"),
    ("function of PyDatasets", "own"),
]
SMALL = {
    "mlp": {"width": 8, "depth": 1},
    "cnn": {"width": 4, "depth": 1, "head_width": 0},
    "sequence": {"width": 4, "depth": 1},
    "text": {"vocabulary": 50, "length": 8, "embedding": 4, "width": 4, "depth": 1},
    BACKBONE: {"head_width": 0},
    "own": {},
}


PLAIN_KERAS = """
import json, sys
import keras
import numpy as np

for line in sys.stdin:
    path, inputs = json.loads(line)
    held = dict(np.load(inputs))
    held = {name: each.astype(object) if each.dtype.kind == "U" else each
            for name, each in held.items()}
    model = keras.models.load_model(path)
    taken = held["alone"] if "alone" in held else held
    found = np.asarray(model.predict_on_batch(taken)).reshape(-1).tolist()
    ours = [name for name in sys.modules if name.split(".")[0] in ("studyhall", "search")]
    print(json.dumps([found, ours]), flush=True)
"""


@pytest.fixture(scope="module")
def plain_keras(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path, Any], Any]]:
    """Predicts by an exported model in a process that has never seen studyhall."""
    folder = tmp_path_factory.mktemp("plain")
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", PLAIN_KERAS],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None

    def predict(model: Path, raw: Any) -> Any:
        np.savez(folder / "inputs.npz", **(raw if isinstance(raw, dict) else {"alone": raw}))
        process.stdin.write(json.dumps([str(model), str(folder / "inputs.npz")]) + "\n")
        process.stdin.flush()
        found, ours = json.loads(process.stdout.readline())
        assert ours == []
        return np.array(found)

    yield predict
    process.stdin.close()
    assert process.wait(280) == 0


def marked(source: str, family: str) -> Any:
    slow = [] if (source, family) in USUAL else [pytest.mark.slow]
    return pytest.param(source, family, marks=slow, id=f"{source}-{family}")


@pytest.mark.parametrize(("source", "family"), [marked(*pair) for pair in PAIRS])
def test_from_the_source_to_predictions(folder, plain_keras, source, family):
    brought = SOURCES[source](folder.path)
    last = "None" if source == "windows" else "'sigmoid'"
    folder.write("my_model.py", OWN_MODEL.replace("LAST", last))
    own = brought.own if family == "own" else {}
    named = {"family": "my_model.py:build" if family == "own" else family}
    if family == BACKBONE:
        named["weights"] = "none"
    folder.study(
        study={"name": "tried", "trials": 2},
        data=brought.data,
        model=named,
        training={"epochs": 2, **own.get("training", {})},
        space={"width": None, **SMALL[family]},
    )
    if (source, family) in LAUNCHED:
        folder.run("launch", "study.toml", "--workers", "1")
    else:
        folder.finish("study.toml", "tried")

    assert [trial.state for trial in folder.trials("tried")] == ["COMPLETE"] * 2
    (path,) = folder.path.glob("**/best/best.json")
    card = json.loads(path.read_text())
    assert card["proof"]["proven"], card["proof"]
    assert card["test"] is not None
    told = _told(folder, brought)
    raw_rows = "why" not in (card["rows"] or {})
    if brought.raw is None or not raw_rows:
        assert told is not None and len(told) == NEW
        return
    found = plain_keras(path.with_name("model.keras"), brought.raw)
    assert found.shape == (NEW,) and np.isfinite(found).all()
    if told is not None:
        np.testing.assert_allclose(found, told, rtol=1e-4, atol=1e-5)


def _told(folder: Any, brought: Brought) -> Any:
    """Return what `studyhall predict` says of the new data; None if it takes none."""
    if not brought.new:
        return None
    query = ("--query", brought.query) if brought.query else ()
    folder.here("predict", "tried", brought.new, *query, "--output", "told.csv")
    told = pd.read_csv(folder.path / "told.csv")
    shares = [name for name in told if name.startswith("p(")]
    return (told[shares[-1]] if shares else told["prediction"]).to_numpy()
