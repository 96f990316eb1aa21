"""Real requests to begin with: the golden cases, and what would be asked after their answers."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from composite import machines, names, workspace
from composite.catalog import Catalog, Provisioning
from composite.models import JsonObject
from composite.refusal import Unplannable
from tests.golden.test_golden import CASES, NOON, catalog_of, read

SYNC_WORKSPACE = "/workspaces/sync"
CUSTOMIZE_WORKSPACE = "/workspaces/customize"
SYNC_MACHINES = "/machines/sync"
CUSTOMIZE_MACHINES = "/machines/customize"
ENDPOINTS = (SYNC_WORKSPACE, CUSTOMIZE_WORKSPACE, SYNC_MACHINES, CUSTOMIZE_MACHINES)

Path = tuple[str | int, ...]

# Parts of a request, and what is in them.
PARTS = {
    "parent": "parent",
    "object": "parent",
    "children": "children",
    "attachments": "children",
    "related": "related",
}
# Of the same key so many values are remembered.
MOST_VALUES = 40


@dataclass(frozen=True)
class Seed:
    """A request that is well, for which endpoint, and by which provisioning it is answered."""

    endpoint: str
    document: JsonObject
    provisioning: str

    @cached_property
    def paths(self) -> dict[str, list[Path]]:
        """Every place of the request, by the part that it is in."""
        found: dict[str, list[Path]] = {}
        for path in places(self.document):
            found.setdefault(PARTS.get(str(path[0]), "rest"), []).append(path)
        return found


@dataclass(frozen=True)
class Corpus:
    """All seeds by endpoint, and the values that were seen by their keys."""

    seeds: dict[str, list[Seed]]
    values: dict[str, list[Any]]
    catalogs: dict[str, Catalog]

    @cached_property
    def keys(self) -> list[str]:
        """Every key that is in any request."""
        return sorted(self.values)


def places(document: JsonObject) -> Iterator[Path]:
    """Yield the path of every value below the whole."""
    waiting: list[tuple[Path, Any]] = [((), document)]
    while waiting:
        path, value = waiting.pop()
        if path:
            yield path
        if isinstance(value, dict):
            waiting += [((*path, key), item) for key, item in value.items()]
        elif isinstance(value, list):
            waiting += [((*path, index), item) for index, item in enumerate(value)]


@cache
def load_corpus() -> Corpus:
    """Read the golden cases, answer them, and ask once more as the world would be then; once."""
    seeds: dict[str, list[Seed]] = {endpoint: [] for endpoint in ENDPOINTS}
    catalogs: dict[str, Catalog] = {}
    for case in CASES:
        catalog = catalog_of(case)
        name = named(catalog.provisioning)
        catalogs.setdefault(name, catalog)
        document = without_managed_fields(read(case / "request.yaml"))
        endpoint = endpoint_of(case.parent.name, document)
        followed = [document, *after(endpoint, document, catalog)]
        seeds[endpoint] += [Seed(endpoint, each, name) for each in followed]
        if endpoint == SYNC_WORKSPACE:
            seeds[CUSTOMIZE_WORKSPACE] += [
                Seed(CUSTOMIZE_WORKSPACE, {"parent": each["parent"]}, name) for each in followed
            ]
            seeds[SYNC_MACHINES] += [
                Seed(SYNC_MACHINES, about_namespace(each, catalog), name) for each in followed[1:]
            ]
    return Corpus(seeds, values_by_key(seeds), catalogs)


def named(provisioning: Provisioning) -> str:
    """Tell one provisioning from another."""
    return provisioning.model_dump_json(exclude_defaults=True)


def endpoint_of(folder: str, document: JsonObject) -> str:
    """Return who is asked with such a request."""
    if folder == "workspace":
        return SYNC_WORKSPACE if "children" in document else CUSTOMIZE_WORKSPACE
    return SYNC_MACHINES if "attachments" in document else CUSTOMIZE_MACHINES


def without_managed_fields(document: Any) -> Any:  # noqa: ANN401  (JSON in, JSON out)
    """Leave out what is most of a request and never read."""
    if isinstance(document, dict):
        return {
            key: without_managed_fields(value)
            for key, value in document.items()
            if key != "managedFields"
        }
    return [without_managed_fields(v) for v in document] if isinstance(document, list) else document


def after(endpoint: str, document: JsonObject, catalog: Catalog) -> Iterator[JsonObject]:
    """Yield what is asked once what was answered is there."""
    if endpoint != SYNC_WORKSPACE:
        return
    for _ in range(2):
        question = workspace.Request.model_validate(document)
        try:
            answer = workspace.sync(question, catalog, NOON).to_json()
        except Unplannable:
            return
        children: JsonObject = {kind: {} for kind in document["children"]}
        for child in answer["children"]:
            kind = f"{child['kind']}.{child['apiVersion']}"
            meta = {**child["metadata"], "generation": 1, "uid": f"of-{child['metadata']['name']}"}
            children.setdefault(kind, {})[f"{meta['namespace']}/{meta['name']}"] = {
                **child,
                "metadata": meta,
            }
        parent = {**document["parent"], "status": answer["status"]}
        document = json.loads(json.dumps({**document, "parent": parent, "children": children}))
        yield document


def about_namespace(document: JsonObject, catalog: Catalog) -> JsonObject:
    """Return what is asked about the namespace of a Workspace, its Machines being there."""
    parent = document["parent"]
    meta = parent["metadata"]
    kind = {"machine": names.MACHINES, "nodeclaim": names.NODECLAIMS}.get(
        catalog.provisioning.provisioner.value, names.MACHINES
    )
    namespace = {"metadata": {"name": meta["namespace"], "uid": "a-namespace"}}
    request: JsonObject = {
        "object": namespace,
        "attachments": {kind: {}},
        "related": {names.WORKSPACES: {f"{meta['namespace']}/{meta['name']}": parent}},
        "finalizing": False,
    }
    try:
        answer = machines.sync(machines.Request.model_validate(request), catalog, NOON).to_json()
    except Unplannable:
        return request
    there = {each["metadata"]["name"]: each for each in answer["attachments"]}
    return {**request, "attachments": {kind: there}}


def values_by_key(seeds: dict[str, list[Seed]]) -> dict[str, list[Any]]:
    """Return the different values that each key has in the requests."""
    found: dict[str, dict[str, Any]] = {}
    for seed in [seed for group in seeds.values() for seed in group]:
        for path in [path for group in seed.paths.values() for path in group]:
            if isinstance(path[-1], str):
                value: Any = seed.document
                for step in path:
                    value = value[step]
                known = found.setdefault(path[-1], {})
                if len(known) < MOST_VALUES:
                    known[json.dumps(value)] = value
    return {key: list(known.values()) for key, known in found.items()}
