"""
What the hooks of one version answered for a member of the fleet, and hooks that answer it again.

Kept as files that can be read: ``released/<folder>/<file>.yaml`` has, for each Workspace, its
status, its children and what it asked to see, and for each namespace its Machines.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from composite.models import JsonObject
from composite.simulate import Exchange
from presets.loading import read_yaml
from tests.upgrades.fleet import Member

RELEASED = Path(__file__).parent / "released"
VERSION = RELEASED / "VERSION"

HEAD = """\
# What metakaito {version} answered for fleet/{name}.yaml once it ran.
# Written by `python -m tests.upgrades release`.
"""


class Missing(LookupError):  # noqa: N818  (it says what is so)
    """There is no baseline to compare with; the message says what makes one."""


@dataclass(frozen=True)
class Answers:
    """
    The last answer to each question.

    ``workspaces`` has status, children and related of each Workspace by ``namespace/name``;
    ``machines`` the attachments of each Namespace, and as ``gone`` those that were wanted
    earlier and had done their work.
    """

    workspaces: dict[str, JsonObject]
    machines: dict[str, JsonObject]

    def call(self, path: str, body: JsonObject) -> JsonObject:
        """Answer a hook's question as it was answered then."""
        parent = (body.get("parent") or body["object"])["metadata"]
        name = parent["name"]
        if path.startswith("/workspaces"):
            name = f"{parent['namespace']}/{name}"
        known = (self.workspaces if path.startswith("/workspaces") else self.machines).get(name, {})
        match path:
            case "/workspaces/sync":
                return {"status": known["status"], "children": known["children"]}
            case "/machines/sync":
                return {"attachments": known.get("attachments", [])}
            case _:
                return {"relatedResources": known.get("related", [])}

    def with_gone(self) -> "Answers":
        """Return the answers of the time when every Machine was still wanted."""
        earlier = {
            namespace: {**known, "attachments": [*known["attachments"], *known["gone"]]}
            if known.get("gone")
            else known
            for namespace, known in self.machines.items()
        }
        return Answers(self.workspaces, earlier)

    @property
    def objects(self) -> dict[tuple[str, str], JsonObject]:
        """Everything that was wanted in the end, by kind and name."""
        wanted = [
            *(child for known in self.workspaces.values() for child in known["children"]),
            *(each for known in self.machines.values() for each in known["attachments"]),
        ]
        return {(obj["kind"], obj["metadata"]["name"]): obj for obj in wanted}


def last_answers(exchanges: Iterable[Exchange]) -> Answers:
    """Return what was answered last, and which Machines were wanted before and are not now."""
    workspaces: dict[str, JsonObject] = {}
    machines: dict[str, JsonObject] = {}
    wanted: dict[str, dict[str, JsonObject]] = {}
    for exchange in exchanges:
        answer = exchange.response
        if answer is None:
            continue
        parent = (exchange.request.get("parent") or exchange.request["object"])["metadata"]
        if exchange.path.startswith("/workspaces"):
            known = workspaces.setdefault(f"{parent['namespace']}/{parent['name']}", {})
            known.update(
                {"related" if k == "relatedResources" else k: v for k, v in answer.items()}
            )
            known.pop("resyncAfterSeconds", None)
        elif exchange.path == "/machines/sync":
            known = machines.setdefault(parent["name"], {})
            known["attachments"] = answer["attachments"]
            for each in answer["attachments"]:
                wanted.setdefault(parent["name"], {})[each["metadata"]["name"]] = each
        else:
            machines.setdefault(parent["name"], {})["related"] = answer["relatedResources"]
    for namespace, known in machines.items():
        left = {each["metadata"]["name"] for each in known["attachments"]}
        gone = [each for name, each in wanted.get(namespace, {}).items() if name not in left]
        known.update({"gone": gone} if gone else {})
    return Answers(workspaces, machines)


def file_of(name: str) -> Path:
    """Return where the answers for a member are kept."""
    return RELEASED / f"{name}.yaml"


def released(member: Member) -> Answers:
    """
    Return what the last released version answered.

    Raises:
        Missing: Nothing is kept for this member.

    """
    path = file_of(member.name)
    if not path.exists():
        raise Missing(
            f"{member.name}: no answer of a released version is kept for it: "
            "`python -m tests.upgrades release --new` keeps today's"
        )
    found = read_yaml(path)
    return Answers(found.get("workspaces") or {}, found.get("machines") or {})


def keep(member: Member, answers: Answers, version: str) -> None:
    """Write the answers down."""
    path = file_of(member.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"workspaces": answers.workspaces, "machines": answers.machines}
    text = yaml.dump(content, Dumper=Readable, width=100, allow_unicode=True)
    path.write_text(HEAD.format(version=version, name=member.name) + text, encoding="utf-8")


def released_version() -> str:
    """
    Return the version that the answers are of.

    Raises:
        Missing: There are none.

    """
    if not VERSION.exists():
        raise Missing("there is no baseline: `python -m tests.upgrades release` makes one")
    return VERSION.read_text(encoding="utf-8").strip()


class Readable(yaml.SafeDumper):
    """YAML without references to other places: each answer can be read from top to bottom."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  (overridden)
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


Readable.add_representer(str, _text)
