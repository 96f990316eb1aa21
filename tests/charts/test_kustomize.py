"""The kustomize tree is what Helm renders with the same values, object for object."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from charts import kustomize
from charts.kustomize import (
    BASE,
    COMMITTED,
    EXISTING,
    OVERLAYS,
    HelmNeeded,
    committed,
    texts,
)
from charts.patches import differences
from charts.reading import read_values
from charts.release import APIS, Release, Undecided
from charts.values import Values
from charts.values_workload import Hooks
from composite.models import JsonObject
from tests.charts.rendering import ROOT, by_name, documents, program, run, template

OPENSHIFT = "security.openshift.io/v1"
MACHINES = Values(provisioner="machine")


@pytest.fixture
def _helm_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(program("helm")).parent), prepend=":")


def without_helm(document: JsonObject) -> JsonObject:
    """Return an object without what says that Helm made it, at any depth."""
    return {
        key: without_helm(value) if isinstance(value, dict) else value
        for key, value in document.items()
        if not (key.startswith("helm.sh/") or key == "app.kubernetes.io/managed-by")
    }


def helm_makes(values: JsonObject) -> dict[str, JsonObject]:
    """Return what Helm renders and keeps, but for its own words."""
    return by_name(
        [
            without_helm(each)
            for each in template(values)
            if "helm.sh/hook" not in each["metadata"].get("annotations", {})
        ]
    )


def kustomize_makes(folder: Path) -> dict[str, JsonObject]:
    """Return what kustomize builds, but for the namespace that Helm makes by itself."""
    code, out, err = run("kustomize", "build", folder)
    assert (code, err) == (0, "")
    found = by_name(documents(out))
    namespace = found.pop("Namespace /metakaito-system")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    return found


@pytest.mark.parametrize(
    ("folder", "values"),
    [("base", BASE), *((f"overlays/{name}", values) for name, values in OVERLAYS.items())],
)
def test_kustomize_builds_what_helm_renders(folder: str, values: JsonObject) -> None:
    assert kustomize_makes(ROOT / COMMITTED / folder) == helm_makes(values)


@pytest.mark.usefixtures("_helm_on_the_path")
def test_the_committed_tree_is_current() -> None:
    found = {
        str(file.relative_to(ROOT / COMMITTED)): file.read_text(encoding="utf-8")
        for file in (ROOT / COMMITTED).rglob("*.yaml")
    }

    assert found == committed(), "run `make kustomize`"


@pytest.mark.usefixtures("_helm_on_the_path")
def test_what_is_left_over_is_named_and_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kustomize, "ROOT", tmp_path)
    monkeypatch.setattr(kustomize, "committed", lambda: {"base/a.yaml": "a\n"})
    old = tmp_path / COMMITTED / "base/old.yaml"
    old.parent.mkdir(parents=True)
    old.write_text("old\n")
    runner = CliRunner()

    checked = runner.invoke(kustomize.main, ["--check"])
    assert (checked.exit_code, checked.output) == (
        1,
        f"{COMMITTED}/base/old.yaml is left over: run `python -m charts.kustomize`\n",
    )
    assert old.exists()
    written = runner.invoke(kustomize.main, [])
    assert (written.exit_code, written.output) == (
        0,
        f"removed {COMMITTED}/base/old.yaml\nwrote {COMMITTED}/base/a.yaml\n",
    )
    assert [file.name for file in old.parent.iterdir()] == ["a.yaml"]


@pytest.mark.usefixtures("_helm_on_the_path")
def test_the_base_of_given_values_has_all_of_them(tmp_path: Path) -> None:
    given = {"provisioner": "nodeclaim", "cloud": "aws", "hooks": {"replicas": 4}, **EXISTING}

    found = texts(read_values([given], Release()), Release())

    for path, text in found.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    assert {path.partition("/")[0] for path in found} == {"crds", "base"}
    assert kustomize_makes(tmp_path / "base") == helm_makes(given)
    # An existing Metacontroller has brought its own.
    assert sorted(file.name for file in (tmp_path / "crds").iterdir()) == [
        "customresourcedefinition-workspaces.kaito.sh.yaml",
        "kustomization.yaml",
    ]


@pytest.mark.usefixtures("_helm_on_the_path")
def test_given_apis_decide_as_helm_is_told_them() -> None:
    found = texts(Values(), Release(api_versions=frozenset({APIS["nodeclaim"], OPENSHIFT})))

    assert "base/decoratorcontroller-metakaito-machines.yaml" in found
    assert "runAsUser" not in found["base/deployment-metakaito.yaml"]
    with pytest.raises(Undecided):
        texts(Values(), Release(api_versions=frozenset(APIS.values())))


@pytest.mark.usefixtures("_helm_on_the_path")
def test_names_and_namespace_are_those_of_the_release() -> None:
    found = texts(MACHINES, Release(name="mine", namespace="models"))

    assert "base/deployment-mine-metakaito.yaml" in found
    assert "base/namespace-models.yaml" in found
    assert not [path for path, text in found.items() if "metakaito-system" in text]


def test_a_helm_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    sentence = "helm is not on the PATH, and the base is what it renders: install Helm 3"

    with pytest.raises(HelmNeeded, match=f"^{sentence}$"):
        texts(MACHINES, Release())
    done = CliRunner().invoke(kustomize.main, ["--check"])
    assert (done.exit_code, done.output) == (1, f"{sentence}\n")


@pytest.mark.usefixtures("_helm_on_the_path")
def test_a_chart_that_cannot_be_rendered_says_why() -> None:
    nowhere = Values(provisioner="machine", hooks=Hooks(deploy=False))

    with pytest.raises(HelmNeeded, match=r"^helm does not render the chart: .* hooks\.deploy: "):
        texts(nowhere, Release())


def test_a_patch_says_what_differs_and_no_more() -> None:
    old = {"a/b": 1, "gone": 2, "list": [{"x": 1, "y": 2}], "longer": [1], "same": {"z": 0}}
    new = {"a/b": 2, "list": [{"x": 1, "y": 3}], "longer": [1, 2], "same": {"z": 0}, "more": 4}

    assert list(differences(old, new, "")) == [
        {"op": "remove", "path": "/gone"},
        {"op": "replace", "path": "/a~1b", "value": 2},
        {"op": "replace", "path": "/list/0/y", "value": 3},
        {"op": "replace", "path": "/longer", "value": [1, 2]},
        {"op": "add", "path": "/more", "value": 4},
    ]
