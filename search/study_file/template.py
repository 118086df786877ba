"""The commented study file that ``studyhall new`` writes, generated from the key definitions."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

from studyhall.search.study_file import reference
from studyhall.search.study_file.sections import StudyFile
from studyhall.spaces import hyperparameters, spelling
from studyhall.spaces.legal import Hyperparameter

WIDTH = 100  # columns

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
# Smaller ranges for a cnn, whose filters double with every block.
SEARCHED_IN_CNN = {"depth": {"low": 1, "high": 3}, "width": {"low": 16, "high": 64, "log": True}}

# Example values of keys without default.
EXAMPLES: dict[str, object] = {
    "storage": "sqlite:///studyhall.db",
    "hours": 2.0,
    "gpu_hours": 8.0,
    "confirm_top": 5,
    "human_error": 0.02,
    "warm_start": "an-earlier-study",
    "group": "patient",
    "target": "species",
    "image_size": [64, 64],
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
}


def template(name: str = "study", *, family: str = "mlp", source: str = "sklearn:digits") -> str:
    """Return a study file with every key, its meaning and its default, ready to be launched.

    Args:
        name: The study's name; illegal characters become "-".
        family: ``mlp``, ``cnn`` or the user's own; ``[space]`` lists its hyperparameters.
        source: The value of ``[data] source``.
    """
    chosen = {"name": _legal(name), "family": family, "source": source}
    blocks = [_comment(HEAD)]
    for table in (name for name in StudyFile.model_fields if name != "trials"):
        blocks.append(f"[{table}]")
        blocks += _space(family) if table == "space" else _keys(table, chosen)
    return "\n".join([*blocks, *_fixed_trial(family)])


def _legal(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip("._-")[:100] or "study"


def _keys(table: str, chosen: dict[str, str]) -> Iterator[str]:
    for key in reference.of_table(table):
        if key.name in chosen:
            value = spelling.as_toml(chosen[key.name])
        else:
            value = key.default or spelling.as_toml(EXAMPLES[key.name])
        # Leave out the type if the value itself shows what is expected.
        plain = key.expected in ("text in quotes", value)
        meaning = key.meaning if plain else f"{key.meaning} ({key.expected})"
        yield _comment(meaning) + _switched(f"{key.name} = {value}", key.name in ACTIVE)


def _space(family: str) -> Iterator[str]:
    yield _comment(SPACE_HEAD)
    searched = {**SEARCHED, **(SEARCHED_IN_CNN if family == "cnn" else {})}
    for name, each in hyperparameters.known(family).items():
        entry = spelling.as_toml(searched.get(name, _suggestion(each)))
        yield _comment(_meaning(each, family)) + _switched(f"{name} = {entry}", name in searched)


def _fixed_trial(family: str) -> Iterator[str]:
    """Yield a commented example of ``[[trials]]`` whose values lie in the searched ranges."""
    values = {name: hyperparameters.defaults(family).get(name) for name in ("optimizer", "dropout")}
    known = [f"{name} = {spelling.as_toml(value)}" for name, value in values.items() if value]
    lines = ["[[trials]]", 'name = "textbook"', *known]
    yield _comment(FIXED_HEAD) + "".join(f"#{line}\n" for line in lines)


def _meaning(each: Hyperparameter, family: str) -> str:
    default = hyperparameters.defaults(family).get(each.name)
    unwritten = "" if default is None else f"; default: {spelling.as_toml(default)}"
    per_layer = "; per_layer = true gives each layer its own" if each.per_layer else ""
    return f"{each.meaning} ({each.expected()}{unwritten}{per_layer})"


def _suggestion(each: Hyperparameter) -> object:
    """Return the usual range of a hyperparameter, as an entry of ``[space]``."""
    entry = _entry(each)
    if each.name not in WHEN:
        return entry
    inside = entry if isinstance(entry, dict) else {"choices": entry}
    return {**inside, "when": WHEN[each.name]}


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


def _comment(text: str) -> str:
    lines = textwrap.wrap(" ".join(text.split()), WIDTH - 2, break_on_hyphens=False)
    return "".join(f"# {line}\n" for line in lines)


def _switched(line: str, active: bool) -> str:
    return f"{'' if active else '#'}{line}\n"
