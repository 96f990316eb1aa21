"""A bundle of a converged world, from an API server in this process."""

import io
import json
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts.controllers import documents
from charts.release import Release
from charts.values import Values
from composite.models import JsonObject
from composite.redaction import Redactor
from composite.simulate import Clock, Cluster, objects
from composite.simulate.in_process import InProcess
from hooks.cli import bundling
from hooks.cli.bundling import Bundle
from hooks.dev.api import Api
from hooks.settings import Settings
from tests.cli.conftest import Run, served_by_a_template
from tests.hooks.dev.conftest import fake_api
from tests.hooks.dev.fake_api import FakeApi

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
PHI = "workspace-phi-3-mini"
EXAMPLES = Path(__file__).parents[2] / "examples"
SECRET = "hunter2-of-mine"  # noqa: S105  (it is not to be found)

HOOKS: JsonObject = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {
        "name": "metakaito",
        "namespace": "metakaito-system",
        "labels": {"app.kubernetes.io/part-of": "metakaito"},
    },
    "spec": {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {
            "metadata": {"labels": {"a": "b"}},
            "spec": {
                "containers": [
                    {
                        "name": "hooks",
                        "image": "registry.example/metakaito:7",
                        "env": [
                            {"name": "METAKAITO_PROVISIONER", "value": "machine"},
                            {"name": "METAKAITO_STEPS_IMAGE", "value": "registry.example/m:7"},
                            {"name": "PASSWORD", "value": SECRET},
                        ],
                    }
                ]
            },
        },
    },
}
TEMPLATED = served_by_a_template("templated", SECRET)


def the_quick_start() -> JsonObject:
    found: JsonObject = yaml.safe_load((EXAMPLES / "phi-3.yaml").read_text())
    return found


@pytest.fixture
def cluster() -> Cluster:
    """Two Workspaces that serve; nothing changes any more."""
    clock = Clock()
    found = Cluster(InProcess(Settings().catalog(), clock), clock=clock)
    for obj in (the_quick_start(), TEMPLATED):
        found.apply(obj)
    found.run()
    return found


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, cluster: Cluster) -> Iterator[FakeApi]:
    with fake_api(monkeypatch) as fake:
        fake.store = cluster.store
        namespace = {"apiVersion": "v1", "kind": "Namespace"}
        fake.apply({**namespace, "metadata": {"name": "metakaito-system"}})
        fake.apply(HOOKS)
        for obj in documents(Values(provisioner="machine"), Release()):
            fake.apply(obj)
        yield fake


@pytest.fixture
def connection(api: FakeApi, tmp_path: Path) -> Api:
    return Api(api.kubeconfig(tmp_path), None, 1)


def bundled(connection: Api, name: str = PHI) -> Bundle:
    return bundling.bundle(connection, "default", name, NOW)


def read(found: Bundle, name: str) -> Any:  # noqa: ANN401  (JSON)
    return json.loads(found.files[name])


def manifest(found: Bundle) -> JsonObject:
    whole: JsonObject = read(found, "manifest.json")
    return whole


def test_it_holds_the_workspace_with_all_that_is_its(connection: Api) -> None:
    names = [name.removeprefix("objects/") for name in sorted(bundled(connection).files)]

    assert [name for name in names if not name.startswith("ControllerRevision")] == [
        "manifest.json",
        "CompositeController.metacontroller.k8s.io/metakaito-workspaces.json",
        "DecoratorController.metacontroller.k8s.io/metakaito-machines.json",
        "Deployment.apps/default/workspace-phi-3-mini.json",
        "Deployment.apps/metakaito-system/metakaito.json",
        "Machine.karpenter.sh/ws8d257fd8a.json",
        "Namespace/default.json",
        "Node/aks-ws8d257fd8a-26599065-vmss000000.json",
        next(name for name in names if name.startswith("Pod/default/workspace-phi-3-mini")),
        "Service/default/workspace-phi-3-mini.json",
        "Workspace.kaito.sh/default/workspace-phi-3-mini.json",
        "requests/1-workspaces-customize.json",
        "requests/2-workspaces-sync.json",
        "requests/3-machines-customize.json",
        "requests/4-machines-sync.json",
    ]


def test_its_requests_are_those_of_metacontroller(connection: Api, cluster: Cluster) -> None:
    found = bundled(connection)

    for path, file in (
        ("/workspaces/customize", "1-workspaces-customize"),
        ("/workspaces/sync", "2-workspaces-sync"),
        ("/machines/sync", "4-machines-sync"),
    ):
        asked = read(found, f"requests/{file}.json")["request"]
        about = (asked.get("parent") or asked["object"])["metadata"]["name"]
        [*_, last] = [
            each.request
            for each in cluster.requests
            if each.path == path
            and (each.request.get("parent") or each.request["object"])["metadata"]["name"] == about
        ]
        for side in (asked, last):
            del side["controller"]
        assert without_status(asked) == without_status(Redactor().request(last)), path


def without_status(request: Any) -> Any:  # noqa: ANN401  (JSON)
    """A customize request of an earlier moment, without what has become of its parent."""
    parent = request.get("parent") or request["object"]
    return {**request, "parent": {**parent, "status": {}, "metadata": {}}, "object": {}}


def test_its_requests_name_the_controllers_of_the_cluster(connection: Api, api: FakeApi) -> None:
    found = read(bundled(connection), "requests/2-workspaces-sync.json")["request"]["controller"]

    told = api.store.list_of("CompositeController.metacontroller.k8s.io/v1alpha1")[0]
    assert found["metadata"] == told["metadata"]
    assert found["spec"]["hooks"] == told["spec"]["hooks"]


def test_it_says_what_is_installed(connection: Api) -> None:
    found = manifest(bundled(connection))

    assert found["images"] == {
        "Deployment metakaito-system/metakaito hooks": "registry.example/metakaito:7"
    }
    assert found["settings"]["steps"].startswith("registry.example/m:7, ")
    assert found["workspace"] == {"namespace": "default", "name": PHI}
    assert found["notes"] == []


def test_it_is_read_only(connection: Api, api: FakeApi) -> None:
    before = len(api.store.changes(0))
    bundled(connection)

    assert {request.partition(" ")[0] for request in api.requests} == {"GET"}
    assert len(api.store.changes(0)) == before
    assert not [request for request in api.requests if "secrets" in request]


def test_it_holds_no_secret(connection: Api, api: FakeApi) -> None:
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "templated.1", "namespace": "default"},
        "involvedObject": {"kind": "Workspace", "name": "templated"},
        "message": f"it said {SECRET}",
    }
    api.apply(event)

    found = bundled(connection, "templated")

    assert "objects/Event/default/templated.1.json" in found.files
    assert [name for name, text in found.files.items() if SECRET.encode() in text] == []
    assert found.hidden["env of containers"] > 0
    assert manifest(found)["hidden"] == dict(found.hidden)


def test_an_orphan_that_would_be_adopted_is_in_the_request(connection: Api, api: FakeApi) -> None:
    parent = api.store.get(objects.Ref(objects.WORKSPACE.key, "default", PHI))
    assert parent is not None
    stray = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "stray",
            "namespace": "default",
            "labels": {"controller-uid": objects.uid_of(parent)},
        },
        "spec": {"ports": [{"port": 80}]},
    }
    api.apply(stray)

    asked = read(bundled(connection), "requests/2-workspaces-sync.json")["request"]

    assert sorted(asked["children"]["Service.v1"]) == ["default/stray", f"default/{PHI}"]


def test_replay_reads_it_as_it_is(connection: Api, run: Run, folder: Path) -> None:
    found = bundled(connection, "templated")
    (folder / "b.tar.gz").write_bytes(bundling.archive("b", found.files))

    result = run("replay", "b.tar.gz")

    assert (result.code, result.out.splitlines()[-1]) == (0, "4 equal")


def test_the_same_cluster_gives_the_same_bytes(connection: Api) -> None:
    once, again = (bundling.archive("b", bundled(connection).files) for _ in range(2))

    assert once == again
    with tarfile.open(fileobj=io.BytesIO(once)) as found:
        members = found.getmembers()
    assert [each.name for each in members] == sorted(each.name for each in members)
    assert {(each.mtime, each.uid, each.uname, each.mode) for each in members} == {
        (bundling.DATED, 0, "", 0o600)
    }


class TestWhatCannotBeRead:
    def test_is_noted(self, connection: Api, api: FakeApi) -> None:
        api.refusals["/api/v1/nodes"] = 403, "nodes is forbidden"
        api.refusals["/apis/metacontroller.k8s.io/v1alpha1/compositecontrollers"] = 403, "no"

        found = bundled(connection)

        assert found.notes == [
            "CompositeController.metacontroller.k8s.io/v1alpha1: no",
            "no CompositeController of ours could be read: metakaito-workspaces is assumed",
            "Node.v1: nodes is forbidden",
        ]
        assert manifest(found)["notes"] == found.notes
        assert found.requests == 4

    def test_a_kind_that_is_not_there_is_noted(self, connection: Api, api: FakeApi) -> None:
        api.hidden = {"Machine.karpenter.sh/v1alpha5", "NodeClaim.karpenter.sh/v1"}

        found = bundled(connection)

        assert [note.partition(":")[0] for note in found.notes] == [
            "DecoratorController metakaito-machines",
            "no DecoratorController of ours could be read",
            "metakaito-workspaces",
            "there is no Machine.karpenter.sh/v1alpha5 in this cluster",
        ]
        assert found.requests == 2
        assert "objects/Workspace.kaito.sh/default/workspace-phi-3-mini.json" in found.files

    def test_without_the_hooks_the_settings_of_here_are_used(
        self, connection: Api, api: FakeApi
    ) -> None:
        api.refusals["/apis/apps/v1/deployments"] = 403, "no"

        assert bundled(connection).notes == [
            "Deployment.apps/v1: no",
            "no Deployment tells the settings of the hooks: those of here are used",
        ]


def test_the_command_writes_a_file(
    api: FakeApi, run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = str(api.kubeconfig(folder))
    monkeypatch.setattr(bundling, "read_time", lambda: NOW)

    result = run("support-bundle", PHI, "--kubeconfig", config)

    file = folder / f"support-bundle-default-{PHI}.tar.gz"
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[-1] == f"wrote {file.name}"
    assert result.out.splitlines()[0].startswith("4 requests, ")
    assert file.stat().st_mode & 0o777 == 0o600
    assert run("replay", file.name).out.splitlines()[-1] == "4 equal"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("none",), "there is no Workspace default/none to be read\n"),
        (
            (PHI, "-o", "nowhere/b.tar.gz"),
            "nowhere/b.tar.gz: cannot be written: No such file or directory\n",
        ),
    ],
)
def test_what_cannot_be_done_is_told(
    api: FakeApi, run: Run, folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = run("support-bundle", *arguments, "--kubeconfig", str(api.kubeconfig(folder)))

    assert result == (1, "", message)


def test_a_bundle_in_the_place_of_a_file_that_all_could_read_is_its_owners(
    api: FakeApi, run: Run, folder: Path
) -> None:
    (folder / "b.tar.gz").write_bytes(b"old")
    (folder / "b.tar.gz").chmod(0o644)

    result = run(
        "support-bundle", PHI, "-o", "b.tar.gz", "--kubeconfig", str(api.kubeconfig(folder))
    )

    assert (result.code, result.err) == (0, "")
    assert (folder / "b.tar.gz").stat().st_mode & 0o777 == 0o600
    assert run("replay", "b.tar.gz").out.splitlines()[-1] == "4 equal"


def test_a_workspace_that_may_not_be_read_is_told(api: FakeApi, run: Run, folder: Path) -> None:
    path = f"/apis/kaito.sh/v1alpha1/namespaces/default/workspaces/{PHI}"
    api.refusals[path] = 403, "you may not"

    result = run("support-bundle", PHI, "--kubeconfig", str(api.kubeconfig(folder)))

    assert result == (
        1,
        "",
        f"Workspace default/{PHI}: you may not\nthere is no Workspace default/{PHI} to be read\n",
    )


def test_where_nobody_answers(api: FakeApi, run: Run, folder: Path) -> None:
    config = str(api.kubeconfig(folder))
    api.stop()

    result = run("support-bundle", PHI, "--kubeconfig", config)

    assert (result.code, result.out) == (1, "")
    assert "Connection refused" in result.err
