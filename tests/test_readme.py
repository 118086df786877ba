"""The README holds: its tables are the code's, its examples run, its links lead somewhere.

The tables of keys and of hyperparameters are written by `.venv/bin/python tests/test_readme.py`.
"""

import dataclasses
import itertools
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
import pytest
import typer

from studyhall.search.cli import app, command_list
from studyhall.search.data.sources import keras_sets, sklearn_sets
from studyhall.search.diagnosis.evidence import Evidence
from studyhall.search.diagnosis.verdict import Verdict
from studyhall.search.display import json_keys
from studyhall.search.evaluation import best
from studyhall.search.retraining.confirmation import Confirmation
from studyhall.search.retraining.confirmed_trial import Confirmed
from studyhall.search.retraining.datacurve import DataCurve
from studyhall.search.retraining.replay_result import Replay
from studyhall.search.study_file import config, config_error, reference, template
from studyhall.search.study_file.sections import StudyFile
from studyhall.spaces import hyperparameters, spelling
from studyhall.spaces.legal import Hyperparameter
from studyhall.storage.database import Database, schema
from studyhall.storage.queries.at_work import Running
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.queries.status import status
from studyhall.storage.studies import studies

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")
MOST_LINES = 530
PAGES = (
    "tune",
    "service",
    "security",
    "clusters",
    "exports",
    "scripts",
    "backends",
)  # of docs/, with commands
PICTURE_BYTES = 200_000
OWN_PAGES = {"docs/text.md": "text", "docs/pretrained.md": "keras"}  # of a family alone

SHOWN = {name: app.imported(name) for name in command_list.SHOWN}
GROUPS = {name: group for name, group in SHOWN.items() if isinstance(group, typer.core.TyperGroup)}
COMMANDS = {name: command for name, command in SHOWN.items() if name not in GROUPS} | {
    f"{name} {inner}": command
    for name, group in GROUPS.items()
    for inner, command in group.commands.items()
}


# Reading the README


def section(heading: str, text: str = TEXT) -> str:
    """Return the text under a heading, up to the next one of its rank."""
    rank = heading.split(" ")[0]
    start = text.index(f"\n{heading}\n") + len(heading) + 2
    end = re.search(rf"^#{{1,{len(rank)}}} ", text[start:], re.MULTILINE)
    return text[start : start + end.start()] if end else text[start:]


def rows(text: str) -> list[str]:
    """The lines of its tables, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    heads = {i for i, line in enumerate(lines) if line.startswith("|--")}
    return [line for i, line in enumerate(lines) if not {i, i + 1} & heads]


def told(text: str, cells: int = 1) -> list[str]:
    """Return the subjects of its tables: the words in backticks of each row's first cells."""
    heads = ("|".join(line.split("|")[1 : 1 + cells]) for line in rows(text))
    return [name for head in heads for name in re.findall(r"`([^`]+)`", head)]


def code(language: str, text: str = TEXT) -> list[str]:
    """Its code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def typed() -> Iterator[list[str]]:
    """Every studyhall command of its code blocks and of those of docs/, word by word."""
    pages = [(ROOT / f"docs/{name}.md").read_text(encoding="utf-8") for name in PAGES]
    for line in "\n".join(
        block for page in (TEXT, *pages) for block in code("sh", page)
    ).splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["studyhall"]:
            yield list(itertools.takewhile(lambda word: word != ">", words[1:]))


# The generated tables


def generated() -> Iterator[tuple[Path, str, list[str]]]:
    """Page, heading and rows of the tables that the code writes."""
    yield (
        README,
        "#### Keys",
        [key_row(key) for table in StudyFile.model_fields for key in reference.of_table(table)],
    )
    elsewhere = {each.name for family in OWN_PAGES.values() for each in of_family_alone(family)}
    here = [each for each in hyperparameters.TABLE if each.name not in elsewhere]
    yield README, "#### Hyperparameters", [*map(hyperparameter_row, here)]
    for page, family in OWN_PAGES.items():
        yield ROOT / page, "## Hyperparameters", [*map(hyperparameter_row, of_family_alone(family))]


def of_family_alone(family: str) -> list[Hyperparameter]:
    """The hyperparameters that no other family has."""
    return [each for each in hyperparameters.TABLE if each.only == (family,)]


def key_row(key: reference.Key) -> str:
    """One key: what it means, what it may be, what it is unless written."""
    plain = key.expected in ("text in quotes", key.default)
    meaning = key.meaning if plain else f"{key.meaning} (*{key.expected}*)"
    default = "must be written" if key.required else f"`{key.default}`" if key.default else "–"
    return f"| `[{key.table}]` | `{key.name}` | {meaning} | {default} |"


def hyperparameter_row(each: Hyperparameter) -> str:
    """One hyperparameter; where other families have another default, it follows."""
    own = {family: getattr(each, family) for family in hyperparameters.COLUMNS[1:]}
    others = {family: value for family, value in own.items() if value not in (None, each.mlp)}
    if each.mlp is None:
        shown = [f"{family} {_shown(value)}" for family, value in others.items()]
    else:
        shown = [_shown(each.mlp), *(f"{family} {value}" for family, value in others.items())]
    default = ", ".join(shown) or "–"
    marks = "¹" * each.per_layer + "²" * each.training
    usual = each.usual or "–"
    return f"| `{each.name}` {marks} | {each.meaning} (*{each.expected()}*) | {default} | {usual} |"


def _shown(value: Any) -> str:
    return "–" if value is None else f"`{spelling.as_toml(value)}`"


def write() -> None:
    """Put the generated rows in their places."""
    for page, heading, wanted in generated():
        text = page.read_text(encoding="utf-8")
        start = text.index(f"\n{heading}\n")
        begin = text.index("\n|--", start) + 1
        begin = text.index("\n", begin) + 1
        end = text.index("\n\n", begin - 1) + 1
        text = text[:begin] + "".join(f"{row}\n" for row in wanted) + text[end:]
        page.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("page", "heading", "wanted"),
    [*generated()],
    ids=["keys", "hyperparameters", *OWN_PAGES],
)
def test_a_table_says_what_the_code_does(page: Path, heading: str, wanted: list[str]) -> None:
    found = rows(section(heading, page.read_text(encoding="utf-8")))
    assert found == wanted, "run .venv/bin/python -m tests.test_readme"


# The command line


def test_every_command_is_told_with_its_options_and_no_other() -> None:
    options = {
        name: [opt for each in command.params for opt in each.opts if opt.startswith("--")]
        for name, command in COMMANDS.items()
    }
    wanted = [each for name, own in options.items() for each in (name, *own) if each != "--storage"]
    cells = told(section("#### Every command"), 2)
    assert [split(cell.split())[0] for cell in cells] == wanted


def split(words: list[str]) -> tuple[str, list[str]]:
    """A command, of which `users add` is one, and the words after it."""
    count = 2 if words[0] in GROUPS else 1
    return " ".join(words[:count]), words[count:]


def test_who_takes_a_storage_is_told() -> None:
    without = [
        f"`{name.split()[0]}`"
        for name, command in COMMANDS.items()
        if all("--storage" not in parameter.opts for parameter in command.params)
    ]
    *first, last = dict.fromkeys(without)
    assert f"All of them but {', '.join(first)} and {last} take `--storage URL`" in TEXT


def test_every_command_that_it_types_is_one() -> None:
    shown = list(typed())
    assert {split(words)[0] for words in shown} == set(COMMANDS)
    for name, arguments in map(split, shown):
        COMMANDS[name].make_context(name, arguments)  # raises for an unknown or a wrong option


def test_every_make_target_is_one() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:`|^)make (\w+)", TEXT, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


# JSON


def blank(kind: Callable[..., Any], **known: Any) -> Any:
    """A record in which only the types of what is read matter."""
    empty = {field.name: None for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return kind(**{**empty, **known})


TRIAL = blank(TrialRecord, number=3, state="COMPLETE", value=0.5, params={}, attributes={})


def test_the_keys_of_the_json_are_told(db: Database) -> None:
    study, _ = studies.create(db, "mine", config={}, seed=0, trials=1)
    now = dataclasses.replace(
        status(db, study), incumbent=TRIAL, running=[blank(Running, number=4, held=True)]
    )
    of_status = json_keys.of_study(study, now, {})
    of_best = best.to_json(best.Best(study, TRIAL, None, None, None))
    of_trial = json_keys.of_trial(TRIAL)
    of_confirmation = Confirmation(5, 3, (Confirmed(TRIAL, ()),), ()).to_json()
    besides = [key for key in of_best if key not in of_trial]
    assert keys("A study: `status STUDY --json`, without STUDY a list") == [*of_status]
    assert keys("A worker of a study") == [*of_status["workers"][0]]
    assert keys("A trial: `trials STUDY --json`, a list") == [*of_trial]
    assert keys("A verdict") == [field.name for field in dataclasses.fields(Verdict)]
    assert keys("Evidence") == [field.name for field in dataclasses.fields(Evidence)]
    assert keys("A confirmation: `confirm STUDY --json`") == [*of_confirmation]
    assert keys("A trial of a confirmation") == [*of_confirmation["trials"][0]]
    assert keys("A replay: `replay STUDY TRIAL --json`") == [
        "study",
        *Replay(1, 1, 0.0, 0.0, None, None).to_json(),
    ]
    assert keys("The learning curve over the data: `datacurve STUDY --json`") == [
        "study",
        *DataCurve(1, (), 1, 0.0, ()).to_json(),
    ]
    assert keys("The best trial: `best STUDY --json`, with these keys besides") == besides
    assert keys("The outcome of a study") == [*of_best["outcome"]]


def keys(heading: str) -> list[str]:
    """The keys that docs/json.md tells under a heading."""
    return told(section(f"## {heading}", (ROOT / "docs/json.md").read_text(encoding="utf-8")))


# Examples


def whole(example: str) -> str:
    """A study file of an example that shows only some tables."""
    needed = {"study": 'name = "x"', "data": 'source = "sklearn:digits"'}
    tables = tomllib.loads(example)
    missing = [f"[{table}]\n{line}\n" for table, line in needed.items() if table not in tables]
    return "".join(missing) + example


@pytest.mark.parametrize("example", code("toml"))
def test_an_example_is_a_study_file_without_a_mistake(example: str) -> None:
    config.parse(whole(example), "README.md")


def test_a_mistake_reads_as_shown() -> None:
    with pytest.raises(config_error.ConfigError) as refused:
        config.parse(whole("[training]\npatience = 0\n"), "first.toml")
    assert f"`{refused.value}`" in TEXT.replace("\n", " ")


@pytest.mark.parametrize("path", sorted((ROOT / "recipes").glob("*.toml")), ids=lambda p: p.name)
def test_a_recipe_is_a_study_file_without_a_mistake(path: Path) -> None:
    assert config.load(path).study.name == path.stem


def test_a_new_study_file_is_without_a_mistake() -> None:
    assert config.parse(template.template("mine")).study.name == "mine"


def test_a_study_opens_in_optuna_as_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    opened = Database.open("sqlite:///studyhall.db")
    studies.create(opened, "first", config={}, seed=0, trials=1)
    opened.close()
    optuna.load_study(study_name="first", storage="sqlite:///studyhall.db").add_trial(
        optuna.trial.create_trial(value=0.25)
    )
    example = next(block for block in code("python") if "import optuna" in block)
    exec(example, {})
    assert "0.25" in capsys.readouterr().out


# In a process of its own, since it imports TensorFlow.
TRIED = """
import pathlib
import keras, numpy, optuna
from studyhall.search.data import loading
from studyhall.search.trial import exporting
from studyhall.search.study_file.sections import DataSection
from studyhall.spaces import user_code, user_model
from studyhall.spaces.space import read_space

here = pathlib.Path.cwd()
for python in sorted(here.glob("my_model*.py")):
    build = user_code.load(f"{python.name}:build", here, ("trial", "input_shape", "outputs"))
    space = read_space({}, family=f"{python.name}:build")
    trial = optuna.create_study().ask()
    model = user_model.build(build, trial, space, {}, (64,), 10)
    assert trial.params and model.count_params() > 640
for python in sorted(here.glob("my_data*.py")):
    found = loading.load(DataSection(source=f"{python.name}:load"), seed=0, folder=here)
    assert len(found.train) > 100
digits = loading.load(DataSection(source="sklearn:digits"), seed=0, folder=here)
model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])
raw = exporting.with_preparation(model, digits.preparation, digits.input_shape)
(here / "winner").mkdir()
exporting.save(raw, here / "winner/model.keras")
exec((here / "use.py").read_text())
"""


def test_the_python_examples_run(tmp_path: Path) -> None:
    named = {}
    for block in code("python"):
        if name := re.match(r"# (\w+\.py)\n", block):
            named[name[1]] = block
            (tmp_path / name[1]).write_text(block, encoding="utf-8")
    assert {"my_model.py", "my_data.py", "use.py"} <= named.keys()
    answer = subprocess.run(
        [sys.executable, "-c", TRIED], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert re.search(r"^\d$", answer.stdout, re.MULTILINE)  # the digit that it saw


# Everything else that it names


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"|href=\"([^\"]+)\"", TEXT)
    anchors = {anchor(heading) for heading in re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)}
    for link in filter(None, itertools.chain.from_iterable(links)):
        if link.startswith("#"):
            assert link[1:] in anchors, link
        elif "://" not in link:
            assert (ROOT / link).is_file(), link


def anchor(heading: str) -> str:
    """Return the anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_every_picture_is_small_and_shown() -> None:
    pictures = [*(ROOT / "pictures").glob("*.png"), *(ROOT / "pictures").glob("*.svg")]
    assert [each.name for each in pictures if each.stat().st_size > PICTURE_BYTES] == []
    assert [each.name for each in pictures if f"pictures/{each.name}" not in TEXT] == []


def test_every_data_set_is_named_with_its_arguments() -> None:
    data = section("## Data")
    for collection, sets in (("sklearn", sklearn_sets.SETS), ("keras", keras_sets.SETS)):
        for name, found in sets.items():
            assert f"`{collection}:{name}`" in data
            assert [a for a in found.arguments if f"`{a}`" not in data] == [], name


def test_every_table_of_the_database_is_named() -> None:
    ours = {table.removeprefix("studyhall_") for table in schema.metadata.tables}
    assert ours == set(re.findall(r"`studyhall_(\w+)`", section("### In the database")))


def test_every_variable_of_the_environment_is_named() -> None:
    sources = "".join(
        path.read_text(encoding="utf-8")
        for package in ("search", "storage", "spaces")
        for path in (ROOT / package).rglob("*.py")
    )
    read = set(re.findall(r'environ(?:\.get|\.setdefault)?[\[(]"(\w+)"', sources))
    between_processes = {"STUDYHALL_WORKER"}
    named = section("### On disk and in the environment")
    assert [each for each in read - between_processes if f"`{each}`" not in named] == []


def test_it_stays_short() -> None:
    assert len(TEXT.splitlines()) <= MOST_LINES


if __name__ == "__main__":
    write()
