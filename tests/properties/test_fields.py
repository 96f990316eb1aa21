"""
Every field a user can set is applied or refused.

For each leaf of the Workspace's schema there is a change below. Either the answer to the changed
Workspace differs, or the Workspace is refused, or the field stands in ``INFORMATIONAL``. A leaf
without a change fails the test, so a new field cannot be forgotten.
"""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest

from composite import names
from composite.catalog import Catalog
from composite.workspace.api import WorkspaceSpec
from tests.properties.worlds import CHILD_KINDS, NAME, NAMESPACE, UID, Json, answer_of

# Fields that are kept and shown and change nothing, with the reason.
INFORMATIONAL: dict[str, str] = {
    "tuning.input.name": "a name of the data set for people; it cannot be changed later",
}

PRESET: Json = {
    "resource": {
        "count": 1,
        "instanceType": "Standard_NC24ads_A100_v4",
        "labelSelector": {
            "matchLabels": {"apps": "a"},
            "matchExpressions": [{"key": "zone", "operator": "In", "values": ["1"]}],
        },
        "preferredNodes": ["node-a"],
    },
    "inference": {
        "preset": {
            "name": "phi-2",
            "accessMode": "private",
            "presetOptions": {"image": "r.example/m/m:1", "imagePullSecrets": ["one"]},
        },
        "adapters": [
            {
                "source": {
                    "name": "ad",
                    "image": "r.example/a/a:1",
                    "imagePullSecrets": ["two"],
                },
                "strength": "0.5",
            }
        ],
    },
}
TEMPLATE: Json = {
    "resource": PRESET["resource"],
    "inference": {"template": {"spec": {"containers": [{"name": "c", "image": "nginx"}]}}},
}
# No node is preferred, so the type decides; and a model whose image is private.
UNPREFERRED: Json = {
    **PRESET,
    "resource": {k: v for k, v in PRESET["resource"].items() if k != "preferredNodes"},
}
LLAMA: Json = {
    **PRESET,
    "inference": {"preset": {**PRESET["inference"]["preset"], "name": "llama-2-7b"}},
}
TUNING: Json = {
    "resource": PRESET["resource"],
    "tuning": {
        "preset": {
            "name": "phi-2",
            "presetOptions": {"image": "r.example/m/m:1", "imagePullSecrets": ["one"]},
        },
        "method": "lora",
        "config": "first",
        "input": {
            "name": "data",
            "urls": ["https://data.example/a.parquet"],
            "imagePullSecrets": ["two"],
        },
        "output": {"image": "r.example/o/o:1", "imagePushSecret": "push"},
    },
}
TUNED_PUBLICLY: Json = {**TUNING, "tuning": {**TUNING["tuning"], "preset": {"name": "phi-2"}}}
FROM_AN_IMAGE: Json = {
    **TUNING,
    "tuning": {**TUNING["tuning"], "input": {"image": "r.example/d/d:1"}},
}
VOLUME: Json = {"persistentVolumeClaim": {"claimName": "a"}}
ON_VOLUMES: Json = {
    **TUNING,
    "tuning": {
        **TUNING["tuning"],
        "input": {"volumeSource": VOLUME},
        "output": {"volumeSource": VOLUME},
    },
}
# A Workspace that has tuned an adapter.
TUNER: Json = {
    "metadata": {"name": "tuner", "namespace": NAMESPACE, "uid": "another"},
    "tuning": {},
    "status": {"tuning": {"phase": "Succeeded", "image": "r.example/tuned/by:1"}},
}
# The ConfigMaps that there are.
CONFIGS: Json = {"first": {"LoraConfig": {"r": 8}}, "second": {"LoraConfig": {"r": 16}}}

# Leaf: a Workspace, where in it, and what to put there.
CHANGES: dict[str, tuple[Json, str, Any]] = {
    "resource.count": (PRESET, "resource.count", 2),
    "resource.instanceType": (UNPREFERRED, "resource.instanceType", "Standard_NC12s_v3"),
    "resource.labelSelector.matchLabels.*": (
        PRESET,
        "resource.labelSelector.matchLabels.apps",
        "b",
    ),
    "resource.labelSelector.matchExpressions[].key": (
        PRESET,
        "resource.labelSelector.matchExpressions.0.key",
        "rack",
    ),
    "resource.labelSelector.matchExpressions[].operator": (
        PRESET,
        "resource.labelSelector.matchExpressions.0.operator",
        "NotIn",
    ),
    "resource.labelSelector.matchExpressions[].values[]": (
        PRESET,
        "resource.labelSelector.matchExpressions.0.values.0",
        "2",
    ),
    "resource.preferredNodes[]": (PRESET, "resource.preferredNodes.0", "node-b"),
    "inference.preset.name": (PRESET, "inference.preset.name", "falcon-7b"),
    "inference.preset.accessMode": (LLAMA, "inference.preset.accessMode", "public"),
    "inference.preset.presetOptions.image": (
        PRESET,
        "inference.preset.presetOptions.image",
        "r.example/m/m:2",
    ),
    "inference.preset.presetOptions.imagePullSecrets[]": (
        PRESET,
        "inference.preset.presetOptions.imagePullSecrets.0",
        "three",
    ),
    "inference.template": (
        TEMPLATE,
        "inference.template.spec.containers.0.image",
        "apache",
    ),
    "inference.adapters[].source.name": (PRESET, "inference.adapters.0.source.name", "other"),
    "inference.adapters[].source.image": (
        PRESET,
        "inference.adapters.0.source.image",
        "r.example/a/a:2",
    ),
    "inference.adapters[].source.workspace": (
        PRESET,
        "inference.adapters.0.source",
        {"name": "ad", "workspace": "tuner"},
    ),
    "inference.adapters[].source.imagePullSecrets[]": (
        PRESET,
        "inference.adapters.0.source.imagePullSecrets.0",
        "three",
    ),
    "inference.adapters[].source.urls[]": (
        PRESET,
        "inference.adapters.0.source.urls",
        ["https://data.example/a"],
    ),
    "inference.adapters[].source.volumeSource": (
        PRESET,
        "inference.adapters.0.source.volumeSource",
        {"emptyDir": {}},
    ),
    "inference.adapters[].strength": (PRESET, "inference.adapters.0.strength", "0.25"),
    "tuning.preset.name": (TUNING, "tuning.preset.name", "falcon-7b"),
    "tuning.preset.accessMode": (TUNED_PUBLICLY, "tuning.preset.accessMode", "private"),
    "tuning.preset.presetOptions.image": (
        TUNING,
        "tuning.preset.presetOptions.image",
        "r.example/m/m:2",
    ),
    "tuning.preset.presetOptions.imagePullSecrets[]": (
        TUNING,
        "tuning.preset.presetOptions.imagePullSecrets.0",
        "three",
    ),
    "tuning.method": (TUNING, "tuning.method", "qlora"),
    "tuning.config": (TUNING, "tuning.config", "second"),
    "tuning.input.name": (TUNING, "tuning.input.name", "other"),
    "tuning.input.urls[]": (TUNING, "tuning.input.urls.0", "https://data.example/b.parquet"),
    "tuning.input.volumeSource": (
        ON_VOLUMES,
        "tuning.input.volumeSource.persistentVolumeClaim.claimName",
        "b",
    ),
    "tuning.input.image": (FROM_AN_IMAGE, "tuning.input.image", "r.example/d/d:2"),
    "tuning.input.imagePullSecrets[]": (TUNING, "tuning.input.imagePullSecrets.0", "three"),
    "tuning.output.volumeSource": (
        ON_VOLUMES,
        "tuning.output.volumeSource.persistentVolumeClaim.claimName",
        "b",
    ),
    "tuning.output.image": (TUNING, "tuning.output.image", "r.example/o/o:2"),
    "tuning.output.imagePushSecret": (TUNING, "tuning.output.imagePushSecret", "other"),
}


def leaves(schema: Json, definitions: Json, path: str = "") -> Iterator[str]:
    """Yield the path of each leaf of a JSON schema: ``a.b[].c``, ``.*`` for a map's values."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].removeprefix("#/$defs/")]
    for option in schema.get("anyOf", []):
        if option.get("type") != "null":
            yield from leaves({**schema, "anyOf": [], **option}, definitions, path)
            return
    if "properties" in schema:
        for name, part in schema["properties"].items():
            yield from leaves(part, definitions, f"{path}.{name}".lstrip("."))
    elif "items" in schema:
        yield from leaves(schema["items"], definitions, f"{path}[]")
    elif isinstance(schema.get("additionalProperties"), dict) and "x-kubernetes" not in str(schema):
        yield f"{path}.*"
    else:
        yield path


def schema_leaves() -> list[str]:
    schema = WorkspaceSpec.model_json_schema()
    return list(leaves(schema, schema["$defs"]))


def changed(workspace: Json, path: str, value: Any) -> Json:  # noqa: ANN401  (JSON)
    """Return a copy in which one place holds another value."""
    found = copy.deepcopy(workspace)
    *parents, last = path.split(".")
    place: Any = found
    for part in parents:
        place = place[int(part)] if isinstance(place, list) else place[part]
    if isinstance(place, list):
        place[int(last)] = value
    else:
        place[last] = value
    return found


def answer(written: Json, catalog: Catalog) -> Json:
    """Answer a new Workspace where two fitting nodes, named a and b, exist already."""
    nodes = {
        f"node-{letter}": {
            "metadata": {
                "name": f"node-{letter}",
                "labels": {
                    "apps": "a",
                    "zone": "1",
                    names.LABEL_INSTANCE_TYPE: "Standard_NC24ads_A100_v4",
                },
            },
            "status": {
                "conditions": [{"type": "Ready", "status": "True"}],
                "allocatable": {names.GPU: "1"},
            },
        }
        for letter in "ab"
    }
    meta = {"name": NAME, "namespace": NAMESPACE, "uid": UID, "generation": 1}
    configs = {
        f"{NAMESPACE}/{name}": {
            "metadata": {"name": name, "namespace": NAMESPACE},
            "data": {names.TRAINING_CONFIG_FILE: json.dumps({names.TRAINING_CONFIG: sections})},
        }
        for name, sections in CONFIGS.items()
    }
    named = (written.get("tuning") or {}).get("config")
    request = {
        "parent": {"metadata": meta, **written},
        "children": {kind: {} for kind in CHILD_KINDS},
        "related": {
            names.MACHINES: {},
            names.NODES: nodes,
            names.PODS: {},
            **({names.CONFIGMAPS: configs} if named else {}),
            names.WORKSPACES: {f"{NAMESPACE}/tuner": TUNER},
        },
    }
    return answer_of(request, catalog)


def is_accepted(found: Json) -> bool:
    return bool(found["status"]["conditions"][0]["status"] == "True")


@pytest.mark.parametrize("leaf", schema_leaves())
def test_a_change_of_a_field_changes_the_answer_or_is_refused(leaf: str, catalog: Catalog) -> None:
    assert leaf in CHANGES, f"say in CHANGES what becomes of {leaf}"
    workspace, path, value = CHANGES[leaf]
    before = answer(workspace, catalog)
    after = answer(changed(workspace, path, value), catalog)

    assert is_accepted(before)
    # The revision records every field; what counts is what the user gets of it.
    changes = not is_accepted(after) or effect(after) != effect(before)
    assert changes == (leaf not in INFORMATIONAL)


def effect(found: Json) -> Json:
    """Return an answer without the record of what was written: revisions, hashes of it."""
    children = [child for child in found["children"] if child["kind"] != "ControllerRevision"]
    digest = (found["status"].get("tuning") or {"hash": "none"})["hash"]
    return dict(json.loads(json.dumps({**found, "children": children}).replace(digest, "")))


def test_every_change_is_about_a_field_that_there_is() -> None:
    assert CHANGES.keys() - set(schema_leaves()) == set()
