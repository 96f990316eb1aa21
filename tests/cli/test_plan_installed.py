"""``metakaito plan --cluster``: it answers as the hooks would that are installed there."""

import copy
import json
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from composite.models import JsonObject
from composite.simulate import Clock, Cluster
from composite.simulate.in_process import InProcess
from hooks.cli.about import installed
from hooks.settings import Settings
from tests.charts.rendering import template
from tests.cli.conftest import QUICK_START, Run
from tests.hooks.dev.conftest import fake_api

SHIPPED = Path(__file__).parents[2] / "presets/models/phi-3-mini-4k-instruct.yaml"
OURS = {
    **yaml.safe_load(SHIPPED.read_text()),
    "name": "our-own",
    "image": "our-own:7",
    "source": "https://models.example/our-own",
}
ROW: JsonObject = {
    "name": "Standard_Own",
    "gpuCount": 1,
    "gpuMemoryGi": 80,
    "source": "https://nodes.example/own",
}
WANTED = QUICK_START.replace("phi-3-mini-4k-instruct", "our-own").replace(
    "Standard_NC6s_v3", "Standard_Own"
)
OUTER = '{"name": "outer", "mountPath": "/etc/metakaito"}'
EMPTY = '{"name": "outer", "configMap": {"name": "of-somebody-else"}}'


@pytest.fixture(scope="module")
def release() -> list[JsonObject]:
    """The Deployment of the hooks and their ConfigMap, as the chart writes them."""
    found = template({"presets": {"models": {"our-own": OURS}, "instanceTypes": [ROW]}})
    hooks = [each for each in found if each["metadata"]["name"].startswith("metakaito")]
    return [
        each
        for each in hooks
        if each["kind"] == "ConfigMap"
        or (each["kind"] == "Deployment" and "presets" in json.dumps(each))
    ]


def planned(
    run: Run,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    there: Iterable[JsonObject],
    *options: str,
) -> tuple[int, str, JsonObject]:
    """Return exit code, errors and plan of a Workspace of a preset that only the cluster has."""
    clock = Clock()
    live = Cluster(InProcess(Settings().catalog(), clock), clock=clock)
    for each in there:
        live.apply(copy.deepcopy(each))
    (folder / "wanted.yaml").write_text(WANTED)
    with fake_api(monkeypatch) as fake:
        fake.store = live.store
        where = ("--cluster", "--kubeconfig", str(fake.kubeconfig(folder)))
        result = run("plan", "wanted.yaml", *where, *options, "-o", "json")
    return result.code, result.err, json.loads(result.out)["workspaces"][0]


def test_presets_and_instance_types_of_a_release_are_read_from_its_configmap(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, release: list[JsonObject]
) -> None:
    code, said, found = planned(run, folder, monkeypatch, release)

    assert (code, said, found["refused"]) == (3, "", [])
    image = "mcr.microsoft.com/aks/kaito/our-own:7"
    assert image in json.dumps([each for each in found["changes"] if each["kind"] == "Deployment"])


def changed(release: list[JsonObject], kind: str, old: str, new: str) -> list[JsonObject]:
    """Return a release, a word in the objects of a kind replaced."""
    return [
        json.loads(json.dumps(each).replace(old, new)) if each["kind"] == kind else each
        for each in release
    ]


def test_presets_that_cannot_be_read_are_missed_aloud(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, release: list[JsonObject]
) -> None:
    gone = [each for each in release if each["kind"] != "ConfigMap"]
    elsewhere = changed(release, "Deployment", '"configMap":', '"csi":')

    unread = planned(run, folder, monkeypatch, gone)
    unknown = planned(run, folder, monkeypatch, elsewhere)

    advice = "only the presets of this version are known: give the others with --presets"
    name = next(f"{each['metadata']['name']}" for each in release if each["kind"] == "ConfigMap")
    space = release[0]["metadata"]["namespace"]
    told = f"ConfigMap {space}/{name} has the presets of the hooks, and cannot be read"
    assert unread[:2] == (2, f"--cluster: warning: {told}\n--cluster: warning: {advice}\n")
    assert "has presets of its own, and not from a ConfigMap\n" in unknown[1]
    assert (unknown[0], unknown[1].endswith(f"--cluster: warning: {advice}\n")) == (2, True)


def test_presets_of_here_are_taken_where_they_are_named(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, release: list[JsonObject]
) -> None:
    for path, fact in (
        ("models/our-own.yaml", {**OURS, "image": "our-own:8"}),
        ("instance_types/azure.yaml", [ROW]),
    ):
        (folder / "mine" / path).parent.mkdir(parents=True)
        (folder / "mine" / path).write_text(yaml.safe_dump(fact))

    code, said, found = planned(run, folder, monkeypatch, release, "--presets", "mine")

    assert (code, said) == (
        3,
        "--cluster: warning: the presets of here are taken for those of the cluster: mine\n",
    )
    assert "our-own:8" in json.dumps(found["changes"])


def test_hooks_of_another_version_are_told(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, release: list[JsonObject]
) -> None:
    other = changed(
        release,
        "Deployment",
        f'"app.kubernetes.io/version": "{installed()}"',
        '"app.kubernetes.io/version": "0.0.9"',
    )

    code, said, _ = planned(run, folder, monkeypatch, other)

    assert code == 3
    assert said.endswith(
        f" is of metakaito 0.0.9, and this is {installed()}: what it would do may differ\n"
    )


def test_the_innermost_mount_is_what_the_hooks_see(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, release: list[JsonObject]
) -> None:
    hidden = changed(release, "Deployment", '"volumeMounts": [', f'"volumeMounts": [{OUTER}, ')
    other = changed(hidden, "Deployment", '"volumes": [', f'"volumes": [{EMPTY}, ')

    code, said, _ = planned(run, folder, monkeypatch, other)

    assert (code, said) == (3, "")
