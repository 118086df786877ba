"""A hook of mkdocs: what stands outside of docs/ is in the site, and the site fetches nothing."""

import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
PAGES = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
# The theme's own script fetches it; without it, nothing is found in pages opened from the disk.
FETCHED, HELD = "https://unpkg.com/iframe-worker/shim", "assets/iframe-worker.js"
FETCHES = re.compile(
    r"<(?:script|img|iframe|source)[^>]*\ssrc=.?(?:https?:)?//[^>]*>"
    r"|<link[^>]*rel=.?(?:stylesheet|preconnect|preload)[^>]*//[^>]*>"
)


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of the root and the pictures, which are where GitHub looks for them."""
    for name, place in PAGES.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / name)))
    for path in sorted((ROOT / "pictures").glob("*.[ps][nv]g")):
        files.append(File.generated(config, f"pictures/{path.name}", abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links as they are on GitHub, in the site's folders."""
    if page.file.src_uri in PAGES.values():
        markdown = markdown.replace("](docs/", "](")
    for name, place in PAGES.items():
        markdown = markdown.replace(f"]({name})", f"]({place})").replace(f"../{name})", f"{place})")
    return re.sub(r"\.\./((?:\.\./)*)pictures/", r"\1pictures/", markdown)


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """The script that comes with these pages, in place of the one that would be fetched."""
    return output.replace(FETCHED, "../" * page.url.count("/") + HELD)


def on_post_template(output_content: str, **_: Any) -> str:
    """The same in the page for addresses that lead nowhere."""
    return output_content.replace(FETCHED, HELD)


def on_post_build(config: Any) -> None:
    """Refuse a site that fetches anything from elsewhere as it opens."""
    for path in sorted(Path(config.site_dir).rglob("*.html")):
        if found := FETCHES.search(path.read_text(encoding="utf-8")):
            raise PluginError(f"{path} would fetch {found[0]}")
