"""``metakaito plan``: what it says of new, edited and refused Workspaces, and its exit codes."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from composite.simulate import Clock, Cluster
from composite.simulate.in_process import InProcess
from hooks.cli.plan_text import coloured
from hooks.settings import Settings
from schemas.files import generated
from tests.cli.conftest import QUICK_START, Golden, Run
from tests.hooks.dev.conftest import fake_api

ADAPTER = """\
  adapters:
    - source: { name: style, image: registry.example/style:1 }
      strength: "0.5"
"""
POOR = QUICK_START.replace("phi-3-mini-4k-instruct", "falcon-40b")
TEMPLATE = """\
apiVersion: kaito.sh/v1alpha1
kind: Workspace
metadata: { name: mine }
resource:
  instanceType: Standard_NC6s_v3
  labelSelector: { matchLabels: { apps: mine } }
inference:
  template:
    spec:
      containers:
        - name: server
          image: registry.example/server:1
          env: [{ name: TOKEN, value: hunter2 }]
"""


@pytest.fixture
def cluster(run: Run, folder: Path) -> Path:
    """What a cluster holds in which the quick start serves."""
    assert run("simulate", "phi.yaml", "--dump", "cluster.yaml").code == 0
    return folder / "cluster.yaml"


def above_the_prices(page: str) -> str:
    """Return a page less what it says of the age of the prices, which is another every day."""
    return page.partition("Prices: ")[0]


def as_json(run: Run, *arguments: str) -> Any:  # noqa: ANN401  (JSON)
    return json.loads(run("plan", *arguments, "-o", "json").out)


def test_a_new_workspace_is_told_with_what_it_needs_and_costs(run: Run, golden: Golden) -> None:
    result = run("plan", "phi.yaml", "tuning.yaml")

    assert (result.code, result.err) == (3, "")
    golden("plan-new.txt", above_the_prices(result.out))


def test_where_nothing_would_change_the_exit_code_is_0(
    run: Run, cluster: Path, golden: Golden
) -> None:
    result = run("plan", "phi.yaml", "--observed", str(cluster))

    assert (result.code, result.err) == (0, "")
    golden("plan-nothing.txt", result.out)


def test_an_edit_names_the_fields_and_the_pods_that_restart_for_them(
    run: Run, cluster: Path, folder: Path, golden: Golden
) -> None:
    (folder / "edited.yaml").write_text(QUICK_START + ADAPTER)

    result = run("plan", "edited.yaml", "--observed", str(cluster))
    markdown = run("plan", "edited.yaml", "--observed", str(cluster), "-o", "markdown")

    assert (result.code, result.err) == (3, "")
    golden("plan-edited.txt", result.out)
    assert markdown.code == 3
    golden("plan-edited.md", markdown.out)


def test_what_is_refused_stands_beside_what_is_not(run: Run, folder: Path, golden: Golden) -> None:
    (folder / "poor.yaml").write_text(POOR.replace("workspace-phi-3-mini", "poor"))

    result = run("plan", "poor.yaml", "phi.yaml")

    assert (result.code, result.err) == (2, "")
    golden("plan-refused.txt", above_the_prices(result.out))


def places(text: str) -> list[tuple[str, int, str]]:
    """Return file, line and field of each result of a SARIF log."""
    found = []
    for each in json.loads(text)["runs"][0]["results"]:
        (location,) = each["locations"]
        place = location["physicalLocation"]
        (logical,) = location["logicalLocations"]
        field = logical["fullyQualifiedName"].partition("/")[2]
        found.append((place["artifactLocation"]["uri"], place["region"]["startLine"], field))
    return found


def test_sarif_has_what_is_refused_on_the_line_of_its_field(run: Run, folder: Path) -> None:
    (folder / "both.yaml").write_text(QUICK_START + "---\n" + POOR.replace("workspace-", "poor-"))

    result = run("plan", "both.yaml", "-o", "sarif")

    assert result.code == 2
    assert places(result.out) == [("both.yaml", 19, "resource.instanceType")] * 2
    assert json.loads(result.out)["runs"][0]["results"][0]["message"]["text"].startswith(
        "poor-phi-3-mini: resource.instanceType: falcon-40b needs at least 2 GPUs"
    )


def test_sarif_has_what_the_cluster_refuses_on_the_line_of_its_field(
    run: Run, cluster: Path, folder: Path
) -> None:
    edited = QUICK_START.replace("Standard_NC6s_v3", "Standard_NC12s_v3")
    (folder / "edited.yaml").write_text(edited)

    result = run("plan", "edited.yaml", "--observed", str(cluster), "-o", "sarif")

    assert (result.code, places(result.out)) == (2, [("edited.yaml", 6, "resource.instanceType")])


def test_sarif_has_the_beginning_of_a_workspace_where_a_field_is_not_written(
    run: Run, folder: Path
) -> None:
    (folder / "a.yaml").write_text("# later\n" + QUICK_START.partition("inference:")[0])
    (folder / "b.yaml").write_text("# later\n" + QUICK_START.partition("inference:")[0])
    text = (folder / "b.yaml").read_text().replace("name: workspace-phi-3-mini", "labels: {}")
    (folder / "b.yaml").write_text(text)

    unwritten = run("plan", "a.yaml", "-o", "sarif")
    unnamed = run("plan", "b.yaml", "-o", "sarif")
    piped = run("plan", "-", "-o", "sarif", stdin=POOR)

    assert {line for _, line, _ in places(unwritten.out)} == {2}
    assert ("b.yaml", 4, "metadata.name") in places(unnamed.out)
    assert places(piped.out) == [("-", 1, "resource.instanceType")] * 2


def test_every_line_has_its_colour(run: Run) -> None:
    page = run("plan", "phi.yaml").out

    styled = {page[span.start : span.end] for span in coloured(page).spans if span.style == "green"}

    assert {line for line in page.splitlines() if line.startswith("  + ")} == styled
    assert len(styled) == 4


def test_an_edit_of_what_cannot_be_changed_is_refused(run: Run, cluster: Path) -> None:
    edited = QUICK_START.replace("Standard_NC6s_v3", "Standard_NC12s_v3")

    result = run("plan", "-", "--observed", str(cluster), stdin=edited)

    assert result.code == 2
    assert "  refused: resource.instanceType: is immutable" in result.out


def test_values_of_variables_are_hidden(run: Run, folder: Path) -> None:
    (folder / "mine.yaml").write_text(TEMPLATE)
    assert run("simulate", "mine.yaml", "--dump", "there.yaml").code == 0
    (folder / "mine.yaml").write_text(TEMPLATE.replace("hunter2", "hunter3"))
    for form in ("text", "json", "markdown"):
        result = run("plan", "mine.yaml", "--observed", "there.yaml", "-o", form)

        assert result.code == 3
        assert "hunter" not in result.out
        assert "(hidden)" in result.out


def test_json_follows_its_schema(run: Run, cluster: Path, folder: Path) -> None:
    (folder / "edited.yaml").write_text(QUICK_START + ADAPTER)
    schema = json.loads(generated()["schemas/plan.schema.json"])
    validator = jsonschema.Draft202012Validator(schema)

    for arguments in (("phi.yaml",), ("edited.yaml", "--observed", str(cluster))):
        validator.validate(as_json(run, *arguments))


def test_what_a_new_workspace_costs_is_the_price_of_its_nodes(run: Run, folder: Path) -> None:
    (folder / "prices.yaml").write_text(
        "cloud: azure\nregion: here\ncurrency: EUR\ndate: 2999-01-01\nsource: mine\n"
        "hourly: {Standard_NC6s_v3: {onDemand: 2.5, spot: 1}}\n"
    )
    (folder / "two.yaml").write_text(QUICK_START.replace("resource:", "resource:\n  count: 2"))

    plan = as_json(run, "two.yaml", "--prices", "prices.yaml")

    nodes = {
        "instanceType": "Standard_NC6s_v3",
        "added": 2,
        "removed": 0,
        "hourly": 5.0,
        "monthly": 3650.0,
        "spotHourly": 2.0,
        "spotMonthly": 1460.0,
    }
    assert plan["currency"] == "EUR"
    assert plan["total"]["nodes"] == plan["workspaces"][0]["nodes"] == [nodes]
    assert (plan["total"]["hourly"], plan["total"]["monthly"]) == (5.0, 3650.0)


def test_an_unknown_price_makes_the_sum_unknown(run: Run, folder: Path) -> None:
    (folder / "prices.yaml").write_text(
        "cloud: azure\nregion: here\ncurrency: EUR\ndate: 2999-01-01\nsource: mine\n"
        "hourly: {Standard_NC6s_v3: {onDemand: 2.5}}\n"
    )

    result = run("plan", "phi.yaml", "tuning.yaml", "--prices", "prices.yaml")

    assert "Nodes       + 1 Standard_NC24ads_A100_v4: price unknown" in result.out
    assert "of some the price is unknown, so the sum is too" in result.out


def test_a_child_that_is_somebody_elses_is_told(run: Run, folder: Path) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "workspace-phi-3-mini", "namespace": "default"},
        "spec": {"ports": [{"port": 1}]},
    }
    (folder / "there.yaml").write_text(yaml.safe_dump(service))

    result = run("plan", "phi.yaml", "--observed", "there.yaml")

    said = "Fails       Service workspace-phi-3-mini: there already and somebody else's"
    assert said in result.out


def test_machines_without_any_node_are_no_world(run: Run, cluster: Path, folder: Path) -> None:
    world = yaml.safe_load(cluster.read_text())
    world["items"] = [each for each in world["items"] if each["kind"] != "Node"]
    (folder / "without.yaml").write_text(yaml.safe_dump(world))

    result = run("plan", "phi.yaml", "--observed", "without.yaml")

    assert result.code == 1
    assert "holds no Node: give the Nodes too" in result.err


def test_a_directory_is_read_as_kubectl_reads_it(run: Run, folder: Path) -> None:
    below = folder / "all" / "below"
    below.mkdir(parents=True)
    (folder / "all" / "ci.yaml").write_text("on: {push: {}}")
    (folder / "all" / "kustomization.yaml").write_text("kind: Kustomization\nresources: []")
    (folder / "all" / "one.yaml").write_text(QUICK_START)
    (below / "two.yml").write_text(QUICK_START.replace("workspace-phi-3-mini", "two"))

    flat, deep = as_json(run, "all"), as_json(run, "all", "-R")

    assert [each["name"] for each in flat["workspaces"]] == ["workspace-phi-3-mini"]
    assert [each["name"] for each in deep["workspaces"]] == ["two", "workspace-phi-3-mini"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["no.yaml"], 1, "no.yaml: cannot be read: No such file or directory"),
        (["empty"], 1, "empty: holds no file that ends with .yaml, .yml, .json"),
        (["node.yaml"], 2, "node.yaml: holds no Workspace"),
        (["phi.yaml", "phi.yaml"], 3, ""),
        (["odd.yaml"], 2, ""),
        (["phi.yaml", "copy.yaml"], 2, "phi.yaml:1 is a Workspace of this name already"),
        (
            ["phi.yaml", "--region", "nowhere"],
            2,
            "--region: no prices of azure 'nowhere' are known",
        ),
        (["phi.yaml", "--cluster", "--observed", "phi.yaml"], 2, "give one of them"),
        (["phi.yaml", "--context", "mine"], 2, "give --cluster too"),
        (["phi.yaml", "--check", "phi.yaml"], 1, "phi.yaml: is no plan that --out has written"),
    ],
)
def test_what_cannot_be_planned_is_told(
    run: Run, folder: Path, arguments: list[str], code: int, said: str
) -> None:
    (folder / "empty").mkdir()
    (folder / "copy.yaml").write_text(QUICK_START)
    (folder / "odd.yaml").write_text("{kind: Workspace, metadata: []}")
    (folder / "node.yaml").write_text("{apiVersion: v1, kind: Node, metadata: {name: n}}")

    result = run("plan", *arguments)

    assert result.code == code
    assert said in result.err


def test_a_kept_plan_tells_what_has_moved_since(run: Run, cluster: Path, folder: Path) -> None:
    asked = ("plan", "phi.yaml", "--observed")
    assert run(*asked, str(cluster), "--out", "plan.json").code == 0
    world = yaml.safe_load(cluster.read_text())
    for each in world["items"]:
        each["metadata"]["resourceVersion"] = "999"  # a heartbeat
        if each["kind"] == "Deployment":
            each["spec"]["replicas"] = 0
    world["items"] = [each for each in world["items"] if each["kind"] != "Pod"]
    (folder / "now.yaml").write_text(yaml.safe_dump(world))

    same = run(*asked, str(cluster), "--check", "plan.json")
    other = run(*asked, "now.yaml", "--check", "plan.json")

    assert (same.code, same.err) == (0, "plan.json: nothing has moved since it was kept\n")
    assert other.code == 1
    assert other.err.splitlines() == [
        "plan.json: what it was made of has moved:",
        "Deployment default/workspace-phi-3-mini: changed",
        "Pod default/workspace-phi-3-mini-c3675686f6-0: is gone",
    ]


def test_a_plan_that_is_kept_where_one_was_is_held_against_that_one_first(
    run: Run, cluster: Path, folder: Path
) -> None:
    asked = ("plan", "phi.yaml", "--out", "plan.json", "--check", "plan.json", "--observed")
    assert run("plan", "phi.yaml", "--observed", str(cluster), "--out", "plan.json").code == 0
    world = yaml.safe_load(cluster.read_text())
    world["items"] = [each for each in world["items"] if each["kind"] != "Pod"]
    (folder / "now.yaml").write_text(yaml.safe_dump(world))
    before = (folder / "plan.json").read_bytes()

    moved = [run(*asked, "now.yaml") for _ in range(2)]

    assert [each.code for each in moved] == [1, 1]
    assert (folder / "plan.json").read_bytes() == before
    assert run(*asked, str(cluster)).code == 0


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (
            ("--out", "none/plan.json"),
            "none/plan.json: cannot be written: No such file or directory",
        ),
        (("--check", "none.json"), "none.json: cannot be read: No such file or directory"),
        (("--check", "binary"), "binary:1: is not UTF-8 text: invalid start byte"),
    ],
)
def test_a_kept_plan_that_cannot_be_written_or_read_is_told_by_its_name(
    run: Run, folder: Path, option: tuple[str, str], said: str
) -> None:
    (folder / "binary").write_bytes(b"\xff\xfe")

    result = run("plan", "phi.yaml", *option)

    assert (result.code, result.err) == (1, f"{said}\n")


def test_a_line_of_somebody_moves_no_cursor_and_makes_no_other_line(run: Run, folder: Path) -> None:
    (folder / "mine.yaml").write_text(TEMPLATE)
    assert run("simulate", "mine.yaml", "--dump", "there.yaml").code == 0
    args = 'args: ["\\e[2J\\rPlan: 0 to add\\n"]'
    (folder / "mine.yaml").write_text(TEMPLATE.replace("env:", f"{args}\n          env:"))

    found = run("plan", "mine.yaml", "--observed", "there.yaml").out

    assert "spec.template.spec.containers[0].args: (absent) → " in found
    assert not [sign for sign in found if sign != "\n" and not sign.isprintable()]
    assert len([line for line in found.splitlines() if line.startswith("Plan: ")]) == 1


def test_the_example_of_a_cluster_is_what_simulate_dumps(run: Run, folder: Path) -> None:
    examples = Path(__file__).parents[2] / "examples"
    assert run("simulate", str(examples / "phi-3.yaml"), "--dump", "found.yaml").code == 0

    comment, _, kept = (examples / "plan" / "serving.yaml").read_text().partition("\n")
    assert comment.startswith("# ")
    assert (folder / "found.yaml").read_text() == kept


def test_a_cluster_is_read_and_nothing_written(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    live = Cluster(InProcess(Settings().catalog(), clock), clock=clock)
    live.apply(yaml.safe_load(QUICK_START))
    live.run()
    (folder / "edited.yaml").write_text(QUICK_START + ADAPTER)
    with fake_api(monkeypatch) as fake:
        fake.store = live.store
        before = live.store.last_change
        kubeconfig = str(fake.kubeconfig(folder))

        same = run("plan", "phi.yaml", "--cluster", "--kubeconfig", kubeconfig)
        edited = run("plan", "edited.yaml", "--cluster", "--kubeconfig", kubeconfig)

        assert live.store.last_change == before
    told = "no Deployment tells the settings of the hooks: those of here are used"
    assert (same.code, same.err) == (
        0,
        f"--cluster: warning: {told}: provisioner machine, cloud azure\n",
    )
    assert edited.code == 3
    assert "      restarts workspace-phi-3-mini-c3675686f6-0, because of" in edited.out


def test_a_cluster_is_played_with_the_settings_that_are_installed_in_it(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    hooks = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "metakaito",
            "namespace": "metakaito",
            "labels": {"app.kubernetes.io/part-of": "metakaito"},
        },
        "spec": {
            "selector": {"matchLabels": {"app": "hooks"}},
            "template": {
                "metadata": {"labels": {"app": "hooks"}},
                "spec": {
                    "containers": [
                        {
                            "name": "hooks",
                            "image": "registry.example/metakaito:1",
                            "env": [{"name": "METAKAITO_PROVISIONER", "value": "nodeclaim"}],
                        }
                    ]
                },
            },
        },
    }
    live = Cluster(InProcess(Settings().catalog(), clock), clock=clock)
    live.apply(hooks)
    with fake_api(monkeypatch) as fake:
        fake.store = live.store
        live.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}})

        monkeypatch.setenv("METAKAITO_PROVISIONER", "none")
        asked = ("plan", "phi.yaml", "--cluster", "-o", "json")
        where = ("--kubeconfig", str(fake.kubeconfig(folder)))
        result = run(*asked, *where)
        otherwise = run(*asked, "--provisioner", "machine", *where)

    assert (otherwise.code, otherwise.err) == (3, "")
    assert "Machine" in {
        each["kind"] for each in json.loads(otherwise.out)["workspaces"][0]["changes"]
    }
    assert (result.code, result.err) == (3, "")
    kinds = {each["kind"] for each in json.loads(result.out)["workspaces"][0]["changes"]}
    assert {"NodeClaim", "Machine"} & kinds == {"NodeClaim"}


DOUBTFUL = QUICK_START.replace("Standard_NC6s_v3\n", "Standard_NV6\n  count: 2\n")
MAY_NOT_FIT = (
    "phi-3-mini-4k-instruct runs whole on each node and needs 1 GPU and 9Gi there, Standard_NV6 "
    "has 1 and 8Gi: it may not fit"
)


def test_what_check_warns_of_is_said_in_every_form(run: Run, folder: Path) -> None:
    (folder / "doubtful.yaml").write_text(DOUBTFUL)
    warning = f"resource.instanceType: {MAY_NOT_FIT}"

    text = run("plan", "doubtful.yaml").out
    markdown = run("plan", "doubtful.yaml", "-o", "markdown").out
    sarif, checked = (
        json.loads(run(command, "doubtful.yaml", "-o", "sarif").out)["runs"][0]["results"]
        for command in ("plan", "check")
    )

    assert f"  Warning     {warning}\n" in text
    assert f"* **Warning**: {warning}\n" in markdown
    assert as_json(run, "doubtful.yaml")["workspaces"][0]["notes"] == [warning]
    assert sarif == checked
    assert [(each["ruleId"], each["level"]) for each in sarif] == [("worth-a-word", "warning")]


@pytest.mark.parametrize("instance_type", ["Standard_NC6s_v9", "Standard_NZ1", "Standard_Dxyz_v9"])
def test_the_warning_of_an_unknown_instance_type_is_that_of_check(
    run: Run, folder: Path, instance_type: str
) -> None:
    text = QUICK_START.replace("Standard_NC6s_v3", instance_type)
    (folder / "unknown.yaml").write_text(text)
    checked = json.loads(run("check", "unknown.yaml", "-o", "json").out)[0]

    planned = as_json(run, "unknown.yaml")["workspaces"][0]["notes"]

    assert planned == [f"{each['field']}: {each['message']}" for each in checked["warnings"]]


def test_several_warnings_are_several_and_one_with_a_suggestion_is_one(
    run: Run, folder: Path
) -> None:
    text = QUICK_START.replace("Standard_NC6s_v3", "Standard_NC6s_v9").replace(
        "      apps: phi-3\n", "      apps: phi-3\n      kaito.sh/workspace: mine\n"
    )
    (folder / "two.yaml").write_text(text)

    first, second = as_json(run, "two.yaml")["workspaces"][0]["notes"]

    assert " (perhaps Standard_NC6s_v2 or Standard_NC6s_v3 is meant)" in first
    assert second.startswith("resource.labelSelector: kaito.sh/workspace says ")


def test_what_is_there_already_is_warned_of_too(run: Run, folder: Path) -> None:
    (folder / "doubtful.yaml").write_text(DOUBTFUL)
    assert run("simulate", "doubtful.yaml", "--dump", "cluster.yaml").code == 0

    one = as_json(run, "doubtful.yaml", "--observed", "cluster.yaml")["workspaces"][0]

    assert (one["given"], one["notes"]) == ("same", [f"resource.instanceType: {MAY_NOT_FIT}"])


def test_the_names_that_are_not_known_are_those_of_the_kind_that_asks_for_nodes(run: Run) -> None:
    page = run("plan", "phi.yaml", "--provisioner", "nodeclaim").out

    assert "the names of its NodeClaims: they follow" in page
    assert "Machine" not in page
