"""The command line and the API server say yes and no to the same Workspaces."""

from collections.abc import Iterator

import pytest

from composite.models import JsonObject
from schemas import problems
from schemas.editor import RULES_AS_SCHEMA
from tests.schemas.admission import refusals
from tests.schemas.documents import (
    GOOD,
    SERVED,
    SMALL,
    TEMPLATED,
    TUNED,
    at,
    changed,
    paths,
    without,
)
from tests.schemas.walking import rules

WRONG_VALUES: list[object] = [None, "", "x" * 2000, "No!", "a/b:1\n", 0, 1000, 1.5, True, [], {}]
WRONG_VALUES += [[None], [1], {"a": 1}, {"a": None}]

TWICE = [SERVED["inference"]["adapters"][1]] * 2

# What JSON Schema cannot say, and only the API server (and composite.workspace) does.
COMPUTED = {
    "must be between 0 and 1": changed(SERVED, "inference.adapters.0.strength", "1.5"),
    "adapters must have different names": changed(SERVED, "inference.adapters", TWICE),
}


def variants() -> Iterator[tuple[str, JsonObject]]:
    """Yield each good document with each of its parts missing, unknown or of another value."""
    for name, document in GOOD.items():
        for path in paths(document):
            # kubectl and the API server know metadata, a CRD does not describe it.
            if path.startswith("metadata.") and path != "metadata.name":
                continue
            yield f"{name} without {path}", without(document, path)
            if isinstance(at(document, path), dict) and path != "metadata":
                yield f"{name} with more in {path}", changed(document, f"{path}.more", "x")
            for value in WRONG_VALUES:
                yield f"{name}, {path}={value!r:.20}", changed(document, path, value)


EXTRA = {
    "both": SERVED | {"tuning": TUNED["tuning"]},
    "two nodes for tuning": changed(TUNED, "resource.count", 2),
    "template and preset": changed(SERVED, "inference.template", {}),
    "adapters of a template": changed(TEMPLATED, "inference.adapters", TWICE[:1]),
    "no adapters of a template": changed(TEMPLATED, "inference.adapters", []),
    "private without an image": changed(SMALL, "inference.preset.accessMode", "private"),
    "two values": changed(
        TEMPLATED, "resource.labelSelector.matchExpressions.0.values", ["a", "b"]
    ),
    "NotIn": changed(TEMPLATED, "resource.labelSelector.matchExpressions.0.operator", "NotIn"),
    "no label": changed(SMALL, "resource.labelSelector", {"matchLabels": {}}),
    "two sources": changed(TUNED, "tuning.input.image", "registry.example/data:1"),
    "empty urls and an image": changed(
        TUNED, "tuning.input", {"urls": [], "image": "registry.example/data:1"}
    ),
    "image without a push secret": without(TUNED, "tuning.output.imagePushSecret"),
    "a volume and an image": changed(TUNED, "tuning.output.volumeSource", {}),
    "a volume": changed(TUNED, "tuning.output", {"volumeSource": {"emptyDir": {}}}),
    "an adapter from urls": changed(SERVED, "inference.adapters.0.source.urls", ["a"]),
    "eleven adapters": changed(
        SERVED,
        "inference.adapters",
        [
            changed(TWICE[0], "source.name", f"adapter-{number}")
            for number in range(11)
        ],
    ),
    "a name with a dot": changed(SMALL, "metadata.name", "my.model"),
    "a dotted adapter": changed(SERVED, "inference.adapters.0.source.name", "a.b"),
    "an image without a tag": changed(
        SERVED, "inference.adapters.0.source.image", "registry.example/a"
    ),
    "an image in upper case": changed(
        SERVED, "inference.adapters.0.source.image", "registry.example/A:1"
    ),
    "spec": {**{k: SMALL[k] for k in ("apiVersion", "kind", "metadata")}, "spec": SMALL},
    "nulls": SMALL | {"tuning": None, "status": None},
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_good_workspace_passes_both(name: str) -> None:
    assert refusals(GOOD[name]) == []
    assert problems(GOOD[name]) == []


@pytest.mark.parametrize("name", EXTRA)
def test_both_say_the_same(name: str) -> None:
    assert bool(problems(EXTRA[name])) == bool(refusals(EXTRA[name]))


def test_both_say_the_same_of_every_small_change() -> None:
    different = {
        name: (problems(document), refusals(document))
        for name, document in variants()
        if bool(problems(document)) != bool(refusals(document))
    }

    assert different == {}


@pytest.mark.parametrize("message", COMPUTED)
def test_what_json_schema_cannot_say(message: str) -> None:
    assert [refusal.partition(": ")[2] for refusal in refusals(COMPUTED[message])] == [message]
    assert problems(COMPUTED[message]) == []


def test_every_rule_is_said_in_json_schema_unless_it_compares_or_computes() -> None:
    unsaid = {rule.cel: rule for rule in rules() if rule.cel not in RULES_AS_SCHEMA}

    assert {rule.message for rule in unsaid.values() if not rule.compares} == COMPUTED.keys()
    assert RULES_AS_SCHEMA.keys() <= {rule.cel for rule in rules()}


def test_what_may_not_change_is_refused_only_with_the_old_one() -> None:
    more = changed(SERVED, "resource.count", 3)

    assert refusals(more) == []
    assert refusals(more, SERVED) == [
        "resource.count: is immutable: delete the Workspace and create another one"
    ]
    assert refusals(without(SERVED, "inference.adapters"), SERVED) == []
