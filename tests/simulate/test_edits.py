"""What an edit does to the pods that run, played to its end."""

from composite.catalog import Catalog
from composite.models import JsonObject
from composite.simulate.scenario import Scenario
from tests.simulate.plays import play


def a_template(image: str) -> JsonObject:
    limits = {"limits": {"nvidia.com/gpu": "1"}}
    return {"spec": {"containers": [{"name": "server", "image": image, "resources": limits}]}}


def test_an_edited_template_is_what_runs(catalog: Catalog) -> None:
    workspace = {
        "apiVersion": "kaito.sh/v1alpha1",
        "kind": "Workspace",
        "metadata": {"name": "mine"},
        "resource": {
            "instanceType": "Standard_NC6s_v3",
            "labelSelector": {"matchLabels": {"apps": "mine"}},
        },
        "inference": {"template": a_template("registry.example/server:1")},
    }
    edit = {"inference": {"template": a_template("registry.example/server:2")}}
    scenario = Scenario.model_validate(
        {
            "name": "edited",
            "description": "The template of a serving Workspace is edited.",
            "steps": [{"when": "WorkspaceReady=True", "after": 60, "do": {"patchWorkspace": edit}}],
            "promise": {"conditions": {"WorkspaceReady": "True"}, "nodes": "planned"},
        }
    )

    run = play(catalog, scenario, workspace)

    pods = [obj for obj in run.final if obj["kind"] == "Pod"]
    assert run.reasons == ()
    assert [pod["spec"]["containers"][0]["image"] for pod in pods] == ["registry.example/server:2"]
    assert len([obj for obj in run.final if obj["kind"] == "Node"]) == 1
