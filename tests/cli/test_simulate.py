import json
from pathlib import Path

import pytest

from hooks.cli.servers import Server, started_server
from presets.scenario_files import load_scenarios
from tests.cli.conftest import QUICK_START, Golden, Run

SCENARIOS = load_scenarios()


def test_tells_the_story_of_the_quick_start(run: Run, golden: Golden) -> None:
    result = run("simulate", "phi.yaml")

    assert (result.code, result.err) == (0, "")
    golden("simulate-quick-start.txt", result.out)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_ends_as_promised_and_over_http_the_same_byte_for_byte(
    run: Run, server: Server, scenario: str
) -> None:
    here = run("simulate", "phi.yaml", "--scenario", scenario)
    there = run("simulate", "phi.yaml", "--scenario", scenario, "--hooks", server.url)

    assert (here.code, here.err) == (0, "")
    assert there == here
    assert run("simulate", "phi.yaml", "--scenario", scenario) == here


def test_json_tells_everything(run: Run) -> None:
    result = run("simulate", "-", "-o", "json", stdin=QUICK_START)

    told = json.loads(result.out)
    assert result.code == 0
    assert (told["scenario"], told["kept"], told["reasons"], told["settled"]) == (
        "all-goes-well",
        True,
        [],
        True,
    )
    assert told["timeline"][1] == {
        "seconds": 0.0,
        "who": "user",
        "what": "created",
        "about": "Workspace default/workspace-phi-3-mini",
        "columns": {
            "NAME": "workspace-phi-3-mini",
            "INSTANCE": "Standard_NC6s_v3",
            "RESOURCEREADY": "",
            "INFERENCEREADY": "",
            "JOBSTARTED": "",
            "WORKSPACEREADY": "",
            "AGE": "0s",
            "WORKSPACESUCCEEDED": "",
            "WHY": "",
        },
    }


def test_lists_the_scenarios_that_come_along(run: Run) -> None:
    table, listed = run("simulate", "--list"), run("simulate", "--list", "-o", "json")

    assert [line.split()[0] for line in table.out.splitlines()] == ["NAME", *SCENARIOS]
    assert json.loads(listed.out) == [
        {"name": one.name, "description": one.description} for one in SCENARIOS.values()
    ]
    assert (table.code, listed.code) == (0, 0)


def test_a_broken_promise_fails_and_says_which_part(run: Run) -> None:
    Path("mine.yaml").write_text(
        "name: mine\n"
        "description: It is promised to fail, and does not.\n"
        "promise: { conditions: { Accepted: False, Served: True }, nodes: 7 }\n",
        encoding="utf-8",
    )

    result = run("simulate", "phi.yaml", "--scenario", "mine.yaml")

    assert result.code == 1
    assert result.out.endswith("\nmine: not as promised; after 5m41s nothing changes any more\n")
    assert result.err == (
        "phi.yaml: mine: Workspace default/workspace-phi-3-mini: Accepted=True Accepted; "
        "promised Accepted=False\n"
        "phi.yaml: mine: Workspace default/workspace-phi-3-mini: no condition Served, "
        "promised True\n"
        "phi.yaml: mine: Nodes: 1, promised 7\n"
    )


def test_without_nodes_and_without_a_provisioner_it_is_never_ready(run: Run) -> None:
    result = run("simulate", "phi.yaml", "--provisioner", "none")

    assert result.code == 1
    assert result.err.startswith(
        "phi.yaml: all-goes-well: Workspace default/workspace-phi-3-mini: WorkspaceReady=False "
    )


def test_node_claims_become_nodes_too(run: Run) -> None:
    result = run("simulate", "phi.yaml", "--provisioner", "nodeclaim")

    assert result.code == 0
    assert "created NodeClaim ws" in result.out


def test_a_refused_workspace_is_not_played(run: Run) -> None:
    text = QUICK_START.replace("phi-3-mini-4k-instruct", "phi-4-mini")

    result = run("simulate", "-", stdin=text)

    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(
        "-: workspace-phi-3-mini: inference.preset.name: no preset is called 'phi-4-mini'"
    )


MISTAKES = {
    "no file": (
        (),
        2,
        "metakaito simulate: Missing argument 'FILE|-'. See 'metakaito simulate --help'.\n",
    ),
    "no scenario like it": (
        ("phi.yaml", "--scenario", "x"),
        2,
        (
            "--scenario: there is no scenario and no file 'x'; 'metakaito simulate --list' lists "
            "them\n"
        ),
    ),
    "a misspelt scenario": (
        ("phi.yaml", "--scenario", "nodelost"),
        2,
        (
            "--scenario: there is no scenario and no file 'nodelost'; did you mean node-lost? "
            "'metakaito simulate --list' lists them\n"
        ),
    ),
    "a scenario file that is not there": (
        ("phi.yaml", "--scenario", "./mine.yaml"),
        1,
        "mine.yaml: cannot be read: No such file or directory\n",
    ),
    "a scenario that is something else": (
        ("phi.yaml", "--scenario", "phi.yaml"),
        1,
        (
            "phi.yaml: name: is missing\n"
            "phi.yaml: description: is missing\n"
            "phi.yaml: apiVersion: is not a field here\n"
            "phi.yaml: kind: is not a field here\n"
            "phi.yaml: metadata: is not a field here\n"
            "phi.yaml: resource: is not a field here\n"
            "phi.yaml: inference: is not a field here\n"
        ),
    ),
    "no URL": (
        ("phi.yaml", "--hooks", "here"),
        2,
        "--hooks: 'here' is not a URL such as http://127.0.0.1:8080\n",
    ),
    "nobody there": (
        ("phi.yaml", "--hooks", "http://127.0.0.1:1"),
        1,
        (
            "--hooks http://127.0.0.1:1: cannot be asked: Connection refused; does 'metakaito "
            "serve --virtual-clock' run there?\n"
        ),
    ),
}


@pytest.mark.parametrize(("arguments", "code", "said"), MISTAKES.values(), ids=MISTAKES)
def test_says_what_is_wrong_with_the_arguments(
    run: Run, arguments: tuple[str, ...], code: int, said: str
) -> None:
    assert run("simulate", *arguments) == (code, "", said)


def test_a_server_that_goes_by_its_own_clock_is_found_out(run: Run, folder: Path) -> None:
    with started_server(folder / "server.log", "--no-virtual-clock") as server:
        result = run("simulate", "phi.yaml", "--hooks", server.url)

    assert result == (
        1,
        "",
        (
            f"--hooks {server.url}: answers HTTP 200 and not by the clock of this play; "
            "start it with 'metakaito serve --virtual-clock'\n"
        ),
    )


def test_what_a_server_refuses_stands_in_the_timeline(run: Run, server: Server) -> None:
    url = f"{server.url}/elsewhere"

    result = run("simulate", "phi.yaml", "--hooks", url)

    assert result.code == 1
    assert "/workspaces/customize: 404 Not Found" in result.out
