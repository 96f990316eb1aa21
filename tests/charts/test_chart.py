"""What Helm makes of the chart, beyond that it is valid Kubernetes."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from charts.chart import HERE
from charts.kustomize import MONITORING
from charts.release import Release
from composite.catalog import ADAPTER_BASE, RUNTIME_IMAGE, STEPS_IMAGE, Provisioner
from composite.models import JsonObject
from hooks.settings import VARIABLES
from tests.charts.rendering import (
    CHART,
    KUBERNETES,
    ROOT,
    chart_in_a_cluster,
    documents,
    helm,
    identity,
    run,
)
from tests.golden.test_pod_security import (
    RESTRICTED_VOLUMES,
    beyond_baseline,
    beyond_restricted,
    containers,
)

CI = sorted(CHART.glob("ci/*.yaml"))
CRDS = HERE / "metakaito-crds"
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]

# What of "restricted" a Pod does not keep to, and why: it shows the node's GPUs to the kubelet.
DEVICE_PLUGIN = "device-plugin"


def render(values: JsonObject, *arguments: str, release: Release | None = None) -> list[JsonObject]:
    release = release or Release()
    code, out, err = helm(
        *("template", release.name, chart_in_a_cluster()),
        *("--namespace", release.namespace, "--values", "-"),
        *("--api-versions", "monitoring.coreos.com/v1", *arguments),
        given=json.dumps(values),
    )
    assert (code, err) == (0, "")
    return documents(out)


def read(file: Path) -> JsonObject:
    found: JsonObject = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found


def pods(found: list[JsonObject]) -> Iterator[tuple[str, JsonObject]]:
    """Yield the name of each container's Pod, and its spec."""
    for each in found:
        spec = each.get("spec") or {}
        if "template" in spec:
            yield identity(each), spec["template"]["spec"]
        elif each["kind"] == "Pod":
            yield identity(each), spec


def only(found: list[JsonObject], kind: str, name: str = "metakaito") -> JsonObject:
    [it] = [each for each in found if each["kind"] == kind and each["metadata"]["name"] == name]
    return it


@pytest.mark.parametrize("file", CI, ids=lambda file: file.stem)
def test_every_pod_keeps_to_the_standard_restricted(file: Path) -> None:
    found = list(pods(render(read(file))))
    ours = [(name, pod) for name, pod in found if not name.endswith(DEVICE_PLUGIN)]

    assert len(ours) >= 1
    for name, pod in ours:
        assert (name, list(beyond_baseline(pod))) == (name, [])
        for container in containers(pod):
            assert (name, list(beyond_restricted(container, pod))) == (name, [])
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
        kinds = {kind for volume in pod.get("volumes", ()) for kind in volume if kind != "name"}
        assert kinds <= RESTRICTED_VOLUMES


def test_the_device_plugin_needs_a_directory_of_the_node_and_nothing_else() -> None:
    found = render({"provisioner": "none", "devicePlugin": {"enabled": True}})
    [pod] = [pod for name, pod in pods(found) if name.endswith(DEVICE_PLUGIN)]

    assert list(beyond_baseline(pod)) == ["hostPath of device-plugins"]
    assert list(beyond_restricted(pod["containers"][0], pod)) == ["runAsNonRoot"]


@pytest.mark.parametrize("file", CI, ids=lambda file: file.stem)
def test_every_container_says_what_it_needs(file: Path) -> None:
    for name, pod in pods(render(read(file))):
        for container in containers(pod):
            assert (name, set(container["resources"])) == (name, {"requests", "limits"})
            assert (name, container["resources"]["limits"].keys()) == (name, {"memory"})


@pytest.mark.parametrize("file", CI, ids=lambda file: file.stem)
def test_only_who_talks_to_the_api_server_has_a_token(file: Path) -> None:
    with_token = {
        name for name, pod in pods(render(read(file))) if pod["automountServiceAccountToken"]
    }

    assert with_token <= {
        "StatefulSet metakaito-system/metakaito-metacontroller",
        "Job metakaito-system/metakaito-before-uninstall",
    }


@pytest.mark.parametrize("file", CI, ids=lambda file: file.stem)
def test_rendering_twice_gives_the_same(file: Path) -> None:
    arguments = (
        *("template", "metakaito", chart_in_a_cluster(), "--values", file),
        *("--kube-version", KUBERNETES, "--api-versions", MONITORING),
    )
    once = run("helm", *arguments)

    assert once[::2] == (0, "")
    assert run("helm", *arguments) == once


@pytest.mark.parametrize("file", CI, ids=lambda file: file.stem)
def test_every_variable_is_a_setting(file: Path) -> None:
    variables = {
        each["name"]
        for _, pod in pods(render(read(file)))
        for container in pod["containers"]
        if container.get("command", [""])[0] == "metakaito"
        for each in container.get("env", ())
    }

    assert variables <= set(VARIABLES)


def test_everything_carries_the_labels_of_the_release() -> None:
    found = render({"provisioner": "machine", "commonLabels": {"team": "models"}})

    for each in found:
        labels = each["metadata"]["labels"]
        assert labels["app.kubernetes.io/part-of"] == "metakaito", identity(each)
        assert labels["app.kubernetes.io/instance"] == "metakaito"
        assert labels["helm.sh/chart"] == f"metakaito-{VERSION}"
        assert labels["team"] == "models"


@pytest.mark.parametrize(
    ("release", "values", "expected"),
    [
        ("metakaito", {}, "metakaito"),
        ("my-metakaito", {}, "my-metakaito"),
        ("models", {}, "models-metakaito"),
        ("models", {"nameOverride": "kaito"}, "models-kaito"),
        ("models", {"fullnameOverride": "kaito"}, "kaito"),
        ("m" * 53, {}, "m" * 40),
    ],
)
def test_names(release: str, values: JsonObject, expected: str) -> None:
    found = render({"provisioner": "none", **values}, release=Release(release))

    assert only(found, "Deployment", expected) is not None
    assert all(len(each["metadata"]["name"]) <= 63 for each in found)


def test_other_presets_make_new_pods_and_nothing_else_does() -> None:
    values = read(CHART / "ci/own-presets-values.yaml")

    def checksum(values: JsonObject) -> str:
        template = only(render(values), "Deployment")["spec"]["template"]
        return str(template["metadata"]["annotations"]["checksum/presets"])

    without = {key: value for key, value in values.items() if key != "presets"}
    assert checksum(values) != checksum(without)
    assert checksum(without) == checksum({**without, "hooks": {"replicas": 3}})


def test_presets_lie_where_the_hooks_look() -> None:
    found = render(read(CHART / "ci/own-presets-values.yaml"))
    config = only(found, "ConfigMap", "metakaito-presets")
    pod = only(found, "Deployment")["spec"]["template"]["spec"]
    [volume] = [each for each in pod["volumes"] if each["name"] == "presets"]
    items = {each["path"]: each["key"] for each in volume["configMap"]["items"]}

    assert set(items) == {"models/tiny-chat.yaml", "instance_types/azure.yaml"}
    assert set(items.values()) == set(config["data"])


def test_the_hooks_read_their_presets(tmp_path: Path) -> None:
    from presets import load_catalog  # noqa: PLC0415  (for this test alone)

    found = render(read(CHART / "ci/own-presets-values.yaml"))
    data = only(found, "ConfigMap", "metakaito-presets")["data"]
    for name, text in data.items():
        folder, _, file = name.partition(".")
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / file).write_text(text)

    catalog = load_catalog(overlay=tmp_path)

    assert catalog.presets["tiny-chat"].image == "kaito-tiny-chat:1"
    assert catalog.instance_types["Standard_Tiny"].gpuMemoryGi == 16


def test_a_pod_that_ends_answers_until_the_network_knows_it() -> None:
    pod = only(render({"hooks": {"preStopSeconds": 7, "stopSeconds": 30}}), "Deployment")["spec"][
        "template"
    ]["spec"]
    [container] = pod["containers"]

    assert container["lifecycle"] == {"preStop": {"sleep": {"seconds": 7}}}
    assert pod["terminationGracePeriodSeconds"] == 42


def test_a_standby_metacontroller_elects_a_leader() -> None:
    found = render(read(CHART / "ci/highly-available-values.yaml"))
    alone = render({"provisioner": "nodeclaim"})

    def flags(found: list[JsonObject]) -> set[str]:
        stateful = only(found, "StatefulSet", "metakaito-metacontroller")
        [container] = stateful["spec"]["template"]["spec"]["containers"]
        return set(container["args"])

    assert flags(found) - flags(alone) == {
        "--leader-election",
        "--leader-election-namespace=metakaito-system",
        "--leader-election-id=metakaito-metacontroller",
    }
    assert "--target-label-selector=app.kubernetes.io/part-of=metakaito" in flags(alone)


def test_with_authentication_both_ends_have_the_token() -> None:
    found = render(read(CHART / "ci/authentication-values.yaml"))
    secret = {"name": "metakaito-token", "namespace": "metakaito-system", "key": "token"}

    for kind, name in (
        ("CompositeController", "metakaito-workspaces"),
        ("DecoratorController", "metakaito-machines"),
    ):
        for hook in only(found, kind, name)["spec"]["hooks"].values():
            assert hook["webhook"]["authorization"] == {"type": "Bearer", "secretRef": secret}
    pod = only(found, "Deployment")["spec"]["template"]["spec"]
    [volume] = [each for each in pod["volumes"] if each["name"] == "token"]
    assert volume["secret"]["secretName"] == "metakaito-token"


def test_with_an_existing_metacontroller_there_is_none_of_ours() -> None:
    found = render(read(CHART / "ci/existing-metacontroller-values.yaml"))

    assert [identity(each) for each in found if "metacontroller" in identity(each).lower()] == []
    assert only(found, "CompositeController", "metakaito-workspaces") is not None


def test_hooks_elsewhere_are_asked_by_their_url() -> None:
    found = render(read(CHART / "ci/hooks-elsewhere-values.yaml"))
    composite = only(found, "CompositeController", "metakaito-workspaces")

    assert composite["spec"]["hooks"]["sync"]["webhook"] == {
        "timeout": "10s",
        "url": "http://127.0.0.1:8080/workspaces/sync",
    }
    assert [each for each in found if each["kind"] == "Deployment"] == []


@pytest.mark.parametrize(
    ("workspaces", "verbs"),
    [("abandon", set()), ("refuse", {"list"}), ("delete", {"list", "delete"})],
)
@pytest.mark.parametrize("provisioner", Provisioner)
def test_before_it_goes_a_job_may_do_just_what_it_needs(
    provisioner: Provisioner, workspaces: str, verbs: set[str]
) -> None:
    values = {"provisioner": provisioner.value, "uninstall": {"workspaces": workspaces}}
    # Nodes that another provisioner has made are looked for too.
    kinds = {(kind, verb) for kind in ("machines", "nodeclaims") for verb in ("list", "delete")}
    found = [
        each
        for each in render(values)
        if each["metadata"]["labels"]["app.kubernetes.io/component"] == "uninstall"
    ]
    granted = {
        (resource, verb)
        for each in found
        for rule in each.get("rules", ())
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }

    assert granted == (kinds | {("workspaces", verb) for verb in verbs} if verbs else set())
    assert {each["metadata"]["annotations"]["helm.sh/hook"] for each in found} <= {"pre-delete"}
    assert {each["kind"] for each in found} == (
        {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Job"} if verbs else set()
    )


def test_the_job_says_what_keeps_the_release() -> None:
    found = render({"provisioner": "none"}, release=Release("mine", "models"))
    job = only(found, "Job", "mine-metakaito-before-uninstall")
    [container] = job["spec"]["template"]["spec"]["containers"]

    assert container["command"] == [
        *("metakaito", "cleanup", "--in-cluster", "--workspaces=refuse", "--timeout=240"),
        "--keep=helm rollback mine 1 -n models",
    ]


def test_without_a_cluster_there_is_no_job_that_would_run_at_each_apply() -> None:
    code, out, err = helm(
        *("template", CHART, "--set", "provisioner=machine,uninstall.workspaces=delete")
    )

    assert (code, err) == (0, "")
    assert [each for each in documents(out) if each["kind"] == "Job"] == []


@pytest.mark.parametrize("chart", [CHART, CRDS], ids=lambda chart: chart.name)
def test_the_version_is_the_programs(chart: Path) -> None:
    about = read(chart / "Chart.yaml")

    assert (about["version"], about["appVersion"]) == (VERSION, VERSION)


@pytest.mark.parametrize(
    ("metacontroller", "expected"),
    [
        ({}, "460MiB"),
        ({"resources": {"limits": {"memory": "1.5Gi"}}}, "1382MiB"),
        ({"resources": {"limits": {"memory": "500M"}}}, "429MiB"),
        ({"resources": {"limits": {"memory": 536870912}}}, "460MiB"),
        ({"resources": {"limits": {"memory": None}}}, None),
        ({"goMemLimit": "100MiB"}, "100MiB"),
        ({"goMemLimit": "off"}, "off"),
    ],
)
def test_go_collects_before_the_limit_of_memory(
    metacontroller: JsonObject, expected: str | None
) -> None:
    found = render({"provisioner": "machine", "metacontroller": metacontroller})
    stateful = only(found, "StatefulSet", "metakaito-metacontroller")
    [container] = stateful["spec"]["template"]["spec"]["containers"]

    wanted = [] if expected is None else [{"name": "GOMEMLIMIT", "value": expected}]
    assert container.get("env", []) == wanted


def test_a_limit_of_memory_that_nobody_can_read_is_named() -> None:
    code, _, err = helm(
        *("template", CHART, "--set", "provisioner=machine"),
        *("--set", "metacontroller.resources.limits.memory=12x"),
    )

    assert code == 1
    assert (
        "metacontroller.resources.limits.memory: is 12x; write it as 512Mi or 1Gi, or set "
        "metacontroller.goMemLimit"
    ) in err.splitlines()


def test_openshift_chooses_the_users() -> None:
    values = {"provisioner": "machine"}
    elsewhere = list(pods(render(values)))
    there = list(pods(render(values, "--api-versions", "security.openshift.io/v1")))

    def users(found: list[tuple[str, JsonObject]]) -> set[int | None]:
        return {pod["securityContext"].get("runAsUser") for _, pod in found}

    assert len(elsewhere) == len(there) >= 3
    assert (users(elsewhere), users(there)) == ({65532}, {None})
    assert all(pod["securityContext"]["runAsNonRoot"] for _, pod in there)


def test_the_nearest_label_wins_and_none_is_said_twice() -> None:
    near = {"team": "near", "more": "1"}
    found = render(
        {
            "provisioner": "machine",
            "commonLabels": {"team": "far", "all": "1"},
            "hooks": {"podLabels": near, "podAnnotations": {"a": "1"}},
            "metacontroller": {"podLabels": near},
            "monitoring": {"dashboard": {"enabled": True, "labels": near}},
        }
    )
    templates = [
        only(found, kind, name)["spec"]["template"]["metadata"]
        for kind, name in (
            ("Deployment", "metakaito"),
            ("StatefulSet", "metakaito-metacontroller"),
        )
    ]
    dashboard = only(found, "ConfigMap", "metakaito-dashboard")["metadata"]

    for metadata in (*templates, dashboard):
        assert metadata["labels"].items() >= {**near, "all": "1"}.items()
    assert only(found, "Deployment")["metadata"]["labels"]["team"] == "far"
    assert templates[0]["annotations"].keys() == {
        "a",
        "checksum/presets",
        "kubectl.kubernetes.io/default-container",
    }


def test_what_looks_like_a_number_stays_a_text() -> None:
    found = render(
        {
            "provisioner": "machine",
            "webhookAuthentication": {"enabled": True, "secretName": "123", "secretKey": "456"},
            "hooks": {"priorityClassName": "789"},
        },
        release=Release("456"),
    )
    deployment = only(found, "Deployment", "456-metakaito")
    pod = deployment["spec"]["template"]["spec"]
    [token] = [each["secret"] for each in pod["volumes"] if each["name"] == "token"]
    composite = only(found, "CompositeController", "metakaito-workspaces")
    secret = composite["spec"]["hooks"]["sync"]["webhook"]["authorization"]["secretRef"]

    assert token == {"secretName": "123", "items": [{"key": "456", "path": "token"}]}
    assert (secret["name"], secret["key"]) == ("123", "456")
    assert pod["priorityClassName"] == "789"
    assert deployment["metadata"]["labels"]["app.kubernetes.io/instance"] == "456"


def test_the_test_asks_whom_metacontroller_asks() -> None:
    found = render({"provisioner": "machine", "hooks": {"url": "https://hooks.example/kaito"}})
    [container] = only(found, "Pod", "metakaito-test")["spec"]["containers"]

    assert container["command"] == ["metakaito", "probe", "https://hooks.example/kaito"]


def test_artifact_hub_is_told_the_images_that_the_chart_uses() -> None:
    told = yaml.safe_load(read(CHART / "Chart.yaml")["annotations"]["artifacthub.io/images"])
    found = render({"provisioner": "machine", "devicePlugin": {"enabled": True}})

    assert {each["image"] for each in told} == {
        container["image"] for _, pod in pods(found) for container in pod["containers"]
    }


def test_an_image_by_its_digest() -> None:
    digest = f"sha256:{'0' * 64}"
    found = render({"image": {"repository": "r.example/m", "tag": "1", "digest": digest}})
    [container] = only(found, "Deployment")["spec"]["template"]["spec"]["containers"]

    assert container["image"] == f"r.example/m@{digest}"


def test_every_image_that_the_chart_names_can_be_given_by_its_digest() -> None:
    digest = f"sha256:{'0' * 64}"
    values = {
        "provisioner": "machine",
        "image": {"digest": digest},
        "metacontroller": {"image": {"digest": digest}},
        "devicePlugin": {"enabled": True, "image": {"digest": digest}},
        "runtime": {"image": f"r.example/runtime@{digest}"},
        "training": {"adapterBase": f"r.example/base@{digest}"},
    }
    found = render(values)
    containers = [container for _, pod in pods(found) for container in pod["containers"]]
    told = [
        variable["value"]
        for container in containers
        for variable in container.get("env", ())
        if variable["name"].endswith(("_IMAGE", "_ADAPTER_BASE"))
    ]

    assert len(set(told)) == 3
    named = [*told, *(container["image"] for container in containers)]
    assert [image for image in named if not image.endswith(f"@{digest}")] == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, {"kaito.sh", "metacontroller.k8s.io"}),
        ({"metacontroller": False}, {"kaito.sh"}),
        ({"workspace": False}, {"metacontroller.k8s.io"}),
    ],
)
def test_the_chart_of_crds_keeps_them(values: JsonObject, expected: set[str]) -> None:
    code, out, err = helm("template", CRDS, "--values", "-", given=json.dumps(values))
    found = documents(out)

    assert (code, err) == (0, "")
    assert {each["spec"]["group"] for each in found} == expected
    assert {each["metadata"]["annotations"]["helm.sh/resource-policy"] for each in found} == {
        "keep"
    }


def settings_of(values: JsonObject) -> dict[str, str]:
    """Return the settings of the hooks that say who serves, tunes, fetches and pushes."""
    [hooks] = [
        document
        for document in render({"provisioner": "none", **values})
        if (document["kind"], document["metadata"]["name"]) == ("Deployment", "metakaito")
    ]
    [container] = hooks["spec"]["template"]["spec"]["containers"]
    wanted = ("RUNTIME", "RUNTIME_IMAGE", "STEPS_IMAGE", "ADAPTER_BASE", "FETCH_ALLOW_NETWORKS")
    names = [f"METAKAITO_{name}" for name in wanted]
    return {each["name"]: each["value"] for each in container["env"] if each["name"] in names}


def test_the_hooks_are_told_of_runtime_and_steps() -> None:
    assert settings_of({}) == {
        "METAKAITO_RUNTIME": "kaito",
        "METAKAITO_RUNTIME_IMAGE": RUNTIME_IMAGE,
        "METAKAITO_STEPS_IMAGE": STEPS_IMAGE,
        "METAKAITO_ADAPTER_BASE": ADAPTER_BASE,
    }


def test_the_steps_run_with_the_image_of_the_hooks() -> None:
    digest = f"sha256:{'0a' * 32}"

    assert settings_of(
        {
            "image": {"repository": "r.example/metakaito", "digest": digest},
            "runtime": {"name": "metakaito", "image": "r.example/runtime:1"},
            "training": {"adapterBase": "scratch", "fetchNetworks": ["10.0.0.0/8", "fd00::/8"]},
        }
    ) == {
        "METAKAITO_RUNTIME": "metakaito",
        "METAKAITO_RUNTIME_IMAGE": "r.example/runtime:1",
        "METAKAITO_STEPS_IMAGE": f"r.example/metakaito@{digest}",
        "METAKAITO_ADAPTER_BASE": "scratch",
        "METAKAITO_FETCH_ALLOW_NETWORKS": "10.0.0.0/8,fd00::/8",
    }
