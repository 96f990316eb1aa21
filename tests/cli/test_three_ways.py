"""What ``krm`` gives is what ``render`` prints, and what the live hooks end with in a cluster."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from composite.catalog import Provisioner
from composite.models import JsonObject
from composite.simulate import Clock, Cluster, gpus_in
from hooks.app import NOW_HEADER, create_app
from hooks.cli.files import read_manifests
from hooks.settings import Settings
from tests.cli.conftest import Run

ROOT = Path(__file__).parents[2] / "examples"
# What names a Workspace of another file, and that file.
BESIDE = {"tiny/serve_tuned.yaml": "tiny/tune.yaml"}
GOOD = [
    file
    for file in sorted(ROOT.rglob("*.yaml"))
    if file.parent.name != "refused" and "\nkind: Workspace\n" in file.read_text("utf-8")
]
MADE_WITH = (Provisioner.MACHINE, Provisioner.NODECLAIM)


class LiveHooks:
    """The four hooks as the server answers them, at the time of a cluster."""

    def __init__(self, client: FlaskClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    def call(self, path: str, body: JsonObject) -> JsonObject:
        headers = {NOW_HEADER: self._clock.now.isoformat()}
        response = self._client.post(path, json=body, headers=headers)
        assert response.status_code == 200, response.get_data(as_text=True)
        answer: JsonObject = response.get_json()
        return answer


def asked(contents: list[JsonObject], provisioner: Provisioner) -> list[JsonObject]:
    """Return the children that the live hooks want once an empty cluster has come to rest."""
    settings = Settings(provisioner=provisioner, virtual_clock=True)
    catalog = settings.catalog()
    clock = Clock()
    cluster = Cluster(
        LiveHooks(create_app(catalog, settings).test_client(), clock),
        clock=clock,
        provisioner=provisioner,
        gpus=gpus_in(catalog),
    )
    for content in sorted(contents, key=lambda each: each["kind"] == "Workspace"):
        cluster.apply(content)
    assert cluster.run()
    return cluster.desired()


def text_of(file: Path) -> str:
    """Return an example, with the one that it needs."""
    beside = BESIDE.get(str(file.relative_to(ROOT)))
    files = [file, *([ROOT / beside] if beside is not None else [])]
    return "\n---\n".join(each.read_text(encoding="utf-8") for each in files)


def cases() -> Iterator[Any]:
    for file in GOOD:
        for provisioner in MADE_WITH:
            name = f"{file.parent.name}/{file.name} {provisioner}"
            yield pytest.param(file, provisioner, id=name)


@pytest.mark.parametrize(("file", "provisioner"), list(cases()))
def test_krm_is_render_is_what_the_live_hooks_want(
    run: Run, file: Path, provisioner: Provisioner
) -> None:
    given_file = Path("given.yaml")
    given_file.write_text(text_of(file), encoding="utf-8")
    contents = [manifest.content for manifest in read_manifests(str(given_file))]
    beside = [content for content in contents if content["kind"] != "Workspace"]
    given = {
        "apiVersion": "config.kubernetes.io/v1",
        "kind": "ResourceList",
        "functionConfig": {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "data": {"provisioner": provisioner.value},
        },
        "items": contents,
    }

    replaced = run("krm", stdin=json.dumps(given))
    rendered = run("render", str(given_file), "--provisioner", provisioner.value, "-o", "json")

    wanted = asked(contents, provisioner)
    assert (replaced.code, rendered.code) == (0, 0)
    assert json.loads(replaced.out)["items"] == [*beside, *wanted]
    assert json.loads(rendered.out)["items"] == wanted


def test_examples_of_each_kind_are_compared() -> None:
    kinds = {file.parent.name for file in GOOD}

    assert len(GOOD) > 25
    assert {"examples", "inference", "kustomize", "tiny", "together", "tuning"} <= kinds
