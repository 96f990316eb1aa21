"""A plan beside what other files become, such as those of the branch that a change goes to."""

import json
from pathlib import Path

import pytest
import yaml

from composite import names
from composite.simulate import objects
from composite.simulate.controllers import CLAIMS
from hooks.cli.observing import IN_NAMESPACES
from tests.cli.conftest import QUICK_START, TUNING, Run
from tests.cli.test_render import A_CONFIG

ROOT = Path(__file__).parents[2]
ADAPTER = """\
  adapters:
    - source: { name: style, image: registry.example/style:1 }
"""


@pytest.fixture
def deploy(folder: Path) -> Path:
    """A directory, and beside it what it was."""
    for name in ("deploy", "base"):
        (folder / name).mkdir()
        (folder / name / "phi.yaml").write_text(QUICK_START)
    return folder / "deploy"


def test_what_is_not_edited_is_not_written(run: Run, deploy: Path) -> None:
    assert deploy.is_dir()
    result = run("plan", "deploy", "--base", "base")

    assert (result.code, result.err) == (0, "")
    assert (
        "Workspace default/workspace-phi-3-mini is as it is there; nothing is written\n"
        in result.out
    )


def test_it_says_what_is_said_of_what_simulate_dumps(run: Run, deploy: Path) -> None:
    (deploy / "phi.yaml").write_text(QUICK_START + ADAPTER)
    assert run("simulate", "base/phi.yaml", "--dump", "there.yaml").code == 0

    edited = run("plan", "deploy", "--base", "base", "-o", "json")

    assert edited.code == 3
    assert edited == run("plan", "deploy", "--observed", "there.yaml", "-o", "json")
    (one,) = json.loads(edited.out)["workspaces"]
    assert one["given"] == "edited"
    assert [each["kind"] for each in one["changes"]] == ["ControllerRevision", "Deployment"]


def test_what_is_new_is_beside_what_is_not(run: Run, deploy: Path) -> None:
    (deploy / "tuning.yaml").write_text(TUNING)

    plan = json.loads(run("plan", "deploy", "--base", "base", "-o", "json").out)

    found = {each["name"]: each["given"] for each in plan["workspaces"]}
    assert found == {"workspace-phi-3-mini": "same", "workspace-tuning-phi-3": "new"}


def test_where_there_is_nothing_all_is_new(run: Run, folder: Path, deploy: Path) -> None:
    assert deploy.is_dir()
    (folder / "empty").mkdir()

    assert run("plan", "deploy", "--base", "empty") == run("plan", "deploy")


def test_what_is_refused_is_taken_not_to_be_there(run: Run, folder: Path, deploy: Path) -> None:
    assert deploy.is_dir()
    (folder / "base/phi.yaml").write_text(QUICK_START.replace("Standard_NC6s_v3", "Standard_NV6"))

    result = run("plan", "deploy", "--base", "base")

    assert result.code == 3
    assert "Workspace default/workspace-phi-3-mini is new\n" in result.out
    assert result.err.startswith(
        "base/phi.yaml:1: warning: workspace-phi-3-mini: is taken not to be there, for it is "
        "refused: resource.instanceType: "
    )


def test_what_is_in_no_file_any_more_is_told_in_every_form(
    run: Run, folder: Path, deploy: Path
) -> None:
    assert deploy.is_dir()
    (folder / "base/gone.yaml").write_text(QUICK_START.replace("workspace-phi-3-mini", "gone"))

    text, as_json, markdown, sarif = (
        run("plan", "deploy", "--base", "base", "-o", output)
        for output in ("text", "json", "markdown", "sarif")
    )

    assert [each.code for each in (text, as_json, markdown, sarif)] == [0] * 4
    assert (text.err, as_json.err, markdown.err) == ("", "", "")
    assert f"\n\n{unlisted('gone')}\n\nPlan: 0 to add" in text.out
    assert json.loads(as_json.out)["unlisted"] == [{"namespace": "default", "name": "gone"}]
    assert f"\n\n:warning: {unlisted('gone')}\n\n### Workspace" in markdown.out
    assert sarif.err == f"--base: warning: {unlisted('gone')}\n"


def unlisted(name: str) -> str:
    """What is said of a Workspace that is in no file any more."""
    return (
        f"Workspace default/{name} is in no file any more: its nodes are given back once somebody "
        "deletes it, which is not in this plan"
    )


@pytest.mark.parametrize("left", [None, A_CONFIG], ids=["nothing", "a ConfigMap"])
def test_where_the_last_workspace_is_deleted_nothing_is_planned(
    run: Run, folder: Path, deploy: Path, left: str | None
) -> None:
    (deploy / "phi.yaml").unlink()
    if left is not None:
        for place in (deploy, folder / "base"):
            (place / "config.yaml").write_text(left)

    result = run("plan", "deploy", "--base", "base", "-o", "json")

    assert result.code == 0
    plan = json.loads(result.out)
    assert plan["workspaces"] == []
    assert plan["unlisted"] == [{"namespace": "default", "name": "workspace-phi-3-mini"}]
    assert unlisted("workspace-phi-3-mini") in run("plan", "deploy", "--base", "base").out
    for output in ("text", "markdown", "sarif"):
        assert run("plan", "deploy", "--base", "base", "-o", output).code == 0


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--base", "none"], 2, "Path 'none' does not exist"),
        (
            ["--base", "base", "--observed", "base"],
            2,
            "--observed and --base all say what there is",
        ),
        (["--base", "base", "--cluster"], 2, "--cluster and --base all say what there is"),
        (["--base", "base/binary"], 1, "base/binary:1: is not UTF-8 text"),
        (["--base", "base", "--base", "deploy"], 2, "is a Workspace of this name already"),
    ],
)
def test_what_cannot_be_played_is_told(
    run: Run, folder: Path, deploy: Path, options: list[str], code: int, said: str
) -> None:
    assert deploy.is_dir()
    (folder / "base/binary").write_bytes(b"\xff")

    result = run("plan", "deploy", *options)

    assert result.code == code
    assert said in result.err


def test_the_role_of_whoever_plans_is_what_a_plan_reads() -> None:
    role = yaml.safe_load((ROOT / "examples/plan/reader.yaml").read_text(encoding="utf-8"))
    read = {*IN_NAMESPACES, names.NODES, objects.NAMESPACES, *(c.key for c in CLAIMS.values())}
    kinds = [objects.KINDS[key] for key in read]

    assert {(each.api_version.rpartition("/")[0], each.plural) for each in kinds} == {
        (group, resource)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    assert {tuple(rule["verbs"]) for rule in role["rules"]} == {("get", "list")}
