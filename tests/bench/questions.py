"""The questions that are measured, as Metacontroller asks them: with all that objects carry."""

import functools
import json
from typing import NamedTuple

from composite import names
from composite.catalog import Catalog
from composite.models import JsonObject
from composite.simulate import Clock, Cluster, Gpus, gpus_in
from composite.simulate.in_process import InProcess
from presets import load_catalog

TYPE = "Standard_NC24ads_A100_v4"
WORKSPACES, MACHINES = "/workspaces/sync", "/machines/sync"

# What the API server writes of each object, beside what it is: about as much again.
WRITER = {
    "manager": "metacontroller",
    "operation": "Update",
    "apiVersion": "v1",
    "time": "2026-01-01T00:00:00Z",
    "fieldsType": "FieldsV1",
}


class Question(NamedTuple):
    """A request body and what it is about."""

    path: str
    body: bytes


@functools.cache
def catalog() -> Catalog:
    """Return the shipped catalog."""
    return load_catalog()


def gpus() -> dict[str, Gpus]:
    """Return what nodes show."""
    return gpus_in(catalog())


def a_workspace(name: str, *, count: int = 1, **wanted: object) -> JsonObject:
    """Return a Workspace that serves phi-2, or what is wanted instead."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": name, "namespace": "default"},
        "resource": {
            "count": count,
            "instanceType": TYPE,
            "labelSelector": {"matchLabels": {"apps": name}},
        },
        **(wanted or {"inference": {"preset": {"name": "phi-2"}}}),
    }


def a_tuning(name: str) -> JsonObject:
    """Return a Workspace that trains."""
    return a_workspace(
        name,
        tuning={
            "preset": {"name": "phi-2"},
            "method": "qlora",
            "input": {"urls": ["https://data.example/poems.parquet"]},
            "output": {"image": "registry.example/poems:1", "imagePushSecret": "push"},
        },
    )


def a_template(name: str) -> JsonObject:
    """Return a Workspace with a pod template of its own."""
    container = {
        "name": "server",
        "image": "registry.example/model:1",
        "args": ["--port", "5000"],
        "ports": [{"containerPort": 5000}],
        "resources": {"limits": {names.GPU: "1"}},
    }
    return a_workspace(name, inference={"template": {"spec": {"containers": [container]}}})


def settled(*workspaces: JsonObject) -> Cluster:
    """Return a cluster in which these Workspaces have come to rest."""
    clock = Clock()
    cluster = Cluster(InProcess(catalog(), clock), clock=clock, gpus=gpus())
    for workspace in workspaces:
        cluster.apply(workspace)
    cluster.run()
    return cluster


def last_question(cluster: Cluster, path: str, *, bare: bool = False) -> Question:
    """Return what was asked last of a hook; ``bare``: without managedFields."""
    found = next(x for x in reversed(cluster.requests) if x.path == path)
    return asked(path, found.request, bare=bare)


def first_question(cluster: Cluster, path: str, *, bare: bool = False) -> Question:
    """Return what was asked first of a hook; ``bare``: without managedFields."""
    found = next(x for x in cluster.requests if x.path == path)
    return asked(path, found.request, bare=bare)


def asked(path: str, request: JsonObject, *, bare: bool = False) -> Question:
    """Return a request as it is sent; ``bare``: without managedFields."""
    return Question(path, json.dumps(request if bare else managed(request)).encode())


def managed(request: JsonObject) -> JsonObject:
    """Return a request whose objects have the managedFields that the API server writes."""
    whole = {**request}
    for field in ("parent", "object"):
        if field in request:
            whole[field] = with_managed_fields(request[field])
    for field in ("children", "attachments", "related"):
        if field in request:
            whole[field] = {
                kind: {key: with_managed_fields(obj) for key, obj in group.items()}
                for kind, group in request[field].items()
            }
    return whole


def with_managed_fields(obj: JsonObject) -> JsonObject:
    """Return an object with a list of its fields, as one writer would have them all."""
    fields = {key: value for key, value in obj.items() if key not in ("apiVersion", "kind")}
    entry = {**WRITER, "fieldsV1": fields_of(fields)}
    return {**obj, "metadata": {**obj["metadata"], "managedFields": [entry]}}


def fields_of(value: object) -> JsonObject:
    """Return the fields of an object as managedFields name them."""
    if isinstance(value, dict):
        return {f"f:{key}": fields_of(item) for key, item in value.items()}
    if isinstance(value, list):
        return {
            f"k:{json.dumps(item.get('name') or number)}": {".": {}, **fields_of(item)}
            for number, item in enumerate(value)
            if isinstance(item, dict)
        }
    return {}


def converged() -> Question:
    """Return what is asked about a Workspace that serves on one node."""
    return last_question(settled(a_workspace("bench")), WORKSPACES)


def namespace_of(workspaces: int, *, bare: bool = False) -> Question:
    """Return what is asked about a Namespace with so many Workspaces that serve."""
    called = (f"bench-{number}" for number in range(workspaces))
    return last_question(settled(*map(a_workspace, called)), MACHINES, bare=bare)
