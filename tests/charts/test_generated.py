"""What is said once: simulate plays it, Helm renders it, `generate` prints it."""

import json
import re
from pathlib import Path

import pytest
import yaml

from charts import controllers, crds, rbac
from charts.reading import read_values
from charts.release import APIS, Release, Undecided
from charts.values import Values
from composite import names
from composite.catalog import Provisioner
from composite.models import JsonObject
from composite.simulate.controllers import CLAIMS
from composite.simulate.controllers import controllers as played
from composite.simulate.objects import RESOURCES
from tests.charts.rendering import CHART, documents, helm, identity, run
from tests.golden.test_golden import CASES, catalog_of, read

CI = sorted(CHART.glob("ci/*.yaml"))
# For the defaults, with which the cluster decides.
HAS = frozenset({APIS["nodeclaim"]})
RELEASES = [Release(api_versions=HAS), Release("other", "elsewhere", HAS)]
# Whom to thank for an object; without Helm nobody says it.
HELMS_LABELS = {"helm.sh/chart", "app.kubernetes.io/managed-by", "app.kubernetes.io/version"}
# What the two modules make.
CONTROLLERS = {"CompositeController", "DecoratorController"}
RIGHTS = {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}


def rendered(file: Path, release: Release) -> list[JsonObject]:
    code, out, err = helm(
        *("template", release.name, CHART, "--namespace", release.namespace),
        *("--values", file, "--no-hooks", "--api-versions", "monitoring.coreos.com/v1"),
        *(f"--api-versions={api}" for api in release.api_versions),
    )
    assert (code, err) == (0, "")
    return [without_helm(each) for each in documents(out)]


def without_helm(document: JsonObject) -> JsonObject:
    metadata = document["metadata"]
    labels = {key: value for key, value in metadata["labels"].items() if key not in HELMS_LABELS}
    return {**document, "metadata": {**metadata, "labels": labels}}


def read_file(file: Path, release: Release) -> Values:
    return read_values([yaml.safe_load(file.read_text(encoding="utf-8"))], release)


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
@pytest.mark.parametrize("file", CI, ids=lambda file: file.stem)
def test_controllers_are_what_helm_renders(file: Path, release: Release) -> None:
    helms = [each for each in rendered(file, release) if each["kind"] in CONTROLLERS]

    assert controllers.documents(read_file(file, release), release) == helms


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
@pytest.mark.parametrize("file", CI, ids=lambda file: file.stem)
def test_rights_are_what_helm_renders(file: Path, release: Release) -> None:
    values = read_file(file, release)
    helms = {
        identity(each): each
        for each in rendered(file, release)
        if each["kind"] in RIGHTS
        and each["metadata"]["labels"]["app.kubernetes.io/component"] == "metacontroller"
    }
    ours = {identity(each): each for each in rbac.documents(values, release)}

    if values.metacontroller.mode == "existing":
        assert helms == {}
        assert list(ours) == [f"ClusterRole /{release.fullname(values)}-metacontroller"]
    else:
        assert ours == helms


@pytest.mark.parametrize("provisioner", Provisioner)
def test_controllers_are_what_simulate_plays(provisioner: Provisioner) -> None:
    values = Values(provisioner=provisioner.value)
    for ours, theirs in zip(
        controllers.documents(values, Release()), played(provisioner), strict=True
    ):
        spec = {**ours["spec"]}
        hooks = spec.pop("hooks")
        spec.pop("resyncPeriodSeconds")
        plays = theirs.to_json()

        assert (ours["kind"], ours["metadata"]["name"]) == (plays["kind"], theirs.name)
        assert {**spec, "hooks": plays["spec"]["hooks"]} == plays["spec"]
        assert {
            name: (hook["version"], hook["webhook"]["path"]) for name, hook in hooks.items()
        } == {
            "sync": ("v2", theirs.sync_path),
            "customize": ("v2", theirs.customize_path),
        }


def test_the_kinds_that_are_declared_are_those_that_the_composites_return() -> None:
    returned: dict[Provisioner, set[str]] = {each: set() for each in Provisioner}
    for case in CASES:
        answer = read(case / "response.yaml")
        found = [*(answer.get("children") or ()), *(answer.get("attachments") or ())]
        provisioner = catalog_of(case).provisioning.provisioner
        returned[provisioner] |= {f"{each['kind']}.{each['apiVersion']}" for each in found}

    declared = {
        each: {kind for controller in played(each) for kind in controller.child_kinds}
        for each in Provisioner
    }

    assert returned[Provisioner.MACHINE] == declared[Provisioner.MACHINE]
    for provisioner in Provisioner:
        assert returned[provisioner] <= declared[provisioner]


def test_attachments_are_exactly_the_kind_that_is_chosen() -> None:
    found = {
        name: [
            attached["resource"]
            for each in specs
            for attached in each["spec"].get("attachments", ())
        ]
        for name, specs in controllers.facts().items()
    }

    assert found == {"machine": ["machines"], "nodeclaim": ["nodeclaims"], "none": []}


@pytest.mark.parametrize("provisioner", Provisioner)
@pytest.mark.parametrize("strategy", rbac.STRATEGIES)
def test_rights_name_no_resource_twice_and_nothing_is_granted_by_a_star(
    provisioner: Provisioner, strategy: str
) -> None:
    granted = [
        (group, resource)
        for rule in rbac.rules(provisioner, strategy)
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    ]

    assert len(granted) == len(set(granted))
    assert "*" not in json.dumps(rbac.rules(provisioner, strategy))
    assert ("", "secrets") not in granted


def test_what_customize_can_ask_for_may_be_watched() -> None:
    asked: set[str] = set()
    for case in CASES:
        answer = read(case / "response.yaml")
        for rule in answer.get("relatedResources") or ():
            asked.add(RESOURCES[rule["apiVersion"], rule["resource"]].key)
        asked |= set(read(case / "request.yaml").get("related") or ())
    related = {
        RESOURCES[rule.apiVersion, rule.resource].key
        for provisioner in Provisioner
        for rule in rbac.related_kinds(provisioner)
    }

    assert asked <= related
    assert related == {
        names.MACHINES,
        names.NODECLAIMS,
        names.NODES,
        names.PODS,
        names.CONFIGMAPS,
        names.WORKSPACES,
    }


def test_claims_are_only_looked_at_by_those_who_make_them() -> None:
    for provisioner in Provisioner:
        others = {kind.plural for each, kind in CLAIMS.items() if each is not provisioner}

        assert not others & {
            resource
            for rule in rbac.rules(provisioner, "dynamic-apply")
            for resource in rule["resources"]
        }


def test_only_server_side_apply_patches_children() -> None:
    for strategy in rbac.STRATEGIES:
        patched = {
            resource
            for rule in rbac.rules(Provisioner.MACHINE, strategy)
            for resource in rule["resources"]
            if "patch" in rule["verbs"]
        }
        children = {
            rule.kind.plural
            for controller in played(Provisioner.MACHINE)
            for rule in controller.children
        }

        assert patched == {"events"} | (children if strategy == "server-side-apply" else set())


def test_crds_are_those_of_the_chart() -> None:
    code, out, err = run("helm", "show", "crds", CHART)

    assert code == 0, err
    assert {identity(each): each for each in documents(out)} == {
        identity(each): each for each in crds.all_crds()
    }


def test_rights_of_an_existing_metacontroller_follow_its_strategy() -> None:
    existing = yaml.safe_load(
        (CHART / "ci/existing-metacontroller-values.yaml").read_text(encoding="utf-8")
    )
    strategy = {"metacontroller": {"applyStrategy": "server-side-apply"}}

    [role] = rbac.documents(read_values([existing, strategy], Release()), Release())

    assert role["rules"] == rbac.rules(Provisioner.MACHINE, "server-side-apply")


def test_an_existing_metacontroller_has_brought_its_own_crds() -> None:
    values = read_file(CHART / "ci/existing-metacontroller-values.yaml", Release())

    assert [each["metadata"]["name"] for each in crds.documents(values, Release())] == [
        "workspaces.kaito.sh"
    ]


@pytest.mark.parametrize("has", APIS)
def test_auto_takes_what_the_cluster_has(has: str) -> None:
    release = Release(api_versions=frozenset({APIS[has]}))

    code, out, err = helm(
        *("template", "metakaito", CHART, "--show-only", "templates/hooks-deployment.yaml"),
        f"--api-versions={APIS[has]}",
    )

    [deployment] = documents(out)
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    environment = {each["name"]: each["value"] for each in container["env"]}
    assert (code, err) == (0, "")
    assert environment["METAKAITO_PROVISIONER"] == release.provisioner(Values()) == has


@pytest.mark.parametrize("has", [(), ("monitoring.coreos.com/v1",)])
def test_auto_is_refused_where_no_cluster_is_asked(has: tuple[str, ...]) -> None:
    sentence = (
        "provisioner: is auto, and no cluster is asked what it has; set it to machine, nodeclaim "
        "or none (metakaito generate: --provisioner nodeclaim), or say "
        "--api-versions karpenter.sh/v1/NodeClaim"
    )

    code, out, err = helm("template", CHART, *(f"--api-versions={api}" for api in has))
    with pytest.raises(Undecided, match=f"^{re.escape(sentence)}$"):
        Release(api_versions=frozenset(has)).provisioner(Values())

    assert (code, out) == (1, "")
    assert sentence in err.splitlines()


def test_auto_does_not_choose_between_two() -> None:
    sentence = (
        "provisioner: the cluster has both karpenter.sh/v1alpha5 Machine and karpenter.sh/v1 "
        "NodeClaim; set it to machine or nodeclaim"
    )

    code, _, err = helm("template", CHART, *(f"--api-versions={api}" for api in APIS.values()))
    with pytest.raises(Undecided, match=f"^{re.escape(sentence)}$"):
        Release(api_versions=frozenset(APIS.values())).provisioner(Values())

    assert code == 1
    assert sentence in err.splitlines()
