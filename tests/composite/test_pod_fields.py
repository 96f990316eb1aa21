"""The names of a pod template's fields, and what is said of one that is none."""

import json
from importlib.resources import files

import pytest

from composite.catalog import Catalog
from composite.models import JsonObject
from composite.workspace.pod_fields import FIELDS, KUBERNETES, TEMPLATE, fields_of
from composite.workspace.rules import notes
from composite.workspace.template import UnknownField, unknown_fields
from tests.composite.makers import a_spec, a_template

CORE = "io.k8s.api.core.v1."
HINT = "it is dropped, or refused with server-side apply"


def published() -> dict[str, dict[str, str]]:
    """Return the fields of a pod template and of all in it, as Kubernetes publishes them."""
    folder = files("kubernetes_validate") / "kubernetes-json-schema" / f"v{KUBERNETES}.0-local"
    schemas = json.loads((folder / "_definitions.json").read_text(encoding="utf-8"))["$defs"]
    found: dict[str, dict[str, str]] = {}
    waiting = [f"{CORE}{TEMPLATE}"]
    while waiting:
        name = waiting.pop()
        if short(name) in found:
            continue
        properties = schemas[name]["properties"]
        inner = {field: inner_type(schema) for field, schema in properties.items()}
        objects = {field: kind for field, kind in inner.items() if "properties" in schemas[kind]}
        found[short(name)] = {field: short(objects.get(field, "")) for field in properties}
        waiting += objects.values()
    return found


def inner_type(schema: JsonObject) -> str:
    """Return the type of a field, or of the items of a list; any without fields for a value."""
    reference = schema.get("$ref") or schema.get("items", {}).get("$ref")
    return (reference or "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1").rpartition("/")[2]


def short(name: str) -> str:
    return name.rpartition(".")[2]


def test_the_table_is_what_kubernetes_publishes() -> None:
    assert {kind: fields_of(kind) for kind in FIELDS} == published()


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ({"spec": {"containers": [{"name": "a", "image": "b"}]}}, []),
        ({"metadata": {"labels": {"any": "x"}}, "spec": {"nodeSelector": {"any": "x"}}}, []),
        ({"specc": {}}, [("specc", ["spec"])]),
        ({"metadata": {"lables": {}}}, [("metadata.lables", ["labels"])]),
        ({"spec": {"contaners": []}}, [("spec.contaners", ["containers"])]),
        (
            {"spec": {"containers": [{"name": "a"}, {"imagee": "x", "image": "y"}]}},
            [("spec.containers[1].imagee", [])],
        ),
        (
            {"spec": {"containers": [{"env": [{"name": "A", "valueForm": {}}]}]}},
            [("spec.containers[0].env[0].valueForm", ["valueFrom"])],
        ),
        (
            {"spec": {"volumes": [{"emptyDir": {"size": 1}}, {"pvc": {}}]}},
            [("spec.volumes[0].emptyDir.size", ["sizeLimit"]), ("spec.volumes[1].pvc", [])],
        ),
        ({"z": 1, "b": 1, "spec": {"a": 1}}, [("b", []), ("z", []), ("spec.a", [])]),
        ({"spec": "x", "metadata": [1, None, {"x": 1}]}, [("metadata[2].x", [])]),
        ({"x" * 1000: 1}, [("x" * 63, [])]),
    ],
)
def test_a_field_that_is_none_is_found_wherever_it_is(
    template: JsonObject, expected: list[tuple[str, list[str]]]
) -> None:
    assert [(each.path, each.meant) for each in unknown_fields(template)] == expected


def test_a_field_that_is_written_beside_it_is_not_what_was_meant() -> None:
    assert UnknownField("spec", "tolerationss", ("tolerations", "volumes")).meant == ["tolerations"]
    assert UnknownField("spec", "tolerationss", ("volumes",)).meant == []


def test_a_note_tells_a_field_that_does_nothing(catalog: Catalog) -> None:
    spec = a_spec(inference=a_template(nodeSelectr={"zone": "1"}, replicas=2))

    assert list(notes(spec, catalog)) == [
        (
            "inference.template.spec.nodeSelectr: Kubernetes 1.37 knows no such field "
            f"(perhaps nodeSelector is meant): {HINT}"
        ),
        f"inference.template.spec.replicas: Kubernetes 1.37 knows no such field: {HINT}",
    ]


def test_very_many_are_counted(catalog: Catalog) -> None:
    spec = a_spec(inference=a_template(**{f"wrong{number:02}": 1 for number in range(13)}))

    found = list(notes(spec, catalog))

    assert [note.partition(":")[0] for note in found[:-1]] == [
        f"inference.template.spec.wrong{number:02}" for number in range(10)
    ]
    assert found[-1] == (
        "inference.template: 3 more fields are there that Kubernetes 1.37 does not know"
    )
