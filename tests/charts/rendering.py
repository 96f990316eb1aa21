"""What Helm and kustomize make of the charts; tests that need them say why they cannot run."""

import atexit
import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest
import yaml

from charts.kustomize import MONITORING
from charts.release import APIS, NAMESPACE
from composite.models import JsonObject
from presets.safe_loader import SafeLoader
from tests.e2e.cluster.programs import ProgramsMissing, tool

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "metakaito"
KUBERNETES = "1.33.0"


@cache
def program(name: str) -> str:
    """Return the path of helm or kustomize; without Go the test is skipped and says so."""
    try:
        return str(tool(name))
    except ProgramsMissing as reason:
        pytest.skip(f"{name} is missing: {reason}")


def run(name: str, *arguments: str | Path, given: str | None = None) -> tuple[int, str, str]:
    """Return exit code, output and errors of a program."""
    done = subprocess.run(  # noqa: S603  (our own arguments)
        [program(name), *map(str, arguments)],
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@cache
def helm(command: str, *arguments: str | Path, given: str | None = None) -> tuple[int, str, str]:
    """
    Return what helm says of our chart, for a Kubernetes that has not told its version.

    Many tests look at the same text, which takes helm a while: it is asked once.
    """
    return run("helm", command, *arguments, "--kube-version", KUBERNETES, given=given)


@cache
def chart_in_a_cluster() -> Path:
    """
    Return a copy of our chart for which a cluster answers, although `helm template` asks none.

    Only so is the Job before an uninstall rendered.
    """
    folder = Path(tempfile.mkdtemp(prefix="metakaito-chart-"))
    atexit.register(shutil.rmtree, folder)
    chart = Path(shutil.copytree(CHART, folder / CHART.name))
    yes = '{{- define "metakaito.cluster" -}}true{{- end -}}\n'
    (chart / "templates" / "_cluster.tpl").write_text(yes, encoding="utf-8")
    return chart


# What a cluster with Karpenter and the Prometheus operator has.
APIS_OF_THE_CLUSTER = (MONITORING, APIS["nodeclaim"])


def template(values: JsonObject) -> list[JsonObject]:
    """Return what Helm renders of the chart with these values in such a cluster."""
    code, out, err = helm(
        *("template", "metakaito", chart_in_a_cluster(), "--namespace", NAMESPACE, "--values", "-"),
        *(f"--api-versions={api}" for api in APIS_OF_THE_CLUSTER),
        given=json.dumps(values),
    )
    assert (code, err) == (0, "")
    return documents(out)


def documents(text: str) -> list[JsonObject]:
    """Return the objects in a YAML text."""
    return [each for each in yaml.load_all(text, SafeLoader) if each]


def by_name(objects: Sequence[JsonObject]) -> dict[str, JsonObject]:
    """Return objects by what the API server knows them by; two alike are an error."""
    found = {identity(each): each for each in objects}
    assert len(found) == len(objects)
    return found


def identity(document: JsonObject) -> str:
    """Return kind, namespace and name."""
    metadata = document["metadata"]
    return f"{document['kind']} {metadata.get('namespace', '')}/{metadata['name']}"
