"""The default search is the one that the recordings chose, with the numbers that the page gives."""

import re

from studyhall.search.study_file.sections import SearchSection
from studyhall.storage.sampling import predictive_pruning as pruner
from tests import pages

PAGE = pages.text("search.md")
CHOSEN = pages.section("## How it was chosen", PAGE)
PRUNERS = ("none", "auto", "median")  # columns of the first table, after the names and the sizes


def ends():
    """The median validation losses at the end of the replays, by recording."""
    rows = [row.strip("|").split("|") for row in pages.rows(CHOSEN.split("Spearman's")[0])]
    return {
        name.strip(): [float(value.strip(" *")) for value in values[: len(PRUNERS)]]
        for name, _, *values in rows
    }


def test_the_default_pruner_is_the_one_that_is_among_the_best_two_everywhere():
    found = ends()
    assert len(found) == 5
    good = {
        each
        for at, each in enumerate(PRUNERS)
        if all(values[at] <= sorted(values)[1] for values in found.values())
    }
    assert good == {"auto"} == {SearchSection().pruner}


def test_its_bounds_are_those_that_were_replayed():
    prunes = " ".join(pages.section("## When a trial is pruned", PAGE).split())
    (latest,) = re.findall(r"median of the latest (\d+) complete trials", prunes)
    (least,) = re.findall(r"correlation of at least ([\d.]+\d)", prunes)
    assert (int(latest), float(least)) == (pruner.LATEST, pruner.PREDICTIVE)
    assert "Before ten trials are complete nothing is pruned" in prunes
    assert pruner.LEAST == 10


def test_the_default_sampler_begins_as_the_replays_did():
    found = SearchSection()
    assert (found.sampler, found.startup_trials, found.first) == ("auto", 10, "textbook")
