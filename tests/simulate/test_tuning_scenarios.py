"""What happens in the tuning scenarios beside what they promise."""

import hashlib
from collections.abc import Iterable

import pytest

from composite import names
from composite.catalog import Catalog
from composite.models import JsonObject
from composite.simulate import Run
from composite.simulate.scenario import Scenario
from presets.scenario_files import load_scenarios
from tests.simulate.plays import a_tuning_workspace, play

SCENARIOS = {name: one for name, one in load_scenarios().items() if one.plays == "tuning"}
NAME = "workspace-tuning-phi-3"


def of_kind(objects: Iterable[JsonObject], kind: str) -> list[JsonObject]:
    return [obj for obj in objects if f"{obj['kind']}.{obj['apiVersion']}" == kind]


def made(run: Run, kind: str) -> list[str]:
    """The names of the objects of a kind that were ever made, in the order of their making."""
    abouts = [entry.about for entry in run.timeline if entry.what == "created"]
    return [about.rpartition("/")[2] for about in abouts if about.startswith(f"{kind} ")]


def shown(run: Run) -> list[str]:
    """What kubectl shows under JOBSTARTED, each value once while it lasts."""
    values = [entry.columns["JOBSTARTED"] for entry in run.timeline if entry.columns]
    return [value for value, before in zip(values, ["-", *values], strict=False) if value != before]


@pytest.mark.parametrize("name", SCENARIOS)
def test_machines_never_outnumber_the_plan(name: str, catalog: Catalog) -> None:
    run = play(catalog, SCENARIOS[name])

    assert len(of_kind(run.final, names.MACHINES)) == 1
    assert len(made(run, "Machine")) == (SCENARIOS[name].promise.attempts or 1)


def test_a_training_that_goes_well_starts_once(catalog: Catalog) -> None:
    run = play(catalog, SCENARIOS["tuning-goes-well"])

    assert shown(run)[-1] == "True"
    assert made(run, "Job") == [NAME]
    assert len(made(run, "Pod")) == 1
    assert [child["kind"] for child in run.desired] == [
        "Machine",
        "ConfigMap",
        "Job",
        "ControllerRevision",
    ]


def test_a_training_that_goes_well_tells_the_digest_of_its_image(catalog: Catalog) -> None:
    (parent,) = of_kind(play(catalog, SCENARIOS["tuning-goes-well"]).final, names.WORKSPACES)
    tuning = parent["status"]["tuning"]
    image = parent["tuning"]["output"]["image"]

    assert tuning["image"] == image
    assert tuning["digest"] == f"sha256:{hashlib.sha256(image.encode()).hexdigest()}"


def test_a_lost_node_starts_another_pod_of_the_same_job(catalog: Catalog) -> None:
    run = play(catalog, SCENARIOS["tuning-node-lost"])
    (job,) = of_kind(run.final, names.JOBS)

    assert len(made(run, "Pod")) == 2
    assert len(of_kind(run.final, names.PODS)) == 1
    assert (job["status"]["succeeded"], job["status"]["failed"]) == (1, 1)


def test_an_edited_config_map_starts_another_job_and_leaves_nothing_of_the_first(
    catalog: Catalog,
) -> None:
    run = play(catalog, SCENARIOS["tuning-config-edited"])
    first, second = made(run, "Job")
    configs = [obj["metadata"]["name"] for obj in of_kind(run.final, names.CONFIGMAPS)]

    assert first == NAME
    assert second.startswith(f"{NAME}-")
    assert [job["metadata"]["name"] for job in of_kind(run.final, names.JOBS)] == [second]
    assert len(of_kind(run.final, names.PODS)) == 1
    assert configs[0] == "my-config"
    assert len(configs) == 2


def test_a_config_map_that_is_missing_costs_nothing(catalog: Catalog) -> None:
    run = play(catalog, SCENARIOS["tuning-config-missing-then-created"])
    first = min(entry.seconds for entry in run.timeline if entry.about.startswith("Machine "))

    assert first == 60


@pytest.mark.parametrize(
    "tuning",
    [
        {"input": {"image": "registry.example/my-data:1"}},
        {"input": {"volumeSource": {"persistentVolumeClaim": {"claimName": "data"}}}},
        {"output": {"volumeSource": {"persistentVolumeClaim": {"claimName": "results"}}}},
        {"method": "LoRA"},
    ],
)
def test_data_and_results_may_be_elsewhere(tuning: JsonObject, catalog: Catalog) -> None:
    well = SCENARIOS["tuning-goes-well"]

    assert play(catalog, well, a_tuning_workspace(**tuning)).reasons == ()


def test_the_nodes_can_be_released_after_a_success(catalog: Catalog) -> None:
    workspace = a_tuning_workspace()
    workspace["metadata"]["annotations"] = {"kaito.sh/release-nodes": "True"}
    promise = {"conditions": {"WorkspaceReady": "True"}, "machines": 0, "nodes": 0, "jobs": 1}
    released = Scenario.model_validate(
        {"name": "released", "description": "The nodes go.", "promise": promise}
    )
    run = play(catalog, released, workspace)

    assert run.reasons == ()
    assert run.idle_writes == ()
    assert made(run, "Machine") == made(run, "Machine")[:1]


def test_a_deleted_workspace_takes_its_training_with_it(catalog: Catalog) -> None:
    gone = Scenario.model_validate(
        {
            "name": "gone",
            "description": "It is deleted while it trains.",
            "steps": [{"when": "JobStarted=True", "after": 600, "do": {"deleteWorkspace": True}}],
            "promise": {"gone": True, "machines": 0, "nodes": 0, "jobs": 0},
        }
    )

    assert play(catalog, gone, a_tuning_workspace()).reasons == ()


def test_a_deleted_namespace_takes_its_training_with_it(catalog: Catalog) -> None:
    gone = Scenario.model_validate(
        {
            "name": "gone",
            "description": "The namespace is deleted while it trains.",
            "steps": [{"when": "JobStarted=True", "after": 600, "do": {"deleteNamespace": True}}],
            "promise": {"gone": True, "machines": 0, "nodes": 0, "jobs": 0},
        }
    )

    assert play(catalog, gone, a_tuning_workspace()).reasons == ()
