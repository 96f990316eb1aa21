"""What the command line says about typical mistakes, word for word."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from composite.models import JsonObject
from composite.refusal import Problem
from schemas import problems
from schemas.editor import RULES_AS_SCHEMA, workspace_schema
from schemas.reading import _SAID_BY, EXAMPLES
from tests.schemas.documents import (
    GOOD,
    HEAD,
    SERVED,
    SMALL,
    TEMPLATED,
    TUNED,
    changed,
    without,
)
from tests.schemas.walking import nodes

ROOT_FIELDS = "apiVersion, inference, kind, metadata, resource, status, tuning"
IMAGE_WORDS = (
    "must be registry/repository:tag, the repository in lower case, for example "
    "registry.example/adapters/my-adapter:1.0"
)


def adapter(**changes: Any) -> JsonObject:  # noqa: ANN401
    """A Workspace whose only adapter is this one."""
    source = {"name": "a", "image": "registry.example/a:1"}
    return changed(SMALL, "inference.adapters", [{"source": source} | changes])


MISTAKES: dict[str, tuple[JsonObject, list[str]]] = {
    "a misspelt field": (
        adapter(source={"nmae": "a", "image": "registry.example/a:1"}),
        [
            ("inference.adapters[0].source.nmae: is not a field here; did you mean 'name'? "
            "allowed: image, imagePullSecrets, name, urls, volumeSource, workspace"),
        ],
    ),
    "a misspelt section": (
        without(SMALL, "inference") | {"infrence": {"preset": {"name": "phi-3"}}},
        [
            ("infrence: is not a field here; did you mean 'inference'? "
            f"allowed: {ROOT_FIELDS}"),
        ],
    ),
    "a field in lower case": (
        changed(SMALL, "resource.instancetype", "Standard_NC12s_v3"),
        [
            ("resource.instancetype: is not a field here; did you mean 'instanceType'? "
            "allowed: count, instanceType, labelSelector, preferredNodes"),
        ],
    ),
    "a field one level too high": (
        SMALL | {"instanceType": "Standard_NC12s_v3"},
        [
            ("instanceType: is not a field here; it is a field of resource; "
            f"allowed: {ROOT_FIELDS}"),
        ],
    ),
    "the name beside the source": (
        adapter(name="a", source={"image": "registry.example/a:1"}),
        [
            "inference.adapters[0].source.name: is missing: write for example name: my-adapter",
            ("inference.adapters[0].name: is not a field here; it is a field of "
            "inference.adapters[].source; allowed: source, strength"),
        ],
    ),
    "a field nobody knows": (
        changed(SMALL, "resource.zone", "1"),
        [
            ("resource.zone: is not a field here; "
            "allowed: count, instanceType, labelSelector, preferredNodes"),
        ],
    ),
    "a spec, as other kinds have it": (
        HEAD | {"spec": {"resource": SMALL["resource"], "inference": SMALL["inference"]}},
        [
            ("spec: a Workspace has no spec: write resource and inference or tuning beside "
            "metadata"),
        ],
    ),
    "a number with a fraction": (
        changed(SMALL, "resource.count", 1.5),
        ["resource.count: must be a whole number, is the number 1.5: leave the fraction out"],
    ),
    "a list of one name": (
        changed(SMALL, "inference.preset.name", ["phi-2"]),
        ["inference.preset.name: must be text, is a list: write one value"],
    ),
    "a number in words": (
        changed(SMALL, "resource.count", "two"),
        [
            ("resource.count: must be a whole number, is the text 'two': "
            "write it in digits, without quotes"),
        ],
    ),
    "a number where text is needed": (
        adapter(strength=0.5),
        ["inference.adapters[0].strength: must be text, is the number 0.5: put it in quotes"],
    ),
    "a label that YAML reads as a truth": (
        changed(SMALL, "resource.labelSelector.matchLabels", {"gpu": True}),
        [
            "resource.labelSelector.matchLabels.gpu: must be text, is true: put it in quotes",
        ],
    ),
    "a label that YAML reads as a date": (
        changed(SMALL, "resource.labelSelector.matchLabels", yaml.safe_load("a.b/c: 2026-01-01")),
        [
            ("resource.labelSelector.matchLabels[a.b/c]: must be text, is the date 2026-01-01: "
            "put it in quotes"),
        ],
    ),
    "a name where a map is needed": (
        changed(SMALL, "inference.preset", "phi-3"),
        [
            ("inference.preset: must be a map, is the text 'phi-3': "
            "write its fields below it: name, accessMode, presetOptions"),
        ],
    ),
    "a map where a list is needed": (
        changed(SMALL, "inference.adapters", {"source": {}}),
        ["inference.adapters: must be a list, is a map: start each entry with '- '"],
    ),
    "a required field without a value": (
        changed(SMALL, "resource.labelSelector", None),
        [
            ("resource.labelSelector: is missing: write for example labelSelector: {matchLabels: "
            "{apps: my-model}}"),
        ],
    ),
    "a value that is nearly right": (
        changed(SMALL, "inference.preset.accessMode", "Private"),
        [
            ("inference.preset.accessMode: must be public or private, is the text 'Private'; "
            "did you mean 'private'?"),
        ],
    ),
    "another version": (
        SMALL | {"apiVersion": "kaito.sh/v1beta1"},
        ["apiVersion: must be kaito.sh/v1alpha1, is the text 'kaito.sh/v1beta1'"],
    ),
    "an image without registry": (
        adapter(source={"name": "a", "image": "a:1"}),
        [f"inference.adapters[0].source.image: {IMAGE_WORDS}; is the text 'a:1'"],
    ),
    "an image with a line break": (
        adapter(source={"name": "a", "image": "registry.example/a:1\n"}),
        [
            (f"inference.adapters[0].source.image: {IMAGE_WORDS}; is the text "
            "'registry.example/a:1\\n'"),
        ],
    ),
    "an adapter's name in upper case": (
        adapter(source={"name": "A", "image": "registry.example/a:1"}),
        [
            ("inference.adapters[0].source.name: must be lower-case letters, digits and '-', at "
            "most 63, a letter first and no '-' last, for example my-adapter-1; is the text 'A'"),
        ],
    ),
    "a strength in words": (
        adapter(strength="half"),
        [
            ("inference.adapters[0].strength: must be a number between 0 and 1 as text, for "
            "example \"0.5\"; is the text 'half'"),
        ],
    ),
    "a method that is none": (
        changed(TUNED, "tuning.method", "full"),
        ["tuning.method: must be lora or qlora; is the text 'full'"],
    ),
    "a Workspace's name with a dot": (
        changed(SMALL, "metadata.name", "phi.3"),
        [
            ("metadata.name: a DNS label of at most 63 characters that starts with a letter is "
            "needed, for it names a Service and a container"),
        ],
    ),
    "labels that no object can have": (
        changed(SMALL, "metadata.labels", {"team": "bad value!", "a b": "x", "fine/one": ""}),
        [
            ("metadata.labels[a b]: must be a label's name, for example apps or "
            "example.com/team; is the text 'a b'"),
            ("metadata.labels.team: must be a label's value: letters, digits, '-', '_' and '.' "
            "between letters or digits, at most 63; is the text 'bad value!'"),
        ],
    ),
    "no node": (
        changed(SMALL, "resource.count", 0),
        ["resource.count: must be at least 1, is 0"],
    ),
    "too many nodes": (
        changed(SMALL, "resource.count", 1000),
        ["resource.count: must be at most 100, is 1000"],
    ),
    "an empty name": (
        changed(SMALL, "inference.preset.name", ""),
        ["inference.preset.name: must not be empty: write a value"],
    ),
    "a long name": (
        changed(SMALL, "inference.preset.name", "x" * 64),
        ["inference.preset.name: must be at most 63 characters long, has 64"],
    ),
    "a long label key": (
        changed(SMALL, "resource.labelSelector.matchLabels", {"k" * 318: "a"}),
        [
            (f"resource.labelSelector.matchLabels.{'k' * 318}: "
            "must be at most 317 characters long, has 318"),
            (
                "resource.labelSelector.matchLabels: a key must be a label's name, "
                "for example apps or example.com/team"
            ),
        ],
    ),
    "many adapters": (
        changed(SERVED, "inference.adapters", [SERVED["inference"]["adapters"][0]] * 11),
        ["inference.adapters: must have at most 10 entries, has 11"],
    ),
    "neither inference nor tuning": (
        without(SMALL, "inference"),
        ["inference: exactly one of inference and tuning must be set"],
    ),
    "nothing but a head": (
        HEAD,
        [
            ("resource: is missing: write for example resource: {instanceType: "
            "Standard_NC24ads_A100_v4, labelSelector: {matchLabels: {apps: my-model}}}"),
            "inference: exactly one of inference and tuning must be set",
        ],
    ),
    "several nodes for tuning": (
        changed(TUNED, "resource.count", 2),
        ["resource.count: tuning runs on one node, set it to 1"],
    ),
    "an expression with two values": (
        changed(TEMPLATED, "resource.labelSelector.matchExpressions.0.values", ["a", "b"]),
        [
            ("resource.labelSelector.matchExpressions[0].values: an expression must have the "
            'operator "In" and exactly one value'),
        ],
    ),
    "several mistakes at once, in the order of the fields": (
        adapter(sorce={}, strength=1) | {"resource": {"count": "2"}},
        [
            ("resource.labelSelector: is missing: write for example labelSelector: {matchLabels: "
            "{apps: my-model}}"),
            ("resource.count: must be a whole number, is the text '2': "
            "write it in digits, without quotes"),
            "inference.adapters[0].strength: must be text, is the number 1: put it in quotes",
            ("inference.adapters[0].sorce: is not a field here; did you mean 'source'? "
            "allowed: source, strength"),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_says(name: str) -> None:
    document, said = MISTAKES[name]

    assert [str(problem) for problem in problems(document)] == said


def required() -> Iterator[tuple[str, JsonObject]]:
    for path, node in nodes(workspace_schema()):
        for name in node.get("required", ()):
            yield f"{path}.{name}".removeprefix("."), node["properties"][name]


@pytest.mark.parametrize(
    ("path", "schema"), [pytest.param(*each, id=each[0]) for each in required()]
)
def test_what_is_missing_comes_with_something_good_to_write(path: str, schema: JsonObject) -> None:
    if "const" in schema:
        assert path not in EXAMPLES
    else:
        assert list(Draft202012Validator(schema).iter_errors(yaml.safe_load(EXAMPLES[path]))) == []


def test_no_example_is_for_a_field_that_may_be_left_out() -> None:
    assert set(EXAMPLES) <= {path for path, _ in required()}


def test_a_constant_that_is_missing_can_be_copied_whole() -> None:
    (problem,) = problems(without(SMALL, "apiVersion"))

    assert str(problem) == "apiVersion: is missing: write apiVersion: kaito.sh/v1alpha1"


@pytest.mark.parametrize("name", GOOD)
def test_says_nothing_about_a_good_workspace(name: str) -> None:
    assert problems(GOOD[name]) == []


@pytest.mark.parametrize("document", [None, "text", [SMALL], 5])
def test_a_document_that_is_no_map(document: object) -> None:
    first, *others = problems(document)

    assert first.field == "document"
    assert first.message.startswith("must be a map, is ")
    assert others == []


def test_a_problem_is_a_value() -> None:
    count = changed(SMALL, "resource.count", 0)

    assert problems(count) == [Problem(field="resource.count", message="must be at least 1, is 0")]


def test_a_key_that_is_not_text_is_read_as_the_api_server_gets_it() -> None:
    document = changed(SMALL, "resource.labelSelector.matchLabels", yaml.safe_load("{yes: 'a'}"))

    assert problems(document) == []


def test_every_word_of_the_schema_has_a_sentence() -> None:
    structure = {"description", "title", "default", "items", "properties", "propertyNames"}
    notes = {"$schema", "allOf", "patternErrorMessage"}
    used = {word for _, node in nodes(workspace_schema()) for word in node}
    keys = {word for _, n in nodes(workspace_schema()) for word in n.get("propertyNames", {})}

    assert (used | keys) - structure - notes <= _SAID_BY.keys()


def test_every_pattern_and_every_rule_has_a_sentence() -> None:
    schema = workspace_schema()

    assert all("patternErrorMessage" in node for _, node in nodes(schema) if "pattern" in node)
    said = [rule for _, node in nodes(schema) for rule in node.get("allOf", ())]
    assert len(said) >= len(RULES_AS_SCHEMA)
    assert all(rule["errorMessage"] for rule in said)


def test_jsonschema_is_loaded_only_to_read_a_document() -> None:
    """Loading it takes 0.2 s to 0.3 s, which a command that reads no document need not wait for."""
    program = "import sys, schemas; print('jsonschema' in sys.modules)"

    done = subprocess.run(  # noqa: S603  (our own interpreter)
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout == "False\n"
