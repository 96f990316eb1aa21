"""What was asked for meanwhile: of the API server by its audit log, of the hooks by theirs."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from composite.models import JsonObject
from tests.bench.fleet import Key

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
MANY = ("watch", "list")
# Neither is about a Workspace: Metacontroller reports starts, and looks which APIs there are.
ASIDE = ("events", "")


class Asked(NamedTuple):
    """
    Requests to the API server: how many of each verb, and of each verb and resource.

    ``failed`` are those that were to write and have written nothing, by the status of the answer.
    """

    verbs: Counter[str]
    resources: Counter[str]
    failed: Counter[int]

    @property
    def attempts(self) -> int:
        """How many of them were to write something."""
        return sum(count for verb, count in self.verbs.items() if verb in WRITES)

    @property
    def writes(self) -> int:
        """How many of them have written something."""
        return self.attempts - self.failed.total()

    @property
    def conflicts(self) -> int:
        """How many failed for what they were about had changed, or was there already."""
        return self.failed[HTTPStatus.CONFLICT]

    @property
    def other_failures(self) -> int:
        """How many failed for another reason."""
        return self.failed.total() - self.conflicts

    @property
    def requests(self) -> int:
        """How many there are."""
        return self.verbs.total()


class Calls(NamedTuple):
    """Questions to the hooks: how many of each, the largest in bytes, milliseconds of answers."""

    number: Counter[str]
    largest: dict[str, int]
    milliseconds: Counter[str]


def size(log: Path) -> int:
    """Return how long a log is now; 0 if there is none yet."""
    return log.stat().st_size if log.exists() else 0


def age(log: Path) -> float:
    """Return how many seconds ago something was written to a log."""
    return time.time() - log.stat().st_mtime


def lines(log: Path, since: int) -> Iterator[JsonObject]:
    """Yield what was written to a log since it was so long; what is no JSON is no line of ours."""
    with log.open("rb") as file:
        file.seek(since)
        for line in file:
            if line.startswith(b"{") and line.endswith(b"}\n"):
                yield json.loads(line)


def events(audit: Path, since: int, user: str) -> Iterator[JsonObject]:
    """Yield the requests of somebody for objects; watches and lists are not counted."""
    each_object = (event for event in lines(audit, since) if event["verb"] not in MANY)
    for event in each_object:
        what = (event.get("objectRef") or {}).get("resource", "")
        if event["user"]["username"] == user and what not in ASIDE:
            yield event


def asked(audit: Path, since: int, user: str) -> Asked:
    """Return what somebody asked the API server for since its log was so long."""
    found = list(events(audit, since, user))
    return Asked(
        Counter(event["verb"] for event in found),
        Counter(f"{event['verb']} {resource(event)}" for event in found),
        Counter(
            event["responseStatus"]["code"]
            for event in found
            if event["verb"] in WRITES and not has_succeeded(event)
        ),
    )


def has_succeeded(event: JsonObject) -> bool:
    """Tell whether a request was answered as it was meant: what failed has written nothing."""
    return bool(event["responseStatus"]["code"] < HTTPStatus.MULTIPLE_CHOICES)


def statuses(audit: Path, since: int, user: str) -> Counter[Key]:
    """Return how often somebody has written the status of each Workspace."""
    return Counter(
        Key(event["objectRef"]["namespace"], event["objectRef"]["name"])
        for event in events(audit, since, user)
        if resource(event) == "workspaces/status"
        and event["verb"] in WRITES
        and has_succeeded(event)
    )


def moments(audit: Path, since: int, user: str, what: str) -> list[str]:
    """Return when each request such as ``create machines`` was answered, in order."""
    return sorted(
        event["stageTimestamp"]
        for event in events(audit, since, user)
        if f"{event['verb']} {resource(event)}" == what
    )


def resource(event: JsonObject) -> str:
    """Return what a request is for: ``workspaces`` or ``workspaces/status``."""
    what = event["objectRef"]
    return "/".join(filter(None, (what.get("resource"), what.get("subresource"))))


def calls(hooks: Path, since: int) -> Calls:
    """Return what the hooks were asked since their log was so long."""
    number: Counter[str] = Counter()
    milliseconds: Counter[str] = Counter()
    largest: dict[str, int] = {}
    for line in lines(hooks, since):
        if "hook" in line:
            hook = line["hook"]
            number[hook] += 1
            milliseconds[hook] += line["milliseconds"]
            largest[hook] = max(largest.get(hook, 0), line.get("bytes") or 0)
    return Calls(number, largest, milliseconds)
