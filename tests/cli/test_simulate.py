import json
import re
from pathlib import Path

import pytest

from hooks.cli.servers import Server, started_server
from presets.scenario_files import load_scenarios
from tests.cli.conftest import QUICK_START, Golden, Run

SHIPPED = Path(__file__).parents[2] / "presets" / "models"
SCENARIOS = load_scenarios()


def played(scenario: str) -> str:
    """Name the file with a Workspace of the kind that a scenario plays."""
    return {"inference": "phi.yaml", "tuning": "tuning.yaml"}[SCENARIOS[scenario].plays]


def test_tells_the_story_of_the_quick_start(run: Run, golden: Golden) -> None:
    result = run("simulate", "phi.yaml")

    assert (result.code, result.err) == (0, "")
    golden("simulate-quick-start.txt", result.out)


def test_tells_every_change_if_asked_to(run: Run, golden: Golden) -> None:
    result = run("simulate", "phi.yaml", "--verbose")

    assert (result.code, result.err) == (0, "")
    golden("simulate-quick-start-verbose.txt", result.out)


def test_a_dump_that_cannot_be_written_is_told_after_the_story(run: Run) -> None:
    told = run("simulate", "phi.yaml")

    result = run("simulate", "phi.yaml", "--dump", "nope/x")

    assert result == (1, told.out, "nope/x: cannot be written: No such file or directory\n")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_short_story_is_short_and_narrow(run: Run, scenario: str) -> None:
    story, _, _ = run("simulate", played(scenario), "--scenario", scenario).out.partition("\n\n")

    lines = story.splitlines()
    assert len(lines) <= 32
    assert max(map(len, lines)) <= 160


def test_what_goes_on_and_on_is_told_once(run: Run, golden: Golden) -> None:
    golden(
        "simulate-out-of-memory.txt", run("simulate", "phi.yaml", "--scenario", "out-of-memory").out
    )


def test_what_is_lost_edited_and_refused_is_told(run: Run, golden: Golden) -> None:
    text = "".join(
        run("simulate", "phi.yaml", "--scenario", scenario).out
        for scenario in ("node-lost", "workspace-deleted", "bad-edit-while-serving")
    )

    golden("simulate-trouble.txt", text)


def test_why_stands_below_the_table_where_the_terminal_is_narrow(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")

    lines = run("simulate", "phi.yaml", "--scenario", "gpu-plugin-missing").out.splitlines()

    assert max(map(len, lines[:6])) <= 120
    assert lines[-3].startswith("WHY workspace-phi-3-mini: node aks-")
    assert not any("WORKSPACESUCCEEDED" in line for line in lines)


def test_tells_the_story_of_a_training(run: Run, golden: Golden) -> None:
    text = "".join(
        run("simulate", "tuning.yaml", "--scenario", scenario).out
        for scenario in ("tuning-goes-well", "tuning-push-refused", "tuning-dataset-corrected")
    )

    golden("simulate-tuning.txt", text)


def test_an_adapter_is_served_once_it_is_tuned(run: Run, golden: Golden) -> None:
    file = Path(__file__).parents[2] / "examples" / "together" / "tune_then_serve.yaml"

    result = run("simulate", "-", stdin=file.read_text())

    assert (result.code, result.err) == (0, "")
    golden("simulate-tune-then-serve.txt", result.out)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_of_another_kind_is_refused_and_those_that_fit_are_named(
    run: Run, scenario: str
) -> None:
    plays = SCENARIOS[scenario].plays
    file, name, kind = {
        "inference": ("tuning.yaml", "workspace-tuning-phi-3", "tuning"),
        "tuning": ("phi.yaml", "workspace-phi-3-mini", "inference"),
    }[plays]
    fitting = ", ".join(one.name for one in SCENARIOS.values() if one.plays == kind)

    assert run("simulate", file, "--scenario", scenario) == (
        2,
        "",
        (
            f"{file}: {name}: {kind}: --scenario {scenario} is made for a Workspace with {plays}; "
            f"for one with {kind} there are {fitting}\n"
        ),
    )


def test_a_scenario_of_ones_own_that_is_of_another_kind_is_told_how_it_fits(run: Run) -> None:
    mine = "name: mine\ndescription: Nothing goes wrong.\n"
    Path("mine.yaml").write_text(mine, encoding="utf-8")

    code, out, err = run("simulate", "tuning.yaml", "--scenario", "mine.yaml")

    assert (code, out) == (2, "")
    assert err.endswith(", or yours with 'plays: tuning' written in it\n")
    Path("mine.yaml").write_text(f"{mine}plays: tuning\n", encoding="utf-8")
    assert run("simulate", "tuning.yaml", "--scenario", "mine.yaml").code == 0


def test_where_both_kinds_are_played_only_the_one_that_does_not_fit_is_warned_of(run: Run) -> None:
    file = Path(__file__).parents[2] / "examples" / "together" / "tune_then_serve.yaml"
    Path("mine.yaml").write_text("name: mine\ndescription: Both.\n", encoding="utf-8")

    code, _, err = run("simulate", "-", "--scenario", "mine.yaml", stdin=file.read_text())

    [line] = err.splitlines()
    assert code == 0
    assert "warning: tuning: --scenario mine is made for a Workspace with inference" in line


def test_a_warning_does_not_keep_it_from_being_played(run: Run) -> None:
    text = QUICK_START.replace("Standard_NC6s_v3", "Standard_NEW")

    result = run("simulate", "-", stdin=text)

    assert result.code == 0
    assert result.err.startswith(
        "-: workspace-phi-3-mini: warning: resource.instanceType: Standard_NEW is not in the table"
    )


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_ends_as_promised_and_over_http_the_same_byte_for_byte(
    run: Run, server: Server, scenario: str
) -> None:
    file = played(scenario)
    here = run("simulate", file, "--scenario", scenario)
    there = run("simulate", file, "--scenario", scenario, "--hooks", server.url)

    assert (here.code, here.err) == (0, "")
    assert there == here
    assert run("simulate", file, "--scenario", scenario) == here


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
        {"name": one.name, "plays": one.plays, "description": one.description}
        for one in SCENARIOS.values()
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
    assert re.search(r"NodeClaim ws\w+ is launched by the provisioner\n", result.out)
    assert re.search(r"NodeClaim ws\w+ has registered its node\n", result.out)


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
            f"--hooks {server.url}: answers HTTP 200, and not as 'metakaito serve --virtual-clock' "
            "does; start that\n"
        ),
    )


OTHERS = {
    "provisioner": (
        ("--provisioner", "nodeclaim"),
        "has provisioner machine, you play with nodeclaim",
    ),
    "cloud": (("--cloud", "aws"), "has cloud azure, you play with aws"),
    "presets": (("--presets", "mine"), "has other presets or instance types than you"),
}


@pytest.mark.parametrize(("options", "said"), OTHERS.values(), ids=OTHERS)
def test_a_server_with_other_settings_is_found_out(
    run: Run, server: Server, options: tuple[str, ...], said: str
) -> None:
    models = Path("mine/models")
    models.mkdir(parents=True)
    own = (
        (SHIPPED / "phi-2.yaml").read_text(encoding="utf-8").replace("name: phi-2", "name: own", 1)
    )
    (models / "own.yaml").write_text(own, encoding="utf-8")
    Path("g5.yaml").write_text(QUICK_START.replace("Standard_NC6s_v3", "p4d.24xlarge"), "utf-8")
    file = "g5.yaml" if "aws" in options else "phi.yaml"

    result = run("simulate", file, "--hooks", server.url, *options)

    assert result == (
        1,
        "",
        f"--hooks {server.url}: {said}; give both the same options and settings\n",
    )


def test_what_a_server_refuses_stands_in_the_timeline(run: Run, server: Server) -> None:
    url = f"{server.url}/elsewhere"

    result = run("simulate", "phi.yaml", "--hooks", url)

    assert result.code == 1
    assert "/workspaces/customize: 404 Not Found" in result.out
