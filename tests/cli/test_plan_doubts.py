"""What ``metakaito plan`` doubts: the provisioner, a namespace, an empty dump."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from composite import names
from composite.simulate import Clock, Cluster, objects
from composite.simulate.controllers import CLAIMS
from composite.simulate.in_process import InProcess
from hooks.cli.observing import IN_NAMESPACES
from hooks.cli.plan import plan as plan_command
from hooks.settings import Settings
from tests.cli.conftest import QUICK_START, Result, Run
from tests.hooks.dev.conftest import fake_api

MODELS = QUICK_START.replace("metadata:\n", "metadata:\n  namespace: models\n")
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "models"}}
UNTOLD = "whether namespace models is there: it is in no file, nor in what is observed"
MISSING = (
    "metadata.namespace: models is not there, and in no file: applying it is refused until "
    "somebody makes the namespace"
)


def the_one(result: Result) -> Any:  # noqa: ANN401  (JSON)
    """What is said of the only Workspace."""
    (one,) = json.loads(result.out)["workspaces"]
    return one


def served(run: Run, folder: Path, provisioner: str) -> list[Any]:
    """The objects of a cluster in which the quick start serves by this provisioner."""
    asked = ("simulate", "phi.yaml", "--provisioner", provisioner, "--dump", "served.yaml")
    assert run(*asked).code == 0
    items: list[Any] = yaml.safe_load((folder / "served.yaml").read_text())["items"]
    return items


def dump(folder: Path, items: list[Any]) -> None:
    (folder / "served.yaml").write_text(yaml.safe_dump({"kind": "List", "items": items}))


@pytest.mark.parametrize(
    ("made_by", "planned_by", "comes"),
    [
        ("nodeclaim", "machine", "which asks for a Machine beside it"),
        ("machine", "nodeclaim", "which asks for a NodeClaim beside it"),
        ("nodeclaim", "none", "which asks for no node"),
    ],
)
def test_nodes_that_another_provisioner_gave_are_doubted_in_every_form(
    run: Run, folder: Path, made_by: str, planned_by: str, comes: str
) -> None:
    items = served(run, folder, made_by)
    kind = {"nodeclaim": "NodeClaim", "machine": "Machine"}[made_by]
    (name,) = [each["metadata"]["name"] for each in items if each["kind"] == kind]
    asked = ("plan", "phi.yaml", "--observed", "served.yaml", "--provisioner", planned_by)
    said = (
        f"resource: {kind} {name} is there for it, and the provisioner of this plan is "
        f"{planned_by}, {comes}: if the hooks of this cluster ask for {kind}s, say --provisioner "
        f"{made_by}"
    )

    assert the_one(run(*asked, "-o", "json"))["notes"] == [said]
    assert f"  Warning     {said}\n" in run(*asked).out
    assert f"* **Warning**: {said}\n" in run(*asked, "-o", "markdown").out
    (found,) = json.loads(run(*asked, "-o", "sarif").out)["runs"][0]["results"]
    assert (found["level"], found["locations"][0]["physicalLocation"]["region"]) == (
        "warning",
        {"startLine": 5},
    )


@pytest.mark.parametrize("provisioner", ["nodeclaim", "machine"])
def test_the_provisioner_of_the_cluster_is_not_doubted(
    run: Run, folder: Path, provisioner: str
) -> None:
    served(run, folder, provisioner)

    result = run("plan", "phi.yaml", "--observed", "served.yaml", "--provisioner", provisioner)

    assert (result.code, result.err) == (0, "")
    assert "Warning" not in result.out


@pytest.mark.parametrize("left", ["deleted", "of nobody", "beside a Machine"])
def test_a_claim_that_tells_nothing_of_the_provisioner_is_no_doubt(
    run: Run, folder: Path, left: str
) -> None:
    items = served(run, folder, "nodeclaim")
    claim = next(each for each in items if each["kind"] == "NodeClaim")
    if left == "deleted":
        claim["metadata"]["deletionTimestamp"] = "2026-01-01T01:00:00Z"
    elif left == "of nobody":
        del claim["metadata"]["labels"][names.LABEL_WORKSPACE]
    else:
        machines = served(run, folder, "machine")
        items += [each for each in machines if each["kind"] == "Machine"]
    dump(folder, items)

    result = run("plan", "phi.yaml", "--observed", "served.yaml", "-o", "json")

    assert (result.err, the_one(result)["notes"]) == ("", [])


def test_a_cluster_is_asked_for_the_claims_of_both_provisioners(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    settings = Settings(provisioner="nodeclaim")
    live = Cluster(
        InProcess(settings.catalog(), clock), clock=clock, provisioner=settings.provisioner
    )
    live.apply(yaml.safe_load(QUICK_START))
    live.run()
    with fake_api(monkeypatch) as fake:
        fake.store = live.store
        where = ("--cluster", "--kubeconfig", str(fake.kubeconfig(folder)))

        result = run("plan", "phi.yaml", *where, "--provisioner", "machine", "-o", "json")

    (note,) = the_one(result)["notes"]
    assert note.startswith("resource: NodeClaim ws")
    assert note.endswith("say --provisioner nodeclaim")


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "---\n", "kind: List\napiVersion: v1\nitems: []\n"]
)
def test_what_was_observed_holds_something(run: Run, folder: Path, text: str) -> None:
    inside = folder / "all"
    inside.mkdir()
    for name in ("empty.yaml", "all/one.yaml", "all/two.yaml"):
        (folder / name).write_text(text)

    for name in ("empty.yaml", "all"):
        result = run("plan", "phi.yaml", "--observed", name)

        assert (result.code, result.out) == (1, "")
        assert result.err == (
            f"{name}: holds no object: was kubectl refused? leave --observed out for an empty "
            "cluster\n"
        )


def test_an_empty_file_beside_another_one_in_a_directory_is_fine(run: Run, folder: Path) -> None:
    served(run, folder, "machine")
    inside = folder / "all"
    inside.mkdir()
    (inside / "jobs.yaml").write_text("")
    (folder / "served.yaml").rename(inside / "served.yaml")

    result = run("plan", "phi.yaml", "--observed", "all", "--observed", "all/served.yaml")

    assert (result.code, result.err) == (0, "")


def test_a_namespace_that_nobody_has_seen_is_not_known(run: Run, folder: Path) -> None:
    served(run, folder, "machine")
    (folder / "models.yaml").write_text(MODELS)

    asked = ("plan", "models.yaml", "--observed", "served.yaml")

    assert UNTOLD in the_one(run(*asked, "-o", "json"))["unknown"]
    assert f"  Not known   {UNTOLD}\n" in run(*asked).out


@pytest.mark.parametrize("told", ["in the files", "observed", "by what is in it", "by nothing"])
def test_a_namespace_is_known_where_anything_tells_it(run: Run, folder: Path, told: str) -> None:
    items = served(run, folder, "machine")
    if told == "observed":
        items.append(NAMESPACE)
    if told == "by what is in it":
        metadata = {"name": "mine", "namespace": "models"}
        items.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    if told == "by nothing":  # for no namespaces were asked for
        items = [each for each in items if each["kind"] != "Namespace"]
    beside = f"---\n{yaml.safe_dump(NAMESPACE)}" if told == "in the files" else ""
    (folder / "models.yaml").write_text(MODELS + beside)
    dump(folder, items)

    one = the_one(run("plan", "models.yaml", "--observed", "served.yaml", "-o", "json"))

    assert (UNTOLD in one["unknown"], one["notes"]) == (False, [])


@pytest.mark.parametrize("there", [True, False])
def test_a_cluster_knows_whether_a_namespace_is_there(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, *, there: bool
) -> None:
    clock = Clock()
    live = Cluster(InProcess(Settings().catalog(), clock), clock=clock)
    live.apply({**NAMESPACE, "metadata": {"name": "models" if there else "other"}})
    (folder / "models.yaml").write_text(MODELS)
    with fake_api(monkeypatch) as fake:
        fake.store = live.store
        where = ("--cluster", "--kubeconfig", str(fake.kubeconfig(folder)))

        one = the_one(run("plan", "models.yaml", *where, "-o", "json"))

    assert one["notes"] == ([] if there else [MISSING])
    assert UNTOLD not in one["unknown"]


def asked_of_kubectl(text: str) -> list[set[str]]:
    """The kinds of each command that reads a whole cluster, in a page."""
    joined = "".join(line.strip().removesuffix("\\") for line in text.splitlines())
    parts = joined.split("kubectl get ")[1:]
    listed = (each.split()[0].removesuffix("-A") for each in parts)
    return [set(each.split(",")) for each in listed if "," in each]


@pytest.mark.parametrize("page", ["--help", "docs/plan.md"])
def test_the_commands_that_are_told_read_what_a_plan_reads(page: str) -> None:
    docs = Path(__file__).parents[2] / "docs" / "plan.md"
    helped = CliRunner().invoke(plan_command, ["--help"], terminal_width=120).output
    text = helped if page == "--help" else docs.read_text(encoding="utf-8")
    everywhere = {*IN_NAMESPACES, names.NODES, objects.NAMESPACES}

    wanted = [
        {objects.KINDS[key].plural for key in (*everywhere, claim.key)} for claim in CLAIMS.values()
    ]

    assert asked_of_kubectl(text) == wanted
