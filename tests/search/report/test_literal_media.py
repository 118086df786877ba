"""Names that people have, in pages, notes, pictures and files: as they are, in every medium."""

import csv
import html
import json
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import settings
from markdown_it import MarkdownIt
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from studyhall.search.dashboard import prometheus
from studyhall.search.diagnosis import refinement
from studyhall.search.display import markdown_text, notes, plots, show
from studyhall.search.report import elements, figures, markdown, optuna_figures
from studyhall.search.study.fingerprints import Inspection
from studyhall.search.study.record import Stored
from studyhall.search.study_file import config, config_error, toml_writer
from studyhall.spaces.spelling import visible
from studyhall.storage.studies.rows import Study
from tests.search.cli.test_literal import NASTY, names, scores, status, trial


class Reader(HTMLParser):
    """The texts of a page, and its tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.feed(text)
        self.close()

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)


def words(text: str) -> str:
    return " ".join(text.split())


@names
def test_markdown_renders_it_as_it_is(name: str) -> None:
    renderer = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    for text in (
        markdown.table([name, "b"], [[name, name]]),
        f"x {markdown_text.plain(name)} x",
        notes.trial_note(
            1, 1, 0, state="FAIL", history=[], params={name: name}, reason=name, verdict=[name]
        )["dashboard:1:note_str:0"],
    ):
        read = Reader(renderer.render(str(text)))
        plain = words(visible(words(name)))
        assert plain in words("".join(read.texts))
        assert {*read.tags} <= {"table", "thead", "tbody", "tr", "th", "td", "p", "strong"}


@names
def test_a_block_of_code_holds_it(name: str) -> None:
    (token,) = MarkdownIt().parse(markdown_text.fenced(f"a\n{name}\nb", "toml"))
    assert token.type == "fence" and token.content.startswith("a\n")


@names
def test_pages_show_it_as_it_is(name: str) -> None:
    macros = elements.TEMPLATES.get_template("elements.html").module
    told = {"outcomes": ([name], [[name]]), "remarks": [name], "differing": ([], [])}
    files = dict.fromkeys(("plotly", "style", "script"), "")
    page = elements.TEMPLATES.get_template("compare.html")
    for text in (
        macros.table([name], [[name]]),
        macros.paragraphs([name]),
        macros.plot({"x": figures.bars({name: 1.0}, name)}, "x", name),
        page.render(title=name, figures={}, drawn={name: name}, **told, **files),
    ):
        read = Reader(text)
        assert name.replace("\r\n", "\n").replace("\r", "\n") in [
            each.replace("\r\n", "\n").replace("\r", "\n") for each in read.texts
        ] or name in "".join(read.texts)
        assert read.tags.count("script") in (0, 3) and "b1" not in read.tags


HISTORY = [{"epoch": n, "loss": 1 / n, "val_loss": 2 / n} for n in (1, 2, 3)]


def texts(value: Any) -> Iterator[str]:
    """Every text of a plotly figure."""
    if isinstance(value, dict):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from texts(each)
    elif isinstance(value, str):
        yield value


def figure_of(name: str) -> list[Any]:
    history = [{**row, name: 1.0, f"val_{name}": 2.0} for row in HISTORY]
    return [
        figures.bars({name: 1.0}, name),
        figures.compared({name: HISTORY}),
        figures.confusion(scores(name)),
        figures.learning_curves(history, [], name),
    ]


@settings(max_examples=30)
@names
def test_plotly_shows_it_as_it_is(name: str) -> None:
    for figure in figure_of(name):
        found = [*texts(json.loads(figure.to_json()))]
        shown = [html.unescape(each) for each in found]
        assert any(name in each or name.replace("_", " ") in each for each in shown)
        assert not any("<" in each for each in found if "<extra>" not in each)


@settings(max_examples=15, deadline=None)
@names
def test_optunas_plots_show_it_as_it_is(name: str) -> None:
    study = optuna.create_study()
    spaces = {name: optuna.distributions.CategoricalDistribution((name, "other"))}
    for value, choice in enumerate((name, "other", name)):
        study.add_trial(
            optuna.trial.create_trial(
                params={name: choice}, distributions=spaces, value=float(value)
            )
        )
    shown = optuna_figures.literal(study)
    assert [t.value for t in shown.trials] == [0.0, 1.0, 2.0]
    (figure,) = optuna_figures.slices(shown).values()
    found = [*texts(json.loads(figure.to_json()))]
    assert any(html.unescape(each) == name for each in found)
    assert not any("<b" in each.replace("<br>", "") for each in found)


@pytest.mark.sampled(5)
@pytest.mark.parametrize("name", NASTY)
def test_pictures_are_drawn_with_it(name: str) -> None:
    history = [{**row, name: 1.0, f"val_{name}": 2.0} for row in HISTORY]
    png = b"\x89PNG"
    assert plots.learning_curve_png(history, name, name).startswith(png)
    assert plots.compared_png({name: HISTORY}).startswith(png)


@names
def test_csv_holds_it(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("csv") / "trials.csv"
    show.trials_csv([trial(name)], {}, path)
    with path.open(newline="", encoding="utf-8") as file:
        head, row = csv.reader(file)
    assert dict(zip(head, row, strict=True))["reason"] == name or name == "reason"
    assert head[7] == name and row[1] == name


@names
def test_prometheus_reads_it(name: str) -> None:
    study = Study(1, "study", 0, {}, 0.0)
    family = prometheus._heartbeats([(study, status(name))])

    class Alone:
        def collect(self) -> Any:
            return [family]

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Alone())  # type: ignore[arg-type]
    text = generate_latest(registry).decode()
    (read,) = text_string_to_metric_families(text)
    assert [sample.labels["worker"] for sample in read.samples] == [name]


@names
def test_study_files_hold_it(name: str) -> None:
    tables_of = {
        "study": {"name": "x"},
        "data": {"source": "table.csv", "target": name, "group": name},
        "model": {"family": "mine.py:build"},
        "space": {name: [name, "other"], "b": {"choices": [1, 2], "when": {name: name}}},
    }
    if name == "b":
        del tables_of["space"]["b"]  # type: ignore[attr-defined]
    file = config.from_dict(tables_of)
    stored = Stored(file, Path(), Path(), Inspection("", {}))
    for text in (
        toml_writer.text(config.to_dict(file)),
        refinement.study_file(stored, "next", [], {}, 1, None, "resume it")[0],
    ):
        read = config.parse(text)
        assert (read.space, read.data) == (file.space, file.data)
        assert tomllib.loads(text)["space"] == file.space


@names
def test_mistakes_name_it_in_a_line(name: str) -> None:
    with pytest.raises(config_error.ConfigError) as error:
        config.from_dict(
            {
                "study": {"name": "x", name + "!": name},
                "data": {"source": "sklearn:iris", "task": name},
                "space": {name + "!": name, "optimizer": [name]},
                name + "!": {},
            }
        )
    assert all("\n" not in problem for problem in error.value.problems)
    assert len(error.value.problems) == 5
