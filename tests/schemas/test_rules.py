"""
Every CEL rule of the CRD, on values it must accept and values it must refuse.

The engine is dynamically typed, the API server's is not: it also refuses a rule that compares text
with a number. What a rule costs is guarded in test_crd.py.
"""

from typing import Any, NamedTuple

import pytest

from tests.schemas.admission import holds, matches_schema
from tests.schemas.walking import Rule, nodes, rules

IMMUTABLE = "is immutable: delete the Workspace and create another one"


class Examples(NamedTuple):
    """Values a rule accepts and refuses; pairs (before, after) where it compares."""

    good: list[Any]
    bad: list[Any]


A = {"operator": "In", "key": "apps", "values": ["a"]}
PRESET = {"name": "phi-3", "accessMode": "public"}
SELECTOR = {"matchLabels": {"apps": "a"}}
IMAGE = "registry.example/data:1"
VOLUME: dict[str, Any] = {"emptyDir": {}}
RESOURCE = {"count": 1, "instanceType": "Standard_NC12s_v3", "labelSelector": SELECTOR}


def adapters(*names: str) -> list[Any]:
    return [{"source": {"name": name, "image": IMAGE}, "strength": "1.0"} for name in names]


def tuning(**source: str) -> dict[str, Any]:
    output = {"image": IMAGE, "imagePushSecret": "push"}
    data = {"image": IMAGE, **source}
    return {"preset": PRESET, "method": "lora", "input": data, "output": output}


def workspace(**fields: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"metadata": {"name": "my-model"}, "resource": RESOURCE} | fields


def named(name: str) -> dict[str, Any]:
    return workspace(metadata={"name": name}, inference={"preset": PRESET})


SERVED = workspace(inference={"preset": PRESET})
TUNED = workspace(tuning=tuning())

PRIVATE = Examples(
    good=[
        PRESET,
        PRESET | {"presetOptions": {}},
        {"name": "x", "accessMode": "private", "presetOptions": {"image": IMAGE}},
    ],
    bad=[
        {"name": "x", "accessMode": "private"},
        {"name": "x", "accessMode": "private", "presetOptions": {}},
        {"name": "x", "accessMode": "private", "presetOptions": {"image": ""}},
        {"name": "x", "accessMode": "private", "presetOptions": {"imagePullSecrets": ["a"]}},
    ],
)
SAME_PRESET = Examples(
    good=[(PRESET, PRESET)],
    bad=[
        (PRESET, PRESET | {"name": "phi-4"}),
        (PRESET, PRESET | {"accessMode": "private", "presetOptions": {"image": IMAGE}}),
        (PRESET, PRESET | {"presetOptions": {"imagePullSecrets": ["a"]}}),
    ],
)

EXAMPLES: dict[tuple[str, str], Examples] = {
    ("", "exactly one of inference and tuning must be set"): Examples(
        good=[SERVED, TUNED],
        bad=[workspace(), SERVED | TUNED],
    ),
    ("", "inference and tuning cannot be exchanged: create another Workspace"): Examples(
        good=[(SERVED, SERVED), (TUNED, TUNED), (SERVED, named("other"))],
        bad=[(SERVED, TUNED), (TUNED, SERVED)],
    ),
    ("", "resource.count: tuning runs on one node, set it to 1"): Examples(
        good=[TUNED, SERVED | {"resource": RESOURCE | {"count": 2}}],
        bad=[TUNED | {"resource": RESOURCE | {"count": 2}}],
    ),
    (
        "",
        (
            "metadata.name: a DNS label of at most 63 characters that starts with a letter is "
            "needed, for it names a Service and a container"
        ),
    ): Examples(
        good=[named("a"), named("my-model-7"), named("a" * 63)],
        bad=[
            named("my.model"),
            named("7b"),
            named("my-model-"),
            named("-model"),
            named("Model"),
            named("a" * 64),
            named("model\n"),
            named(""),
        ],
    ),
    ("resource.count", IMMUTABLE): Examples(good=[(1, 1), (7, 7)], bad=[(1, 2), (2, 1)]),
    ("resource.instanceType", IMMUTABLE): Examples(good=[("a", "a")], bad=[("a", "b")]),
    (
        "resource.labelSelector",
        "at least one label is needed, for example matchLabels: {apps: my-model}",
    ): Examples(
        good=[SELECTOR, {"matchExpressions": [A]}, {"matchLabels": {}, "matchExpressions": [A]}],
        bad=[{}, {"matchLabels": {}}, {"matchExpressions": []}],
    ),
    (
        "resource.labelSelector",
        "a key must be a label's name, for example apps or example.com/team",
    ): Examples(
        good=[SELECTOR, {"matchLabels": {"example.com/my-team": "a", "A_b.c": "d"}}],
        bad=[
            {"matchLabels": {"my apps": "a"}},
            {"matchLabels": {"": "a"}},
            {"matchLabels": {"-a": "a"}},
            {"matchLabels": {"a/b/c": "a"}},
        ],
    ),
    (
        "resource.labelSelector",
        'an expression must have the operator "In" and exactly one value',
    ): Examples(
        good=[SELECTOR, {"matchExpressions": [A]}, {"matchExpressions": []}],
        bad=[
            {"matchExpressions": [A | {"operator": "NotIn"}]},
            {"matchExpressions": [A, A | {"operator": "Exists"}]},
            {"matchExpressions": [A | {"values": ["a", "b"]}]},
            {"matchExpressions": [A | {"values": []}]},
            {"matchExpressions": [{"key": "apps", "operator": "In"}]},
        ],
    ),
    ("resource.labelSelector", IMMUTABLE): Examples(
        good=[
            (SELECTOR, SELECTOR),
            (SELECTOR, SELECTOR | {"matchExpressions": []}),
            (SELECTOR, {"matchExpressions": [A]}),
            ({"matchExpressions": [A]}, SELECTOR),
            ({"matchExpressions": [A]}, {"matchExpressions": [A]}),
            (SELECTOR, SELECTOR | {"matchExpressions": [A]}),
            (
                {"matchLabels": {"apps": "a", "gpu": "b"}},
                {"matchLabels": {"gpu": "b"}, "matchExpressions": [A]},
            ),
        ],
        bad=[
            (SELECTOR, {"matchLabels": {"apps": "b"}}),
            (SELECTOR, {"matchLabels": {"app": "a"}}),
            (SELECTOR, {"matchLabels": {"apps": "a", "gpu": "b"}}),
            ({"matchLabels": {"apps": "a", "gpu": "b"}}, SELECTOR),
            (SELECTOR, {"matchExpressions": [A | {"values": ["b"]}]}),
            (SELECTOR, {"matchExpressions": [A | {"key": "app"}]}),
            (SELECTOR, SELECTOR | {"matchExpressions": [A | {"key": "gpu"}]}),
            ({"matchExpressions": [A]}, {"matchExpressions": [A | {"values": ["b"]}]}),
            ({"matchExpressions": [A]}, {"matchLabels": {"apps": "b"}}),
            (SELECTOR, {}),
            (
                SELECTOR | {"matchExpressions": [A]},
                {"matchLabels": {"apps": "a", "gpu": "b"}},
            ),
            (
                {"matchExpressions": [A, A]},
                {"matchExpressions": [A, A | {"key": "gpu"}]},
            ),
        ],
    ),
    ("inference", "exactly one of preset and template must be set"): Examples(
        good=[{"preset": PRESET}, {"template": {}}],
        bad=[{}, {"adapters": []}, {"preset": PRESET, "template": {}}],
    ),
    ("inference", "preset and template cannot be exchanged: create another Workspace"): Examples(
        good=[
            ({"preset": PRESET}, {"preset": PRESET}),
            ({"template": {}}, {"template": {"spec": {}}}),
        ],
        bad=[({"preset": PRESET}, {"template": {}}), ({"template": {}}, {"preset": PRESET})],
    ),
    (
        "inference",
        "adapters need a preset: a template brings its own model server",
    ): Examples(
        good=[
            {"template": {}},
            {"template": {}, "adapters": []},
            {"preset": PRESET, "adapters": adapters("a")},
        ],
        bad=[{"template": {}, "adapters": adapters("a")}],
    ),
    ("inference", "adapters must have different names"): Examples(
        good=[
            {"preset": PRESET},
            {"preset": PRESET, "adapters": []},
            {"preset": PRESET, "adapters": adapters("a", "b", "c")},
        ],
        bad=[
            {"preset": PRESET, "adapters": adapters("a", "a")},
            {"preset": PRESET, "adapters": adapters("a", "b", "a")},
        ],
    ),
    (
        "inference.preset",
        "accessMode private needs presetOptions.image: the image that holds the model",
    ): PRIVATE,
    ("inference.preset", IMMUTABLE): SAME_PRESET,
    (
        "inference.adapters[].source",
        "exactly one of image and workspace must be set",
    ): Examples(
        good=[{"name": "a", "image": IMAGE}, {"name": "a", "workspace": "tuned"}],
        bad=[{"name": "a"}, {"name": "a", "image": IMAGE, "workspace": "tuned"}],
    ),
    (
        "inference.adapters[].source",
        "an adapter comes from an image: set image instead of urls or volumeSource",
    ): Examples(
        good=[{"name": "a", "image": IMAGE}],
        bad=[
            {"name": "a", "image": IMAGE, "urls": ["https://data.example/a"]},
            {"name": "a", "image": IMAGE, "urls": []},
            {"name": "a", "image": IMAGE, "volumeSource": VOLUME},
        ],
    ),
    ("inference.adapters[].strength", "must be between 0 and 1"): Examples(
        good=["0", "1", "1.0", "0.5", ".5", "1.", "5e-1", "1e0", "5E-01", "0.000"],
        bad=["1.0001", "2", "1e1", "99"],
    ),
    (
        "tuning.preset",
        "accessMode private needs presetOptions.image: the image that holds the model",
    ): PRIVATE,
    ("tuning.preset", IMMUTABLE): SAME_PRESET,
    ("tuning", f"input.name: {IMMUTABLE}"): Examples(
        good=[
            (tuning(name="data"), tuning(name="data", image="r.example/other:2")),
            (tuning(), tuning(image="r.example/other:2")),
        ],
        bad=[(tuning(name="data"), tuning(name="other")), (tuning(), tuning(name="data"))],
    ),
    ("tuning.method", IMMUTABLE): Examples(good=[("lora", "lora")], bad=[("lora", "qlora")]),
    ("tuning.input", "exactly one of urls, image and volumeSource must be set"): Examples(
        good=[
            {"urls": ["https://data.example/a"]},
            {"image": IMAGE},
            {"volumeSource": VOLUME},
            {"urls": [], "image": IMAGE},
        ],
        bad=[
            {},
            {"name": "data"},
            {"urls": []},
            {"urls": ["https://data.example/a"], "image": IMAGE},
            {"image": IMAGE, "volumeSource": VOLUME},
        ],
    ),
    ("tuning.output", "exactly one of image and volumeSource must be set"): Examples(
        good=[{"image": IMAGE}, {"volumeSource": VOLUME}],
        bad=[{}, {"imagePushSecret": "push"}, {"image": IMAGE, "volumeSource": VOLUME}],
    ),
    ("tuning.output", "image needs imagePushSecret: the Secret to push with"): Examples(
        good=[{"image": IMAGE, "imagePushSecret": "push"}, {"volumeSource": VOLUME}],
        bad=[{"image": IMAGE}],
    ),
}

RULES = {(rule.path, rule.message): rule for rule in rules()}
NODES = dict(nodes())


def cases(which: str) -> list[Any]:
    return [
        pytest.param(RULES[key], example, id=f"{key[0] or 'workspace'}-{index}")
        for key, examples in EXAMPLES.items()
        if key in RULES
        for index, example in enumerate(getattr(examples, which))
    ]


def test_every_rule_has_good_and_bad_examples() -> None:
    assert len(RULES) == len(rules()), "two rules of one node have the same message"
    assert EXAMPLES.keys() == RULES.keys()
    assert all(examples.good and examples.bad for examples in EXAMPLES.values())


@pytest.mark.parametrize(("rule", "example"), cases("good"))
def test_accepts(rule: Rule, example: Any) -> None:  # noqa: ANN401
    before, after = example if rule.compares else (None, example)

    assert holds(rule.cel, after, before)


@pytest.mark.parametrize(("rule", "example"), cases("bad"))
def test_refuses(rule: Rule, example: Any) -> None:  # noqa: ANN401
    before, after = example if rule.compares else (None, example)

    assert not holds(rule.cel, after, before)


@pytest.mark.parametrize(("rule", "example"), [*cases("good"), *cases("bad")])
def test_the_example_is_what_the_schema_lets_through(
    rule: Rule,
    example: Any,  # noqa: ANN401
) -> None:
    """A rule is asked only about values of the right shape; others prove nothing."""
    for value in example if rule.compares else (example,):
        assert matches_schema(value, NODES[rule.path])


def test_a_message_is_one_line_without_a_full_stop() -> None:
    assert all(not rule.message.endswith(".") and "\n" not in rule.message for rule in rules())
