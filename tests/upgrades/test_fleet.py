"""The fleet has something of everything that can run, and a baseline of all of it."""

import re
from collections.abc import Iterable

import pytest

from composite import names
from composite.catalog import Cloud, Provisioner, Runtime
from composite.models import JsonObject
from composite.simulate import objects
from composite.simulate.provisioner import CLAIMS
from presets import load_catalog
from tests.upgrades import answers
from tests.upgrades.fleet import Member, members
from tests.upgrades.plays import living, released_world

FLEET = members()


def named(member: Member) -> str:
    return member.name


def specs(half: str) -> list[JsonObject]:
    """Return what each Workspace says in ``resource``, ``inference`` or ``tuning``."""
    return [w[half] for member in FLEET for w in member.workspaces if w.get(half)]


def test_every_preset_runs_somewhere() -> None:
    used = {each["preset"]["name"] for each in specs("inference") if "preset" in each}

    assert used >= load_catalog(Cloud.AZURE).presets.keys()


def test_every_preset_that_can_be_tuned_and_every_method_is_in_use() -> None:
    tuned = {each["preset"]["name"] for each in specs("tuning")}
    families = {load_catalog(Cloud.AZURE).presets[name].family for name in tuned & known()}
    tunable = {p.family for p in load_catalog(Cloud.AZURE).presets.values() if p.tuning}

    assert families == tunable
    assert {each["method"] for each in specs("tuning")} == {"lora", "qlora"}
    assert keys(each["input"] for each in specs("tuning")) >= {"urls", "image", "volumeSource"}
    assert keys(each["output"] for each in specs("tuning")) >= {"image", "volumeSource"}


def test_nodes_come_in_every_way_and_number() -> None:
    used = {member.installation.provisioner for member in FLEET}
    clouds = {member.installation.cloud for member in FLEET}

    assert used == set(Provisioner)
    assert clouds == set(Cloud)
    assert {each.get("count", 1) for each in specs("resource")} == {1, 2, 3}
    assert any(each.get("preferredNodes") for each in specs("resource"))
    assert {member.installation.runtime for member in FLEET} == set(Runtime)


def test_weights_come_from_everywhere() -> None:
    catalogs = [member.catalog for member in FLEET]
    weights = [p.weights for catalog in catalogs for p in catalog.presets.values() if p.weights]
    hub = [each.huggingFace for each in weights if each.huggingFace]

    assert all(any(getattr(w, kind) for w in weights) for kind in ("image", "claim", "hostPath"))
    assert {found.tokenSecret is None for found in hub} == {True, False}


def test_adapters_come_from_images_and_from_workspaces() -> None:
    adapters = [a["source"] for each in specs("inference") for a in each.get("adapters", ())]

    assert keys(adapters) >= {"image", "workspace", "imagePullSecrets"}


@pytest.mark.parametrize("member", FLEET, ids=named)
def test_a_member_tells_its_story(member: Member) -> None:
    assert re.fullmatch(r"[A-Za-z].*\.", member.story), "the first line is a comment, one sentence"
    assert re.fullmatch(r"[a-z0-9-]+/[a-z0-9-]+", member.name)
    assert member.workspaces


def test_each_has_a_baseline_and_nobody_else() -> None:
    kept = {f"{path.parent.name}/{path.stem}" for path in answers.RELEASED.glob("*/*.yaml")}
    wanted = {member.name for member in FLEET}

    assert kept - wanted == set(), "these belong to nobody: `python -m tests.upgrades release`"
    assert wanted - kept == set(), "these are new: `python -m tests.upgrades release --new`"


@pytest.mark.parametrize("member", FLEET, ids=named)
def test_what_was_released_runs_in_the_embedded_cluster_as_its_status_says(member: Member) -> None:
    known = answers.released(member)

    cluster, _ = released_world(member, known)

    world = cluster.store.everything()
    assert [entry for entry in cluster.timeline if entry.what == "failed"] == []
    for workspace in living(world, names.WORKSPACES):
        assert is_well(workspace, living(world, names.PODS)), workspace["status"]
    for namespace, answer in known.machines.items():
        made = {each["metadata"]["name"] for each in answer.get("attachments", ())}
        there = [m for kind in CLAIMS for m in living(world, kind)]
        owner = names.LABEL_WORKSPACE_NAMESPACE
        assert made == {
            m["metadata"]["name"] for m in there if objects.labels_of(m)[owner] == namespace
        }


def is_well(workspace: JsonObject, pods: list[JsonObject]) -> bool:
    """Whether it serves with so many pods, or trains, or has trained."""
    where = workspace["metadata"]
    mine = [
        objects.status_of(pod).get("phase")
        for pod in pods
        if pod["metadata"]["namespace"] == where["namespace"]
        and objects.labels_of(pod)[names.LABEL_WORKSPACE] == where["name"]
    ]
    if workspace.get("inference"):
        wanted = ["Running"] * workspace["resource"]["count"]
        return objects.is_true(workspace, "WorkspaceReady") and mine == wanted
    if objects.is_true(workspace, "WorkspaceSucceeded"):
        return mine in (["Succeeded"], [])
    return objects.is_true(workspace, "JobStarted") and mine in (["Running"], ["Pending"])


def known() -> set[str]:
    return set(load_catalog(Cloud.AZURE).presets)


def keys(found: Iterable[JsonObject]) -> set[str]:
    return {key for each in found for key in each}
