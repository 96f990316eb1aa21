"""What a user is told about a Workspace that cannot be read."""

import pytest

from composite.models import JsonObject
from composite.refusal import Refusal
from composite.workspace.rules import read_spec
from tests.composite.makers import a_preset, a_resource, a_workspace_spec, an_adapter


def told(written: JsonObject) -> list[str]:
    with pytest.raises(Refusal) as caught:
        read_spec(written)
    return [str(problem) for problem in caught.value.problems]


SENTENCES: dict[str, tuple[JsonObject, str]] = {
    "a field that is missing": (
        {"inference": a_preset()},
        "resource: is required",
    ),
    "a field that is missing further down": (
        a_workspace_spec(resource={"count": 1}),
        "resource.labelSelector: is required",
    ),
    "a misspelt field": (
        a_workspace_spec(resource=a_resource(instancetype="Standard_NC6s_v3")),
        (
            "resource.instancetype: is no field of a Workspace; did you mean 'instanceType'?; "
            "allowed here: count, instanceType, labelSelector, preferredNodes"
        ),
    ),
    "a misspelt field in an item of a list": (
        a_workspace_spec(inference=a_preset() | {"adapters": [an_adapter(strengh="0.5")]}),
        (
            "inference.adapters[0].strengh: is no field of a Workspace; did you mean 'strength'?; "
            "allowed here: source, strength"
        ),
    ),
    "a field that is like no other": (
        a_workspace_spec(inference=a_preset(gpus=8) | {}),
        (
            "inference.preset.gpus: is no field of a Workspace; "
            "allowed here: accessMode, name, presetOptions"
        ),
    ),
    "a number that is too small": (
        a_workspace_spec(resource=a_resource(count=0)),
        "resource.count: is 0, must be at least 1",
    ),
    "a number that is too large": (
        a_workspace_spec(resource=a_resource(count=101)),
        "resource.count: is 101, must be at most 100",
    ),
    "a text where a number belongs": (
        a_workspace_spec(resource=a_resource(count="two")),
        "resource.count: must be a whole number, is a text ('two')",
    ),
    "a number where a text belongs": (
        a_workspace_spec(inference=a_preset() | {"adapters": [an_adapter(strength=1)]}),
        "inference.adapters[0].strength: must be a text, is a number (1)",
    ),
    "a list where an object belongs": (
        a_workspace_spec(inference=[]),
        "inference: must be an object, is a list",
    ),
    "a text where a list belongs": (
        a_workspace_spec(resource=a_resource(preferredNodes="node-1")),
        "resource.preferredNodes: must be a list, is a text ('node-1')",
    ),
    "a word that is none of those allowed": (
        a_workspace_spec(inference=a_preset(accessMode="secret")),
        "inference.preset.accessMode: is 'secret', must be 'public' or 'private'",
    ),
    "an empty text": (
        a_workspace_spec(inference=a_preset(name="")),
        "inference.preset.name: must not be empty",
    ),
    "a text that is too long": (
        a_workspace_spec(inference=a_preset(name="x" * 64)),
        "inference.preset.name: has 64 characters, at most 63 are allowed",
    ),
    "a list that is too long": (
        a_workspace_spec(
            inference=a_preset() | {"adapters": [an_adapter(f"a{n}") for n in range(11)]}
        ),
        "inference.adapters: has 11 items, at most 10 are allowed",
    ),
    "a pattern, in words": (
        a_workspace_spec(inference=a_preset() | {"adapters": [an_adapter(strength="a lot")]}),
        (
            "inference.adapters[0].strength: is 'a lot', "
            'must be a number between 0 and 1 as text, for example "0.5"'
        ),
    ),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_says_what_is_wrong_in_words_of_kubernetes(case: str) -> None:
    written, sentence = SENTENCES[case]

    assert told(written) == [sentence]


def test_says_everything_that_is_wrong_at_once() -> None:
    assert told({"resource": {"count": 0, "typo": 1}}) == [
        "resource.count: is 0, must be at least 1",
        "resource.labelSelector: is required",
        (
            "resource.typo: is no field of a Workspace; "
            "allowed here: count, instanceType, labelSelector, preferredNodes"
        ),
    ]


def test_never_speaks_of_python() -> None:
    wrong = [None, True, 3, 1.5, "text", [], ["x"], {}, {"x": None}]
    said = " ".join(
        sentence
        for value in wrong
        for field in ("resource", "inference", "tuning")
        for sentence in told({"resource": a_resource(count=0)} | {field: value})
    )

    words = ("dict", "tuple", "str,", "None", "Input", "instance of", "NoneType")
    assert [word for word in words if word in said] == []
