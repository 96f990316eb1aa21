"""The admission policy says what the hooks say, with the same words, of the same Workspaces."""

import pytest

from charts.policy import documents, policy_specs
from charts.policy_cel import Rule
from charts.policy_facts import facts
from charts.policy_limits import Limits, chosen
from charts.policy_rules import NOTES, REFUSALS
from charts.release import Release
from charts.values import AdmissionPolicy, Values
from composite.catalog import Catalog, Cloud
from composite.models import JsonObject
from composite.workspace.rules import problems, read_spec
from presets import load_catalog
from tests.charts.policy_engine import verdicts
from tests.charts.sentences import asked_for, hook_notes, hook_says, said
from tests.charts.workspaces import (
    BAD,
    EXAMPLES,
    GOOD,
    NOTED,
    REFUSED,
    SERVED,
    TUNED,
    combinations,
    container,
    golden,
    templated,
    written,
)
from tests.schemas.admission import completed, refusals
from tests.schemas.documents import changed, without

SPECS = policy_specs()
DOCUMENTS = {**written([*EXAMPLES, *REFUSED]), **golden(), **GOOD, **NOTED, **BAD}


def policy_says(
    key: str, document: JsonObject, catalog: Catalog, old: JsonObject | None = None
) -> set[str]:
    """Return what a policy says of what passed the CRD."""
    before = completed(old) if old is not None else None
    found = verdicts(SPECS[key], completed(document), before, facts(catalog))
    return said([message for _, message in found])


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_policy_refuses_what_the_hook_refuses(name: str, catalog: Catalog) -> None:
    document = completed(DOCUMENTS[name])
    wanted = hook_says(document, catalog)

    # What the CRD refuses, no policy is asked about.
    asked = not refusals(document)
    assert policy_says("refusals", document, catalog) == wanted if asked else wanted


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_policy_warns_of_what_the_hook_notes(name: str, catalog: Catalog) -> None:
    document = completed(DOCUMENTS[name])
    noted = None if hook_says(document, catalog) else hook_notes(document, catalog)

    assert noted is None or policy_says("notes", document, catalog) == noted


@pytest.mark.parametrize("name", [*GOOD, *NOTED, *BAD])
def test_the_crd_leaves_it_to_the_policy(name: str) -> None:
    assert refusals(DOCUMENTS[name]) == []


def test_they_agree_on_models_and_instance_types(catalog: Catalog) -> None:
    different = {
        name: (found, wanted)
        for name, document in combinations(catalog).items()
        if (found := policy_says("refusals", document, catalog))
        != (wanted := hook_says(completed(document), catalog))
    }

    assert different == {}


@pytest.mark.parametrize(
    ("key", "rules", "broken"), [("refusals", REFUSALS, BAD), ("notes", NOTES, NOTED)]
)
def test_every_rule_is_broken_by_some_document(
    key: str, rules: tuple[Rule, ...], broken: dict[str, JsonObject], catalog: Catalog
) -> None:
    places = {
        place
        for document in broken.values()
        for place, _ in verdicts(SPECS[key], completed(document), None, facts(catalog))
    }

    assert places == set(range(len(rules)))


@pytest.mark.parametrize("name", GOOD)
def test_what_is_good_passes_without_a_word(name: str, catalog: Catalog) -> None:
    assert [policy_says(key, GOOD[name], catalog) for key in ("refusals", "notes")] == [
        set(),
        set(),
    ]


@pytest.mark.parametrize("name", BAD)
def test_what_is_bad_is_refused(name: str, catalog: Catalog) -> None:
    assert policy_says("refusals", BAD[name], catalog) != set()


UNTOUCHED = {
    "labels": changed(BAD["an unknown model"], "metadata.labels", {"a": "b"}),
    "a finalizer": changed(BAD["an unknown model"], "metadata.finalizers", ["example.com/a"]),
    "status": BAD["an unknown model"] | {"status": {"conditions": []}},
}


@pytest.mark.parametrize("what", UNTOUCHED)
def test_an_edit_that_asks_for_nothing_new_passes(what: str, catalog: Catalog) -> None:
    before = BAD["an unknown model"]

    assert policy_says("refusals", UNTOUCHED[what], catalog, old=before) == set()


def test_an_edit_that_asks_for_something_is_looked_at(catalog: Catalog) -> None:
    more = changed(BAD["an unknown model"], "resource.preferredNodes", ["node-1"])

    assert policy_says("refusals", more, catalog, old=BAD["an unknown model"]) == {
        (
            "inference.preset.name: no preset is called 'phi-44': use one that 'metakaito presets' "
            "lists"
        )
    }


@pytest.mark.parametrize(
    "name", ["too small in every way", "an unknown instance type", "another maker's GPUs"]
)
def test_an_edit_is_not_held_against_what_the_catalog_says_of_its_nodes_by_now(
    name: str, catalog: Catalog
) -> None:
    before = BAD[name]
    after = changed(before, "resource.preferredNodes", ["node-1"])
    accepted, spec = (read_spec(asked_for(completed(each))) for each in (before, after))

    assert list(problems("my-model", spec, catalog, accepted)) == []
    assert policy_says("refusals", after, catalog, old=before) == set()


def test_an_edit_to_other_nodes_is_held_against_the_catalog(catalog: Catalog) -> None:
    small = BAD["too small in every way"]
    before = changed(small, "resource.instanceType", "Standard_ND96asr_v4")

    assert policy_says("refusals", small, catalog, old=before) == hook_says(
        completed(small), catalog
    )


def test_what_is_being_deleted_passes(catalog: Catalog) -> None:
    going = changed(BAD["an unknown model"], "metadata.deletionTimestamp", "2026-01-01T00:00:00Z")

    assert policy_says("refusals", going, catalog, old=SERVED) == set()


def test_the_instance_types_are_those_of_the_cloud() -> None:
    aws = load_catalog(Cloud.AWS)
    document = changed(SERVED, "resource.instanceType", "g5.xlarge")

    assert policy_says("refusals", document, aws) == hook_says(completed(document), aws) == set()
    assert policy_says("refusals", SERVED, load_catalog()) == set()


ELSEWHERE = (
    "the image {} comes from a registry that is not allowed in this cluster; "
    "allowed are registry.example/ours, ours.example"
)
LIMITS = {
    "another model": (
        Limits(models=["falcon-7b", "a-b"]),
        SERVED,
        "inference.preset.name: phi-2 is not allowed in this cluster; allowed are falcon-7b, a-b",
    ),
    "another model to tune": (
        Limits(models=["falcon-7b"]),
        TUNED,
        "tuning.preset.name: phi-2 is not allowed in this cluster; allowed are falcon-7b",
    ),
    "too many nodes": (
        Limits(maxNodes=2),
        changed(SERVED, "resource.count", 3),
        "resource.count: is 3, this cluster allows a Workspace at most 2",
    ),
    "a template": (
        Limits(templates=False),
        templated(containers=[container()]),
        "inference.template: is not allowed in this cluster: use a preset",
    ),
    **{
        f"the image of {where}": (
            Limits(registries=["registry.example/ours", "ours.example"]),
            document,
            ELSEWHERE.format(image),
        )
        for where, document, image in (
            ("a model", SERVED, "registry.example/models/mine:1"),
            (
                "an adapter",
                changed(
                    without(SERVED, "inference.preset.presetOptions"),
                    "inference.adapters",
                    [{"source": {"name": "a", "image": "ours.example.com/a:1"}}],
                ),
                "ours.example.com/a:1",
            ),
            ("a template", templated(containers=[container(image="nginx")]), "nginx"),
            (
                "a template's start",
                templated(
                    initContainers=[container(image="registry.example/oursnot/a:1")],
                    containers=[container(image="ours.example/a:1")],
                ),
                "registry.example/oursnot/a:1",
            ),
            (
                "a template's volume",
                templated(
                    containers=[container(image="ours.example/a:1")],
                    volumes=[
                        {"name": "empty", "emptyDir": {}},
                        {"name": "weights", "image": {"reference": "there.example/weights:1"}},
                    ],
                ),
                "there.example/weights:1",
            ),
            (
                "data",
                changed(
                    without(TUNED, "tuning.preset.presetOptions"),
                    "tuning.input",
                    {"image": "there.example/data:1"},
                ),
                "there.example/data:1",
            ),
            (
                "a result",
                without(TUNED, "tuning.preset.presetOptions"),
                "registry.example/tuned:1",
            ),
        )
    },
}


def limited(limits: Limits, document: JsonObject) -> list[str]:
    """Return what the policy of the limits says."""
    spec = SPECS["limits"]
    given = [{"name": key, "expression": text} for key, text in chosen(limits).items()]
    spec = spec | {"variables": [*given, *spec["variables"]]}
    return [message for _, message in verdicts(spec, completed(document), None, {})]


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_refuses(name: str) -> None:
    limits, document, sentence = LIMITS[name]

    assert limited(limits, document) == [sentence]
    assert limited(Limits(), document) == []


def test_a_limit_lets_through_what_is_within_it() -> None:
    limits = Limits(registries=["registry.example"], models=["phi-2"], maxNodes=2, templates=False)

    assert limited(limits, SERVED) == limited(limits, TUNED) == []
    assert limited(limits, changed(SERVED, "resource.count", 2)) == []


def test_what_looks_up_facts_fails_open_and_the_limits_fail_closed() -> None:
    assert {key: spec["failurePolicy"] for key, spec in SPECS.items()} == {
        "refusals": "Ignore",
        "notes": "Ignore",
        "limits": "Fail",
    }
    assert "paramKind" not in str(SPECS)


def test_there_are_limits_only_where_there_are_limits() -> None:
    without_any = [named(each) for each in documents(Values(), Release())]
    policies = AdmissionPolicy(limits=Limits(maxNodes=1))
    with_one = [named(each) for each in documents(Values(admissionPolicy=policies), Release())]

    assert without_any == [
        "ValidatingAdmissionPolicy metakaito-workspaces",
        "ValidatingAdmissionPolicyBinding metakaito-workspaces",
        "ValidatingAdmissionPolicy metakaito-workspace-notes",
        "ValidatingAdmissionPolicyBinding metakaito-workspace-notes",
    ]
    assert with_one == [
        *without_any,
        "ValidatingAdmissionPolicy metakaito-workspace-limits",
        "ValidatingAdmissionPolicyBinding metakaito-workspace-limits",
    ]


def test_there_are_none_where_they_are_turned_off() -> None:
    off = Values(admissionPolicy=AdmissionPolicy(enabled=False))

    assert documents(off, Release()) == []


def named(document: JsonObject) -> str:
    """Return kind and name."""
    return f"{document['kind']} {document['metadata']['name']}"
