import json
from pathlib import Path

import click
import pytest
import yaml

from charts import controllers, crds, rbac
from charts.chart import texts
from charts.release import Release
from charts.values import Values
from composite.crd import workspace_crd
from hooks.cli.generate import generate
from tests.cli.conftest import Run, documents

MACHINES = Values(provisioner="machine")


@pytest.mark.parametrize("module", [controllers, rbac])
def test_prints_what_follows_from_the_code(run: Run, module: object) -> None:
    name = {controllers: "controllers", rbac: "rbac"}[module]  # type: ignore[index]

    printed = run("generate", name, "--provisioner", "machine")

    expected = module.documents(MACHINES, Release())  # type: ignore[attr-defined]
    assert (printed.code, printed.err) == (0, "")
    assert documents(printed.out) == expected
    assert json.loads(run("generate", name, "--provisioner", "machine", "-o", "json").out) == (
        expected
    )


def test_prints_the_crds_that_are_needed(run: Run, folder: Path) -> None:
    (folder / "values.yaml").write_text(
        "metacontroller: {mode: existing}\nnetworkPolicy: {enabled: false}\n"
    )

    assert documents(run("generate", "crd").out) == crds.all_crds()
    assert documents(run("generate", "crd", "-f", "values.yaml").out) == [workspace_crd()]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("controllers", {"--namespace", "--name", "--provisioner", "--api-versions"}),
        ("rbac", {"--namespace", "--name", "--provisioner", "--api-versions"}),
        ("kustomize", {"--namespace", "--name", "--provisioner", "--api-versions"}),
        ("policy", {"--namespace", "--name"}),
        ("dashboards", {"--namespace", "--name"}),
        ("chart", {"--provisioner"}),
        ("crd", set()),
    ],
)
def test_there_are_the_options_that_something_depends_on(name: str, options: set[str]) -> None:
    context = click.Context(generate.commands[name])
    found = {option for each in generate.commands[name].get_params(context) for option in each.opts}

    assert {each for each in found if each.startswith("--")} - options == {
        "--values",
        "--help",
        "--force" if name in {"chart", "kustomize"} else "--output",
    }
    assert options <= found


@pytest.mark.parametrize("name", ["policy", "dashboards"])
def test_prints_objects(run: Run, name: str) -> None:
    printed = run("generate", name)

    assert (printed.code, printed.err) == (0, "")
    assert all("kind" in each for each in documents(printed.out) if isinstance(each, dict))


def test_without_a_provisioner_the_apis_decide(run: Run) -> None:
    with_karpenter = run("generate", "controllers", "--api-versions", "karpenter.sh/v1/NodeClaim")

    assert len(documents(with_karpenter.out)) == 2


@pytest.mark.parametrize("name", ["controllers", "rbac"])
def test_where_nobody_says_which_apis_there_are_it_is_refused(run: Run, name: str) -> None:
    refused = run("generate", name)

    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        "provisioner: is auto, and no cluster is asked what it has; set it to machine, nodeclaim "
        "or none (metakaito generate: --provisioner nodeclaim), or say "
        "--api-versions karpenter.sh/v1/NodeClaim\n"
    )


def test_two_apis_are_for_a_person_to_decide(run: Run) -> None:
    refused = run(
        *("generate", "rbac", "--api-versions", "karpenter.sh/v1/NodeClaim"),
        *("--api-versions", "karpenter.sh/v1alpha5/Machine"),
    )

    assert refused.code == 2
    assert refused.err == (
        "provisioner: the cluster has both karpenter.sh/v1alpha5 Machine and karpenter.sh/v1 "
        "NodeClaim; set it to machine or nodeclaim\n"
    )


def test_values_are_read_from_files_and_the_last_one_wins(run: Run, folder: Path) -> None:
    (folder / "one.yaml").write_text("controllers: {resyncPeriodSeconds: 600}\n")
    (folder / "two.json").write_text('{"controllers": {"resyncPeriodSeconds": 1200}}')

    printed = run(
        "generate", "controllers", "-f", "one.yaml", "-f", "two.json", "--provisioner", "none"
    )

    [composite] = documents(printed.out)
    assert isinstance(composite, dict)
    assert composite["spec"]["resyncPeriodSeconds"] == 1200


def test_a_misspelt_value_is_refused(run: Run, folder: Path) -> None:
    (folder / "values.yaml").write_text("hooks: {replica: 3}\nnodeClass: {group: a.b}\n")

    refused = run("generate", "chart", "out", "-f", "values.yaml")

    assert refused == (2, "", "hooks.replica: there is no such value; did you mean replicas?\n")
    assert not (folder / "out").exists()


def test_a_file_that_is_not_there(run: Run) -> None:
    failed = run("generate", "rbac", "-f", "values.yaml")

    assert failed == (1, "", "values.yaml: cannot be read: No such file or directory\n")


@pytest.mark.usefixtures("folder")
def test_writes_the_chart_with_the_values_as_defaults(run: Run) -> None:
    written = run("generate", "chart", "out", "--provisioner", "machine")

    found = {
        str(file.relative_to("out")): file.read_text(encoding="utf-8")
        for file in Path("out").rglob("*")
        if file.is_file()
    }
    assert written == (0, "", "")
    assert found == texts(MACHINES, Release())
    assert yaml.safe_load(found["values.yaml"])["provisioner"] == "machine"


def test_replaces_files_only_when_told_to(run: Run, folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out/Chart.yaml").write_text("mine")

    refused = run("generate", "chart", "out")

    assert refused == (1, "", "out/Chart.yaml: is there already; --force replaces it\n")
    assert [file.name for file in (folder / "out").iterdir()] == ["Chart.yaml"]
    assert run("generate", "chart", "out", "--force") == (0, "", "")
    assert (folder / "out/Chart.yaml").read_text() != "mine"


def test_names_what_an_older_version_has_left(run: Run, folder: Path) -> None:
    run("generate", "chart", "out")
    (folder / "out/templates/old.yaml").write_text("kind: Old")

    written = run("generate", "chart", "out", "--force")

    sentence = "is not written by this version; if it is not yours, delete it"
    assert written == (0, "", f"out/templates/old.yaml: {sentence}\n")
    assert (folder / "out/templates/old.yaml").read_text() == "kind: Old"


def test_a_directory_that_cannot_be_written(run: Run, folder: Path) -> None:
    (folder / "file").write_text("")

    failed = run("generate", "chart", "file/chart")

    assert failed.code == 1
    assert failed.err == "file/chart: cannot be written: Not a directory\n"
