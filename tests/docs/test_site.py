"""The site of the documents builds without a warning, and asks nobody else for anything."""

import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from hooks.picture import PICTURE, picture
from hooks.site import LINK, sources, write
from presets.loading import read_yaml
from tests.docs.test_documents import ROOT, commands, environment

MKDOCS = ROOT / ".venv/docs/bin/mkdocs"
needs_mkdocs = pytest.mark.skipif(
    not MKDOCS.exists(), reason="MkDocs is not installed: `make docs` installs it and builds"
)
# Where a page names what a browser fetches by itself.
FETCHED = {"img": "src", "script": "src", "link": "href", "iframe": "src", "source": "srcset"}
ADDRESS = re.compile(r"(?:https?:)?//")


def places(nav: object) -> list[str]:
    """Return the pages of a navigation, in their order."""
    if isinstance(nav, dict):
        return [place for below in nav.values() for place in places(below)]
    if isinstance(nav, list):
        return [place for below in nav for place in places(below)]
    return [str(nav)]


def test_each_page_is_in_the_navigation_once() -> None:
    nav = places(read_yaml(ROOT / "mkdocs.yml")["nav"])
    pages = sorted((ROOT / "docs").rglob("*.md"))
    names = {f"{page.relative_to(ROOT / 'docs')}" for page in pages}
    decisions = {name for name in names if name.startswith("decisions/0")}

    assert len(nav) == len(set(nav))
    assert {place for place in nav if not place.startswith("repository/")} == names - decisions


def test_what_the_navigation_names_is_there() -> None:
    assert set(places(read_yaml(ROOT / "mkdocs.yml")["nav"])) <= set(sources(ROOT))


def a_repository(root: Path, **files: str) -> Path:
    for name, text in files.items():
        file = root / name.replace("__", "/").replace("_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("written", "built"),
    [
        ("[x](other.md#part)", "[x](other.md#part)"),
        ("[x](#part)", "[x](#part)"),
        ("[x](https://example.com/a.md)", "[x](https://example.com/a.md)"),
        ("[x](../README.md)", "[x](repository/README.md)"),
        ("[x](../README.md#part)", "[x](repository/README.md#part)"),
        ("[x](../code/run.py)", "[x](repository/code/run.py.md)"),
        ("[x](../code)", "[x](repository/code/index.md)"),
        ("![x](../code/flow.svg)", "![x](repository/code/flow.svg)"),
        ("`[x](../gone.md)`", "`[x](../gone.md)`"),
        ("```text\n[x](../gone.md)\n```", "```text\n[x](../gone.md)\n```"),
    ],
)
def test_a_link_leads_to_the_same_thing_in_the_site(
    tmp_path: Path, written: str, built: str
) -> None:
    files = {"README_md": "# R", "code__run_py": "1", "code__flow_svg": "<svg/>"}
    root = a_repository(tmp_path, docs__page_md=written, docs__other_md="# O", **files)

    assert sources(root)["page.md"] == built


def test_what_is_led_to_leads_on(tmp_path: Path) -> None:
    root = a_repository(
        tmp_path,
        docs__page_md="[code](../code/) and [back](../README.md)",
        README_md="[page](docs/page.md)",
        code__run_py="print(1)",
        code__fence_yaml="a: |\n  ```\n",
    )

    assert sources(root) == {
        "page.md": "[code](repository/code/index.md) and [back](repository/README.md)",
        "repository/README.md": "[page](../page.md)",
        "repository/code/index.md": (
            "# code\n\n* [fence.yaml](fence.yaml.md)\n* [run.py](run.py.md)\n"
        ),
        "repository/code/fence.yaml.md": "# code/fence.yaml\n\n````yaml\na: |\n  ```\n````\n",
        "repository/code/run.py.md": "# code/run.py\n\n```python\nprint(1)\n```\n",
    }


@pytest.mark.parametrize("path", ["../gone.md", "../../secret.md"])
def test_a_link_to_nothing_fails(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret.md").write_text("outside")
    root = a_repository(tmp_path / "repository", docs__page_md=f"[x]({path})")

    with pytest.raises(ValueError, match=rf"docs/page\.md: the link to {path} leads to nothing"):
        sources(root)


def test_no_page_of_the_source_has_a_link_that_leaves_it() -> None:
    pages = {name: text for name, text in sources(ROOT).items() if isinstance(text, str)}
    links = [found["path"] for text in pages.values() for found in LINK.finditer(text)]

    assert len(pages) > 50
    assert [link for link in links if link and link.startswith("/")] == []


class Fetches(HTMLParser):
    """Collects what a browser would fetch from elsewhere for a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        named = [given.get(FETCHED[tag]) or ""] if tag in FETCHED else []
        for address in (*named, given.get("style") or ""):
            if ADDRESS.search(address):
                self.found.append(f"{tag} {address}")


def fetches(file: Path) -> list[str]:
    """Return what a browser would fetch from elsewhere for a page, a style sheet or a picture."""
    text = file.read_text(encoding="utf-8")
    if file.suffix != ".html":
        return re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//[^)\"']*", text)
    parser = Fetches()
    parser.feed(text)
    return parser.found


@needs_mkdocs
def test_the_site_builds_without_a_warning_and_asks_nobody_else(tmp_path: Path) -> None:
    write(sources(ROOT), tmp_path / "pages")
    config = tmp_path / "mkdocs.yml"
    config.write_text(f"INHERIT: {ROOT / 'mkdocs.yml'}\ndocs_dir: pages\nsite_dir: site\n")

    done = subprocess.run(  # noqa: S603  (our own program)
        [MKDOCS, "build", "--strict", "--config-file", config],
        env={**environment(), "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    files = [
        file for end in ("html", "css", "svg") for file in (tmp_path / "site").rglob(f"*.{end}")
    ]
    assert len(files) > 100
    assert {file.name: fetches(file) for file in files if fetches(file)} == {}


def test_the_picture_of_the_demo_is_what_it_prints_now() -> None:
    drawn = (ROOT / PICTURE).read_text(encoding="utf-8")

    assert drawn == picture(), "run `python -m hooks.picture`"


@pytest.mark.parametrize("name", ["demo", "dataflow"])
def test_a_picture_asks_nobody_else_for_a_font(name: str) -> None:
    text = (ROOT / f"docs/{name}.svg").read_text(encoding="utf-8")

    assert "@font-face" not in text
    assert fetches(ROOT / f"docs/{name}.svg") == []


def test_the_persian_quick_start_has_the_commands_of_the_english_one() -> None:
    english = dict(commands(ROOT / "README.md"))
    persian = dict(commands(ROOT / "README.fa.md"))

    told = [command.split()[1] for command in persian]

    assert told == ["demo", "render", "plan", "render", "simulate"]
    assert persian.items() <= english.items(), "its blocks are those of README.md: copy them"


def test_the_persian_quick_start_runs_from_right_to_left_but_for_its_code() -> None:
    text = (ROOT / "README.fa.md").read_text(encoding="utf-8")
    outside = re.sub(r'<div dir="rtl".*?</div>', "", text, flags=re.DOTALL)

    assert re.search(r"[\u0600-\u06ff]", outside) is None
    assert text.count("```") == outside.count("```")
