"""What Metacontroller asked on a real control plane in the course of a story, kept as files."""

import copy
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from composite import names
from tests.stories.answers import picture
from tests.stories.stage import Json

FEW = 6
FOLDER = Path(__file__).parent / "recorded"


class Asked(NamedTuple):
    """One question with its answer, and the time that the hooks were told."""

    at: datetime
    path: str
    request: Json
    answer: Json

    @property
    def parent(self) -> str:
        """The name of the Workspace or Namespace that it is about."""
        return str((self.request.get("parent") or self.request["object"])["metadata"]["name"])


def write(story: str, asked: Iterable[Asked]) -> None:
    """Keep what is worth keeping of a story, in place of what was kept before."""
    folder = FOLDER / story
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        file.unlink()
    for number, each in enumerate(worth_keeping(asked), 1):
        document = {**each._asdict(), "at": each.at.isoformat(), "request": reduced(each.request)}
        text = json.dumps(document, indent=1, ensure_ascii=False)
        hook = each.path.strip("/").replace("/", "-")
        about = f"-{each.parent}" if each.path.startswith("/workspaces") else ""
        (folder / f"{number:02}-{hook}{about}.json").write_text(f"{text}\n")


def files(story: str) -> list[Path]:
    """Return what was kept of a story, in its order."""
    return sorted((FOLDER / story).glob("*.json"))


def read(file: Path) -> Asked:
    """Return one question that was kept."""
    document: Any = json.loads(file.read_text(encoding="utf-8"))
    return Asked(**{**document, "at": datetime.fromisoformat(document["at"])})


def worth_keeping(asked: Iterable[Asked]) -> Iterator[Asked]:
    """
    Yield the questions that were answered in another way than the one before them.

    Of many parents with like names those of the first. A Namespace of many Workspaces is left out:
    it is large, and nothing is asked about it that is not asked about one of few.
    """
    first: dict[tuple[str, str], str] = {}
    last: dict[tuple[str, str], object] = {}
    for each in asked:
        if len(each.request.get("related", {}).get(names.WORKSPACES, ())) > FEW:
            continue
        kin = each.path, family(each.parent)
        if first.setdefault(kin, each.parent) != each.parent:
            continue
        said = picture(each.answer) if "children" in each.answer else named(each.answer)
        if last.get(kin) != said:
            last[kin] = said
            yield each


def family(name: str) -> str:
    """Return a name without the number at its end."""
    return name.rstrip("-0123456789")


def named(answer: Json) -> list[str]:
    """Return the names of the Machines in an answer."""
    return [str(each["metadata"]["name"]) for each in answer.get("attachments", ())]


def reduced(request: Json) -> Json:
    """Return a question without what the API server notes of who wrote what, and the controller."""
    found = copy.deepcopy(request)
    found.pop("controller", None)
    drop_managed_fields(found)
    return found


def drop_managed_fields(value: object) -> None:
    """Take away what nobody reads."""
    if isinstance(value, dict):
        value.pop("managedFields", None)
        for item in value.values():
            drop_managed_fields(item)
    elif isinstance(value, list):
        for item in value:
            drop_managed_fields(item)
