"""The commented study file that ``studyhall new`` writes, generated from the key definitions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import tomlkit
from tomlkit import TOMLDocument
from tomlkit.items import Comment, Item, Table, Trivia

from studyhall.search.study_file import reference, study_names, toml_writer
from studyhall.search.study_file.sections import StudyFile
from studyhall.spaces import applications, hyperparameters, spelling
from studyhall.spaces.legal import Hyperparameter

HEAD = """\
What to search, on which data, and with which budget. A key after "#", such as "#seed = 0", shows
its default, or an example if it has no default; remove the "#" to change it. Check the file with
"studyhall check", run it with "studyhall launch"."""

SPACE_HEAD = """\
Each entry is a constant, a list of choices, or a range { low, high } with log = true or a step;
numbers without a decimal point are integers. "when" makes an entry apply only if another one has
one of the given values. Hyperparameters that are not listed keep their default."""

FIXED_HEAD = """\
Fixed trials, one table each, run before the search: an optional name, and values that [space]
allows. Missing values are sampled. Fixed trials are never pruned."""

# Keys that are active in a new file; all others are commented out.
ACTIVE = {"name", "trials", "source", "family", "epochs", "patience"}
SEARCHED: dict[str, object] = {
    "learning_rate": {"low": 1e-5, "high": 1e-1, "log": True},
    "optimizer": ["adam", "adamw", "rmsprop", "nesterov"],
    "batch_size": [32, 64, 128],
    "dropout": {"low": 0.0, "high": 0.6},
    "l2": {"low": 1e-7, "high": 1e-2, "log": True},
    "depth": {"low": 1, "high": 4},
    "width": {"low": 16, "high": 256, "log": True},
}
# Smaller ranges for a cnn, whose filters double with every block, and for sequences and texts, of
# which each step is computed.
SEARCHED_IN: dict[str, dict[str, object]] = {
    "cnn": {"depth": {"low": 1, "high": 3}, "width": {"low": 16, "high": 64, "log": True}},
    "sequence": {
        "cell": ["gru", "lstm", "conv"],
        "depth": {"low": 1, "high": 3},
        "width": {"low": 8, "high": 64, "log": True},
    },
    "text": {
        "encoder": ["mean", "transformer"],
        "vocabulary": {"low": 2000, "high": 20000, "log": True},
        "length": [100, 250, 500],
        "embedding": {"low": 16, "high": 128, "log": True},
        "depth": {"low": 1, "high": 2},
        "width": {"low": 16, "high": 64, "log": True},
    },
    hyperparameters.BACKBONES: {
        "frozen": [1.0, 0.9, 0.7],
        "fine_tuning_rate": {
            "low": 0.01,
            "high": 1.0,
            "log": True,
            "when": {"frozen": [0.9, 0.7]},
        },
        "head_width": [0, 128],
    },
}

# Example values of keys without default; a table's own before those of that name in any.
EXAMPLES: dict[str, object] = {
    "storage": "sqlite:///studyhall.db",
    "hours": 2.0,
    "gpu_hours": 8.0,
    "study.target": 0.02,
    "stop_after": 50,
    "confirm_top": 5,
    "human_error": 0.02,
    "warm_start": "an-earlier-study",
    "group": "patient",
    "split_by": "date",
    "target": "species",
    "query": "select * from customers",
    "windows": 24,
    "image_size": [64, 64],
    "weights": "imagenet",
    "callbacks": "my_callbacks.py:make",
    "loss_weights": {"price": 1.0, "kind": 0.5},
    "mlflow": "http://localhost:5000",
    "samples": 10000,
    "recycle_mib": 8192,
}

# Conditions of entries that matter only for certain values of another hyperparameter.
WHEN: dict[str, dict[str, list[str]]] = {
    "momentum": {"optimizer": ["nesterov"]},
    "beta_1": {"optimizer": ["adam", "adamw"]},
    "beta_2": {"optimizer": ["adam", "adamw"]},
    "epsilon": {"optimizer": ["rmsprop", "adam", "adamw"]},
    "weight_decay": {"optimizer": ["adamw"]},
    "decay_rate": {"decay": ["inverse_time"]},
    "decay_epochs": {"decay": ["step", "exponential", "plateau"]},
    "warmup_epochs": {"decay": ["none", "inverse_time", "step", "exponential", "cosine"]},
    "bidirectional": {"cell": ["gru", "lstm"]},
    "kernel_size": {"cell": ["conv"]},
    "heads": {"encoder": ["transformer"]},
}
WHEN_IN: dict[str, dict[str, dict[str, list[str]]]] = {
    "sequence": {"activation": {"cell": ["conv"]}, "batch_norm": {"cell": ["conv"]}},
    "text": {"batch_norm": {"encoder": ["mean"]}},
}


def template(name: str = "study", *, family: str = "mlp", source: str = "sklearn:digits") -> str:
    """Return a study file with every key, its meaning and its default, ready to be launched.

    Args:
        name: The study's name; illegal characters become "-".
        family: a built-in family or the user's own; ``[space]`` lists its hyperparameters.
        source: The value of ``[data] source``.
    """
    chosen = {"name": study_names.legal(name), "family": family, "source": source}
    document = tomlkit.document()
    _say(document, HEAD)
    for table in (name for name in StudyFile.model_fields if name != "trials"):
        toml_writer.add(document, table, _table(table, family, chosen))
    document.add(tomlkit.nl())
    _say(document, FIXED_HEAD)
    _switch_off(document, _fixed_trial(family))
    return tomlkit.dumps(document)


def _table(name: str, family: str, chosen: Mapping[str, str]) -> Table:
    """A table with a comment on each key, a blank line between them."""
    table = tomlkit.table()
    if name == "space":
        _say(table, SPACE_HEAD)
    keys = _space(family) if name == "space" else _keys(name, chosen)
    for number, (key, value, meaning, active) in enumerate(keys):
        if number or name == "space":
            table.add(tomlkit.nl())
        _say(table, meaning)
        if active:
            table.append(key, value)
        else:
            _switch_off(table, toml_writer.table({key: value}).as_string())
    return table


Entry = tuple[str, Item, str, bool]  # a key, its value, its meaning, whether it is active


def _keys(table: str, chosen: Mapping[str, str]) -> Iterator[Entry]:
    for key in reference.of_table(table):
        if key.name in _without(chosen["family"]):
            continue
        if key.default and key.name not in chosen:
            value = tomlkit.value(key.default)
        else:
            examples = {**EXAMPLES, **chosen}
            own = examples.get(f"{table}.{key.name}")
            value = spelling.as_item(examples[key.name] if own is None else own)
        # Where the value shows what is expected, the words for it would be noise.
        plain = key.expected in ("text in quotes", value.as_string())
        meaning = key.meaning if plain else f"{key.meaning} ({key.expected})"
        yield key.name, value, meaning, key.name in ACTIVE


def _without(family: str) -> set[str]:
    """Return the keys that a family refuses, and such as don't go with all others then."""
    weights = set() if applications.is_named(family) else {"weights"}
    return weights | ({"windows", "split_by"} if family == "text" else set())


def _space(family: str) -> Iterator[Entry]:
    kind = hyperparameters.column(family)
    searched = {**SEARCHED, **SEARCHED_IN.get(kind, {})}
    when = {**WHEN, **WHEN_IN.get(kind, {})}
    for name, each in hyperparameters.known(family).items():
        entry = spelling.as_item(searched.get(name, _suggestion(each, when.get(name))))
        yield name, entry, _meaning(each, family), name in searched


def _fixed_trial(family: str) -> str:
    """Write an example of ``[[trials]]`` whose values lie in the searched ranges."""
    values = {name: hyperparameters.defaults(family).get(name) for name in ("optimizer", "dropout")}
    known = {name: value for name, value in values.items() if value}
    document = tomlkit.document()
    document.append("trials", toml_writer.array_of_tables([{"name": "textbook", **known}]))
    return tomlkit.dumps(document)


def _meaning(each: Hyperparameter, family: str) -> str:
    default = hyperparameters.defaults(family).get(each.name)
    unwritten = "" if default is None else f"; default: {spelling.as_toml(default)}"
    per_layer = "; per_layer = true gives each layer its own" if each.per_layer else ""
    return f"{each.meaning} ({each.expected()}{unwritten}{per_layer})"


def _suggestion(each: Hyperparameter, when: Mapping[str, list[str]] | None) -> object:
    """Return the usual range of a hyperparameter, as an entry of ``[space]``."""
    entry = _entry(each)
    if when is None:
        return entry
    inside = entry if isinstance(entry, dict) else {"choices": entry}
    return {**inside, "when": when}


def _entry(each: Hyperparameter) -> dict[str, object] | list[object]:
    if each.kind == "switch":
        return [False, True]
    if each.kind == "choice":
        return list(each.words)
    bounds = re.match(r"(\S+) … ([^\s,;]+)(, log)?", each.usual)
    number = float if each.kind == "float" else int
    if bounds is None:
        return [number(choice) for choice in each.usual.split(",")]
    log = {"log": True} if bounds[3] else {}
    return {"low": number(bounds[1]), "high": number(bounds[2]), **log}


def _say(where: TOMLDocument | Table, text: str) -> None:
    toml_writer.comment(where, " ".join(text.split()))


def _switch_off(where: TOMLDocument | Table, lines: str) -> None:
    """Add lines behind "#", without the space that comments have."""
    for line in lines.splitlines():
        where.add(Comment(Trivia(comment=f"#{line}")))
