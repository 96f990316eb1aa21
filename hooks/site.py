"""
The documents as the source of a site: ``docs/``, and each file of the repository they lead to.

``python -m hooks.site DIRECTORY`` writes it for a generator of sites, which ``mkdocs.yml`` sets up.
The site needs no address of a repository: a link that leaves ``docs/`` leads to a page below
``repository/``, which has what that file or folder has.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from posixpath import dirname, normpath, relpath

import click

ROOT = Path(__file__).parent.parent
DOCUMENTS = "docs/"
CARRIED = "repository/"
PAGE = ".md"
# What a site has as it is; all else outside of docs/ is shown as text.
PICTURES = (".svg", ".png")
LANGUAGES = {".json": "json", ".py": "python", ".sh": "shell", ".yaml": "yaml", ".yml": "yaml"}
FOLDER = "index.md"
# In order: a block of code and code in a line, which are left alone, and the target of a link.
LINK = re.compile(
    r"^(?P<fence>`{3,}).*?^(?P=fence)$|`[^`\n]+`"
    r"|\]\((?!https?:|mailto:|\#)(?P<path>[^)\s#]+)(?P<anchor>\#[^)\s]*)?\)",
    re.DOTALL | re.MULTILINE,
)


def sources(root: Path) -> dict[str, str | Path]:
    """
    Return each file of the site's source by its path in it: its text, or the file to copy.

    Args:
        root: Of the repository.

    Raises:
        ValueError: A link leads to nothing.

    """
    found: dict[str, str | Path] = {}
    waiting = sorted(
        f"{path.relative_to(root)}" for path in (root / DOCUMENTS).rglob("*") if path.is_file()
    )
    while waiting:
        place = waiting.pop()
        name = named(root, place)
        if name in found:
            continue
        found[name] = content(root, place)
        waiting += leads_to(root, place)
    return dict(sorted(found.items()))


def named(root: Path, place: str) -> str:
    """Return where in the site a file or folder of the repository is."""
    if place.startswith(DOCUMENTS):
        return place.removeprefix(DOCUMENTS)
    if (root / place).is_dir():
        readme = "README.md" if (root / place / "README.md").is_file() else FOLDER
        return f"{CARRIED}{place}/{readme}"
    return f"{CARRIED}{place}" + ("" if place.endswith((PAGE, *PICTURES)) else PAGE)


def content(root: Path, place: str) -> str | Path:
    """Return a page, or the file that is copied as it is."""
    file = root / place
    if file.is_dir():
        readme = file / "README.md"
        return content(root, f"{place}/README.md") if readme.is_file() else folder(root, place)
    if place.endswith(PAGE):
        return rewritten(root, place, file.read_text(encoding="utf-8"))
    if place.startswith(DOCUMENTS) or place.endswith(PICTURES):
        return file
    return shown(place, file.read_text(encoding="utf-8"))


def shown(place: str, text: str) -> str:
    """Return the page that shows a file."""
    longest = max((len(ticks) for ticks in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    language = LANGUAGES.get(Path(place).suffix, "text")
    return f"# {place}\n\n{fence}{language}\n{text.rstrip()}\n{fence}\n"


def folder(root: Path, place: str) -> str:
    """Return the page that lists a folder."""
    here = dirname(named(root, place))
    lines = [
        f"* [{Path(inner).name}]({relpath(named(root, inner), here)})"
        for inner in entries(root, place)
    ]
    return f"# {place}\n\n" + "\n".join(lines) + "\n"


def entries(root: Path, place: str) -> Iterator[str]:
    """Yield the files and folders in a folder, less what tools leave there."""
    for path in sorted((root / place).iterdir()):
        if not path.name.startswith((".", "__pycache__")):
            yield f"{place}/{path.name}"


def leads_to(root: Path, place: str) -> list[str]:
    """Return the files and folders that a page leads to."""
    file = root / place
    if file.is_dir() and not (file / "README.md").is_file():
        return list(entries(root, place))
    if file.is_dir():
        place, file = f"{place}/README.md", file / "README.md"
    if not place.endswith(PAGE):
        return []
    text = file.read_text(encoding="utf-8")
    return [target(root, place, m["path"]) for m in LINK.finditer(text) if m["path"]]


def target(root: Path, place: str, path: str) -> str:
    """
    Return what in the repository a link leads to.

    Raises:
        ValueError: Nothing is there.

    """
    found = normpath(f"{dirname(place)}/{path}").removeprefix("/")
    if not (root / found).exists() or found.startswith(".."):
        raise ValueError(f"{place}: the link to {path} leads to nothing")
    return found


def rewritten(root: Path, place: str, text: str) -> str:
    """Return a page with its links as they are in the site."""
    here = dirname(named(root, place))

    def link(found: re.Match[str]) -> str:
        if not found["path"]:
            return found[0]
        there = named(root, target(root, place, found["path"]))
        return f"]({relpath(there, here or '.')}{found['anchor'] or ''})"

    return LINK.sub(link, text)


def write(found: dict[str, str | Path], directory: Path) -> None:
    """Write the source of the site, with nothing else beside it."""
    shutil.rmtree(directory, ignore_errors=True)
    for name, text in found.items():
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, Path):
            shutil.copyfile(text, file)
        else:
            file.write_text(text, encoding="utf-8")


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
def main(directory: Path) -> None:
    """
    Write the source of the site into DIRECTORY, in place of what is there.

    Exit codes: 0 it is written, 1 a page leads to nothing, and which.
    """
    try:
        write(sources(ROOT), directory)
    except ValueError as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main()
