"""Walking the schema inside the generated CRD."""

from collections.abc import Iterator
from typing import NamedTuple

from composite.crd import RULES, workspace_crd
from composite.models import JsonObject

CRD = workspace_crd()
SCHEMA: JsonObject = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


class Rule(NamedTuple):
    """One CEL rule and the node it guards."""

    path: str
    message: str
    cel: str
    node: JsonObject

    @property
    def compares(self) -> bool:
        """Whether it compares with the object before the update."""
        return "oldSelf" in self.cel


def nodes(node: JsonObject = SCHEMA, path: str = "") -> Iterator[tuple[str, JsonObject]]:
    """Yield every node of a schema with its path, ``inference.adapters[].source``."""
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}".removeprefix("."))
    if "items" in node:
        yield from nodes(node["items"], f"{path}[]")
    if isinstance(node.get("additionalProperties"), dict):
        yield from nodes(node["additionalProperties"], f"{path}{{}}")


def rules() -> list[Rule]:
    """Return every CEL rule of the CRD."""
    return [
        Rule(path, rule["message"], rule["rule"], node)
        for path, node in nodes()
        for rule in node.get(RULES, ())
    ]
