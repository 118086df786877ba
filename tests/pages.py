"""The pages of the documentation, README and CONTRIBUTING.md among them, and how to read them."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
README = ROOT / "README.md"
ALL = [README, ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]


def named(name: str) -> Path:
    """The one page of docs/ with this file name, in whatever folder it stands."""
    (path,) = DOCS.rglob(name)
    return path


def text(name: str) -> str:
    return named(name).read_text(encoding="utf-8")


def code(language: str, page: str) -> list[str]:
    """The code blocks of one language, with the indentation of a list or a tab taken off."""
    blocks = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", page, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in blocks]


def section(heading: str, page: str) -> str:
    """Return the text under a heading, up to the next one of its rank."""
    rank = heading.split(" ")[0]
    start = page.index(f"\n{heading}\n") + len(heading) + 2
    end = re.search(rf"^#{{1,{len(rank)}}} ", page[start:], re.MULTILINE)
    return page[start : start + end.start()] if end else page[start:]


def rows(page: str) -> list[str]:
    """The lines of its tables, without their heads."""
    lines = [line for line in page.splitlines() if line.startswith("|")]
    heads = {i for i, line in enumerate(lines) if line.startswith("|--")}
    return [line for i, line in enumerate(lines) if not {i, i + 1} & heads]


def told(page: str, cells: int = 1) -> list[str]:
    """Return the subjects of its tables: the words in backticks of each row's first cells."""
    heads = ("|".join(line.split("|")[1 : 1 + cells]) for line in rows(page))
    return [name for head in heads for name in re.findall(r"`([^`]+)`", head)]
