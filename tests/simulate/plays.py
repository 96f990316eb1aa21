"""Workspaces to play with our own hooks, one for each kind of scenario."""

from composite.catalog import Catalog
from composite.models import JsonObject
from composite.simulate import Clock, Run, gpus_in, simulate
from composite.simulate.in_process import InProcess
from composite.simulate.scenario import Scenario


def a_workspace(
    name: str = "workspace-phi-3-mini",
    preset: str = "phi-3-mini-4k-instruct",
    instance_type: str = "Standard_NC6s_v3",
    count: int = 1,
) -> JsonObject:
    return {
        "apiVersion": "kaito.sh/v1alpha1",
        "kind": "Workspace",
        "metadata": {"name": name},
        "resource": {
            "count": count,
            "instanceType": instance_type,
            "labelSelector": {"matchLabels": {"apps": "phi-3"}},
        },
        "inference": {"preset": {"name": preset}},
    }


def a_tuning_workspace(
    instance_type: str = "Standard_NC24ads_A100_v4", **tuning: object
) -> JsonObject:
    return {
        "apiVersion": "kaito.sh/v1alpha1",
        "kind": "Workspace",
        "metadata": {"name": "workspace-tuning-phi-3"},
        "resource": {
            "instanceType": instance_type,
            "labelSelector": {"matchLabels": {"app": "tuning-phi-3"}},
        },
        "tuning": {
            "preset": {"name": "phi-3-mini-128k-instruct"},
            "method": "qlora",
            "input": {"urls": ["https://data.example/dolly-15k-oai-style.parquet?download=true"]},
            "output": {
                "image": "my.registry.example/phi-3-adapter:0.0.1",
                "imagePushSecret": "my-registry-secret",
            },
            **tuning,
        },
    }


def example(scenario: Scenario, *, on_aws: bool = False) -> JsonObject:
    """A Workspace of the kind that a scenario is made for."""
    if scenario.plays == "tuning":
        return a_tuning_workspace(*(["g5.4xlarge"] if on_aws else []))
    return a_workspace(instance_type="g5.4xlarge") if on_aws else a_workspace()


def play(catalog: Catalog, scenario: Scenario, *given: JsonObject) -> Run:
    clock = Clock()
    return simulate(
        given or (example(scenario),),
        scenario,
        InProcess(catalog, clock),
        clock=clock,
        provisioner=catalog.provisioning.provisioner,
        gpus=gpus_in(catalog),
    )
