"""The answers that one Workspace got in the course of a story, as far as they can be compared."""

import re
from collections.abc import Iterable
from typing import Any

from composite import names
from composite.simulate import objects

Json = dict[str, Any]


def sequence(exchanges: Iterable[tuple[Json, Json]], workspace: str) -> list[Json]:
    """
    Return how the answers about one Workspace changed, each as a picture.

    Args:
        exchanges: Questions of the sync hook with their answers, in their order.
        workspace: The name.

    """
    found: list[Json] = []
    for question, answer in exchanges:
        if question["parent"]["metadata"]["name"] == workspace:
            seen = picture(answer)
            if found[-1:] != [seen]:
                found.append(seen)
    return found


def picture(answer: Json) -> Json:
    """
    Return what an answer says, without what differs from one play to the next.

    That are uids and what is made of them, addresses, times, and how many restarts there were.
    """
    status = answer["status"]
    machines = status.get("machines") or ()
    known = {machine["name"]: f"machine-{machine['index']}" for machine in machines}
    return {
        "conditions": {
            one["type"]: " ".join(
                (one["status"], one["reason"], plain(one.get("message", ""), known))
            )
            for one in status["conditions"]
        },
        "machines": [f"{one['index']}: attempt {one['attempt']}" for one in machines],
        "nodes": len(status.get("workerNodes") or ()),
        "children": sorted(f"{child['kind']} {plain_name(child)}" for child in answer["children"]),
    }


def milestones(exchanges: Iterable[tuple[Json, Json]], workspace: str) -> list[Json]:
    """
    Return what the answers about one Workspace came to, each once, in the order they first came.

    Of conditions only the status: what is said meanwhile depends on who is a moment faster.
    """
    found: list[Json] = []
    for seen in sequence(exchanges, workspace):
        conditions = {kind: text.partition(" ")[0] for kind, text in seen["conditions"].items()}
        milestone = {**seen, "conditions": conditions}
        if milestone not in found:
            found.append(milestone)
    return found


def plain(message: str, known: dict[str, str]) -> str:
    """Return a message without names that are made of uids, and without times."""
    for name, other in known.items():
        message = message.replace(name, other)
    message = re.sub(r"\bws[0-9a-f]{9}\b", "machine", message)
    message = re.sub(r"aks-\S+?-vmss000000", "node", message)
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:]+Z", "then", message)


def plain_name(child: Json) -> str:
    """Return the name of a child; that of a revision is a hash."""
    name = str(child["metadata"]["name"])
    return "" if objects.kind_key(child) == names.REVISIONS else name
