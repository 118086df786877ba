"""The reference holds: its tables are the code's.

Tables of keys and of hyperparameters are written by `.venv/bin/python -m tests.test_reference`.
"""

import dataclasses
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import studyhall
from studyhall.search.dashboard import prometheus
from studyhall.search.dashboard.routes import ROUTES
from studyhall.search.data.sources import keras_sets, sklearn_sets
from studyhall.search.diagnosis.evidence import Evidence
from studyhall.search.diagnosis.verdict import Verdict
from studyhall.search.display import json_keys
from studyhall.search.evaluation import best
from studyhall.search.retraining.confirm_result import Confirmation
from studyhall.search.retraining.confirmed_trial import Confirmed
from studyhall.search.retraining.datacurve import DataCurve
from studyhall.search.retraining.replay_result import Replay
from studyhall.search.study_file import config, config_error, reference
from studyhall.search.study_file.sections import StudyFile
from studyhall.spaces import hyperparameters, spelling
from studyhall.spaces.legal import Hyperparameter
from studyhall.storage.database import Database, schema
from studyhall.storage.queries.at_work import Running
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.queries.status import status
from studyhall.storage.studies import studies
from tests import commands, pages
from tests.pages import rows, section, told

OWN = {"## Of texts": "text", "## Of pretrained backbones": "keras"}  # of one family only
COMMANDS = pages.text("commands.md")


# The generated tables


def generated() -> Iterator[tuple[str, str, list[str]]]:
    """Page, heading and rows of the tables that the code writes."""
    yield (
        "study_file.md",
        "## Keys",
        [key_row(key) for table in StudyFile.model_fields for key in reference.of_table(table)],
    )
    elsewhere = {each.name for family in OWN.values() for each in of_family_alone(family)}
    here = [each for each in hyperparameters.TABLE if each.name not in elsewhere]
    yield "hyperparameters.md", "## Of all families", [*map(hyperparameter_row, here)]
    for heading, family in OWN.items():
        yield "hyperparameters.md", heading, [*map(hyperparameter_row, of_family_alone(family))]
    yield "http.md", "## To write", _routes()


def _routes() -> list[str]:
    """The requests that write, with the roles that they need."""
    return [f"| `{each.method}` | `{each.path}` | {each.role} | {each.what} |" for each in ROUTES]


def _metrics(db: Database) -> list[str]:
    """The metrics that Prometheus finds."""
    found = re.findall(r"^# HELP (\w+) (.*)$", prometheus.text(db).decode(), re.MULTILINE)
    return [f"| `{name}` | {meaning} |" for name, meaning in found]


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
        path = pages.named(page)
        text = path.read_text(encoding="utf-8")
        start = f"\n{text}".index(f"\n{heading}\n")
        begin = text.index("\n", text.index("\n|--", start) + 1) + 1
        after = f"{text}\n"[begin:].partition("\n\n" if text[begin] != "\n" else "\n")[2]
        table = "".join(f"{row}\n" for row in wanted)
        path.write_text(f"{text[:begin]}{table}\n{after}".rstrip() + "\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("page", "heading", "wanted"),
    [*generated()],
    ids=["keys", "hyperparameters", *OWN.values(), "routes"],
)
def test_a_table_says_what_the_code_does(page: str, heading: str, wanted: list[str]) -> None:
    found = rows(section(heading, f"\n{pages.text(page)}"))
    assert found == wanted, "run .venv/bin/python -m tests.test_reference"


def test_every_metric_of_prometheus_is_told(db: Database) -> None:
    page = pages.text("http.md")
    told_of = [row for row in rows(section("## To read", page)) if "studyhall_" in row]
    assert told_of == _metrics(db)


def test_every_public_name_of_python_is_in_the_reference() -> None:
    told_of = re.findall(r"^::: studyhall\.(\w+)$", pages.text("python_api.md"), re.MULTILINE)
    assert {*told_of} == {*studyhall.__all__} - {"__version__"}


# The command line


def test_every_command_is_told_with_its_options_and_no_other() -> None:
    options = {
        name: [opt for each in command.params for opt in each.opts if opt.startswith("--")]
        for name, command in commands.ALL.items()
    }
    wanted = [each for name, own in options.items() for each in (name, *own) if each != "--storage"]
    cells = told(section("## Every command", COMMANDS), 2)
    assert [commands.split(cell.split())[0] for cell in cells] == wanted


def test_who_takes_a_storage_is_told() -> None:
    without = [
        f"`{name.split()[0]}`"
        for name, command in commands.ALL.items()
        if all("--storage" not in parameter.opts for parameter in command.params)
    ]
    *first, last = dict.fromkeys(without)
    assert f"All of them but {', '.join(first)} and {last} take `--storage URL`" in COMMANDS


def test_a_mistake_reads_as_shown() -> None:
    file = '[study]\nname = "x"\n[data]\nsource = "sklearn:digits"\n[training]\npatience = 0\n'
    with pytest.raises(config_error.ConfigError) as refused:
        config.parse(file, "first.toml")
    assert f"`{refused.value}`" in COMMANDS.replace("\n", " ")


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
    """The keys that the page tells under a heading."""
    return told(section(f"## {heading}", pages.text("json.md")))


# Everything else that it names


def test_every_data_set_is_named_with_its_arguments() -> None:
    data = pages.text("data_sources.md")
    for collection, sets in (("sklearn", sklearn_sets.SETS), ("keras", keras_sets.SETS)):
        for name, found in sets.items():
            assert f"`{collection}:{name}`" in data
            assert [a for a in found.arguments if f"`{a}`" not in data] == [], name


def test_every_table_of_the_database_is_named() -> None:
    ours = {table.removeprefix("studyhall_") for table in schema.metadata.tables}
    assert ours == set(re.findall(r"`studyhall_(\w+)`", pages.text("database.md")))


def test_every_variable_of_the_environment_is_named() -> None:
    sources = "".join(
        path.read_text(encoding="utf-8")
        for package in ("search", "storage", "spaces")
        for path in (pages.ROOT / package).rglob("*.py")
    )
    read = set(re.findall(r'environ(?:\.get|\.setdefault)?[\[(]"(\w+)"', sources))
    between_processes = {"STUDYHALL_WORKER"}
    named = pages.text("environment.md")
    assert [each for each in read - between_processes if f"`{each}`" not in named] == []


if __name__ == "__main__":
    write()
