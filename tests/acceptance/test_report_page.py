"""The report in Chromium: offline, narrow and wide, light and dark, it draws and fits."""

import io
import shutil
from typing import Any

import pytest
from PIL import Image

from studyhall.search.report import elements

CHROMIUM = shutil.which("chromium")
WAIT_MS = 120_000


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page with a figure, a wide table and a name that no line can break."""
    import plotly.graph_objects as go

    figure = go.Figure(go.Scatter(x=[1, 2], y=[3, 4]), {"height": 300})
    head = [f"column {n}" for n in range(20)]
    path = tmp_path_factory.mktemp("page") / "report.html"
    whole = elements.page(
        "compare.html",
        "x" * 90,
        {"curves": figure},
        outcomes=(head, [["value"] * 20]),
        remarks=[],
        differing=(head, []),
    )
    path.write_text(whole, encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def chromium() -> Any:
    """Debian's Chromium."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.mark.parametrize("width", [390, 1280])
def test_it_draws_offline_and_fits(chromium: Any, written: str, width: int) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 800}, offline=True)
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(written)
    page.wait_for_selector(
        "body[data-drawn] #plot-curves svg.main-svg", state="attached", timeout=WAIT_MS
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    _shaded_where_more_is(page)
    grounds = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert grounds[0] != grounds[1] and wrong == []
    context.close()


def _shaded_where_more_is(page: Any) -> None:
    """The table's side is shaded as long as more columns lie beyond it."""
    table, darkest = page.locator(".table"), []
    for scrolled in (0, 10_000):
        table.evaluate(f"e => {{ e.scrollLeft = {scrolled} }}")
        picture = Image.open(io.BytesIO(table.screenshot())).convert("L")
        edge = [picture.getpixel((picture.width - 4, picture.height - y)) for y in range(5, 15)]
        darkest.append(min(edge))
    assert darkest[0] < darkest[1] - 10
