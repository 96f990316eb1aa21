"""
The CustomResourceDefinitions of metacontroller.k8s.io, in our own words.

They serve an installation without another Metacontroller. What our controllers say is typed, so
that a mistake in it is refused; what only others use is kept as it is. ControllerRevision is
Metacontroller's own record of rolling updates, which we do not ask for; it wants to watch it
nevertheless.

Source: https://metacontroller.github.io/metacontroller/api/compositecontroller.html and
decoratorcontroller.html, hook.html and customize.html beside it.
"""

from charts.release import Release
from charts.values import Values
from composite.crd import workspace_crd
from composite.models import JsonObject

GROUP = "metacontroller.k8s.io"
VERSION = "v1alpha1"

Schema = JsonObject

METHODS = ("OnDelete", "Recreate", "InPlace", "RollingRecreate", "RollingInPlace")


def text(description: str, **words: object) -> Schema:
    """Return the schema of a string."""
    return {"type": "string", "description": description, **words}


def whole(description: str, **words: object) -> Schema:
    """Return the schema of a number of 32 bits."""
    return {"type": "integer", "format": "int32", "description": description, **words}


def truth(description: str) -> Schema:
    """Return the schema of a boolean."""
    return {"type": "boolean", "description": description}


def record(description: str, required: tuple[str, ...] = (), **properties: Schema) -> Schema:
    """Return the schema of an object with these fields."""
    return {
        "type": "object",
        "description": description,
        **({"required": list(required)} if required else {}),
        "properties": properties,
    }


def several(description: str, items: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "description": description, "items": items}


def anything(description: str) -> Schema:
    """Return the schema of an object that is kept as it is."""
    return {
        "type": "object",
        "description": description,
        "x-kubernetes-preserve-unknown-fields": True,
    }


RESOURCE = {
    "apiVersion": text("Group and version: apps/v1."),
    "resource": text("Plural, lower case: deployments."),
}
IGNORE_STATUS = truth("Whether a change of the parent's status alone asks no hook.")
SELECTOR = anything("A label selector.")

AUTHORIZATION = record(
    "What is sent as the header Authorization.",
    ("secretRef",),
    type=text("The scheme.", default="Bearer"),
    secretRef=record(
        "The Secret that holds it.",
        ("key", "name", "namespace"),
        name=text("Name of the Secret."),
        namespace=text("Namespace of the Secret."),
        key=text("Key in the Secret."),
    ),
)
SERVICE = record(
    "A Service of the cluster.",
    ("name", "namespace"),
    name=text("Name of the Service."),
    namespace=text("Namespace of the Service."),
    port=whole("Port of the Service. Default: 80."),
    protocol=text("http or https. Default: http."),
)
WEBHOOK = record(
    "Where a hook is asked: url, or service and path.",
    url=text("Address of the hook."),
    service=SERVICE,
    path=text("Path at the Service."),
    timeout=text("How long an answer may take: 10s.", format="duration"),
    etag=anything("Whether answers are kept by their ETag."),
    responseUnMarshallMode=text(
        "Whether unknown fields of an answer are refused.", enum=["loose", "strict"]
    ),
    caBundle=anything("Who has signed the server's certificate."),
    clientTLS=anything("The certificate that is shown to the server."),
    authorization=AUTHORIZATION,
    basicAuth=anything("User and password."),
)
HOOK = record(
    "A webhook and the form of its requests.",
    version=text("Form of the requests.", enum=["v1", "v2"], default="v1"),
    webhook=WEBHOOK,
)


def hooks(*names: str) -> Schema:
    """Return the schema of the hooks of a controller."""
    return record("The webhooks that decide.", (), **dict.fromkeys(names, HOOK))


def update_strategy(**more: Schema) -> Schema:
    """Return the schema of how children are updated."""
    method = text("How a child that differs is updated. Default: OnDelete.", enum=list(METHODS))
    return record("How children of this kind are updated.", (), method=method, **more)


def child(strategy: Schema) -> Schema:
    """Return the schema of a kind of child."""
    return record(
        "A kind of child.", ("apiVersion", "resource"), **RESOURCE, updateStrategy=strategy
    )


ENDPOINTS = several("Connection settings by host.", anything("Settings of a host."))
RESYNC = whole("How often each parent is asked about without an event, in seconds.")

COMPOSITE = record(
    "Parents with children of their own.",
    ("parentResource",),
    parentResource=record(
        "The kind of the parents.",
        ("apiVersion", "resource"),
        **RESOURCE,
        revisionHistory=anything("Which fields make a revision."),
        labelSelector=SELECTOR,
        ignoreStatusChanges=IGNORE_STATUS,
    ),
    childResources=several(
        "The kinds of the children.",
        child(update_strategy(statusChecks=anything("When a child counts as updated."))),
    ),
    hooks=hooks("customize", "sync", "finalize", "preUpdateChild", "postUpdateChild"),
    endpointConfigs=ENDPOINTS,
    resyncPeriodSeconds=RESYNC,
    generateSelector=truth("Whether children are told by a label that Metacontroller adds."),
)
DECORATOR = record(
    "Objects of others, to which something is attached.",
    ("resources",),
    resources=several(
        "The kinds of the objects.",
        record(
            "A kind of object.",
            ("apiVersion", "resource"),
            **RESOURCE,
            labelSelector=SELECTOR,
            annotationSelector=anything("An annotation selector."),
            ignoreStatusChanges=IGNORE_STATUS,
        ),
    ),
    attachments=several("The kinds of the attachments.", child(update_strategy())),
    hooks=hooks("customize", "sync", "finalize"),
    endpointConfigs=ENDPOINTS,
    resyncPeriodSeconds=RESYNC,
)


def controller_crd(kind: str, short_names: list[str], spec: Schema) -> JsonObject:
    """Return the definition of one kind of controller."""
    schema = record(
        f"A {kind} of Metacontroller.",
        ("metadata", "spec"),
        apiVersion=text(f"{GROUP}/{VERSION}."),
        kind=text(f"{kind}."),
        metadata={"type": "object"},
        spec=spec,
        status=anything("Nothing yet."),
    )
    return definition(kind, "Cluster", schema, shortNames=short_names)


def revision_crd() -> JsonObject:
    """Return the definition of ControllerRevision."""
    children = record(
        "Children of one kind.",
        ("apiGroup", "kind", "names"),
        apiGroup=text("Their group."),
        kind=text("Their kind."),
        names=several("Their names.", {"type": "string"}),
    )
    schema = record(
        "What a parent was in a rolling update.",
        ("metadata", "parentPatch"),
        apiVersion=text(f"{GROUP}/{VERSION}."),
        kind=text("ControllerRevision."),
        metadata={"type": "object"},
        parentPatch=anything("The parent's fields at the time."),
        children=several("The children that belong to it.", children),
    )
    return definition("ControllerRevision", "Namespaced", schema)


def definition(kind: str, scope: str, schema: Schema, **names: object) -> JsonObject:
    """Return a CustomResourceDefinition."""
    plural = f"{kind.lower()}s"
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{GROUP}",
            # The API server wants to be told so for groups that end in k8s.io.
            # https://github.com/kubernetes/enhancements/pull/1111
            "annotations": {
                "api-approved.kubernetes.io": "unapproved, request not yet submitted",
            },
        },
        "spec": {
            "group": GROUP,
            "scope": scope,
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                **names,
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                    "subresources": {"status": {}},
                }
            ],
        },
    }


def metacontroller_crds() -> list[JsonObject]:
    """Return the three definitions of Metacontroller."""
    return [
        controller_crd("CompositeController", ["cc", "cctl"], COMPOSITE),
        controller_crd("DecoratorController", ["dec", "decorators"], DECORATOR),
        revision_crd(),
    ]


def all_crds() -> list[JsonObject]:
    """Return all that the cluster has to know: Workspace, and what tells Metacontroller of it."""
    return [workspace_crd(), *metacontroller_crds()]


def documents(values: Values, release: Release) -> list[JsonObject]:  # noqa: ARG001  (all generators are asked alike)
    """Return what an installation needs; an existing Metacontroller has brought its own."""
    return all_crds() if values.metacontroller.mode == "private" else [workspace_crd()]
