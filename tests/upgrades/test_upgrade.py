"""
An upgrade from the last released version to today's code reaches nothing that runs.

What restarts a pod nevertheless has to stand in CHANGELOG.md as a roll-out; CONTRIBUTING.md says
how.
"""

import pytest

from composite import names
from composite.catalog import Catalog, HubWeights, Preset, Provisioning, Runtime, Weights
from composite.models import JsonObject
from composite.preview.effects import Effect
from composite.simulate.in_process import InProcess
from composite.simulate.provisioner import CLAIMS
from tests.upgrades.__main__ import report_on
from tests.upgrades.answers import released
from tests.upgrades.declarations import causes
from tests.upgrades.fleet import Member, members
from tests.upgrades.plays import (
    AFTERWARDS,
    changes_of,
    living,
    lost_pods,
    released_world,
    upgraded,
)
from tests.upgrades.sentences import Report

FLEET = members()


def named(member: Member) -> str:
    return member.name


@pytest.fixture(scope="module")
def report() -> Report:
    return report_on(FLEET)


def test_nothing_restarts_that_nobody_was_told_of_and_what_is_told_happens(report: Report) -> None:
    assert report.mistakes == []


def test_pods_and_machines_are_counted_and_none_is_lost(report: Report) -> None:
    """Without a declared roll-out; with one, only where it is declared."""
    told = {u.member.name for u in report.upgrades if causes(u)}
    quiet = [upgrade for upgrade in report.upgrades if upgrade.member.name not in told]

    assert sum(upgrade.pods for upgrade in quiet) >= len(quiet) - 1  # one has given its nodes back
    assert [(u.member.name, u.restarted, u.replaced) for u in quiet] == [
        (u.member.name, 0, 0) for u in quiet
    ]


# --- a later catalog -----------------------------------------------------------------------------


def later(preset: Preset) -> Preset:
    """Return what a later version may have made of a preset: everything is another, and larger."""
    command = preset.command.model_copy(
        update={"modelFlags": {**preset.command.modelFlags, "later": "yes"}}
    )
    need = preset.gpu.model_copy(update={"totalMemoryGi": 9999, "perGpuMemoryGi": 999})
    elsewhere = Weights(huggingFace=HubWeights(name="later/model", revision="v9"))
    return preset.model_copy(
        update={
            "image": f"later-{preset.name}:9" if preset.image else None,
            "command": command,
            "disk": "999Gi",
            "gpu": need,
            "readinessTimeoutSeconds": preset.readinessTimeoutSeconds + 600,
            "weights": elsewhere if preset.weights else None,
        }
    )


def later_catalog(catalog: Catalog) -> Catalog:
    """Return a catalog in which every preset and every image is another, and so is the runtime."""
    where = catalog.provisioning
    others = {Runtime.KAITO: Runtime.METAKAITO, Runtime.METAKAITO: Runtime.KAITO}
    provisioning = Provisioning.model_validate(
        where.model_dump()
        | {
            "image_registry": "later.example/kaito",
            "runtime": others[where.runtime],
            "runtime_image": "later.example/runtime:9",
            "steps_image": "later.example/steps:9",
            "adapter_base": "later.example/base:9",
            "node_class": where.node_class.model_copy(update={"name": "later"}),
        }
    )
    presets = {name: later(preset) for name, preset in catalog.presets.items()}
    configs = {
        method: {**config, "LoraConfig": {**config.get("LoraConfig", {}), "r": 64}}
        for method, config in catalog.tuning_configs.items()
    }
    update = {"presets": presets, "provisioning": provisioning, "tuning_configs": configs}
    return catalog.model_copy(update=update)


@pytest.mark.parametrize("member", FLEET, ids=named)
def test_a_later_catalog_reaches_no_pod_and_no_machine(member: Member) -> None:
    upgrade = upgraded(member, released(member), catalog=later_catalog(member.catalog))

    touched = {(c.kind, c.path) for c in upgrade.changes if c.effect is not Effect.DEFERRED}
    # A note tells what is known later: that the model needs more, that ours would be preferred.
    assert touched <= {("Workspace", "status.conditions.Accepted.message")}
    assert (upgrade.restarted, upgrade.replaced) == (0, 0)


@pytest.mark.parametrize("member", FLEET, ids=named)
def test_what_was_accepted_stays_accepted_though_its_instance_type_is_not_known_any_more(
    member: Member,
) -> None:
    forgetful = member.catalog.model_copy(update={"instance_types": {}})

    upgrade = upgraded(member, released(member), catalog=forgetful)

    assert causes(upgrade) == []
    assert (upgrade.restarted, upgrade.replaced) == (0, 0)


# --- a mistake in the middle of an upgrade --------------------------------------------------------


@pytest.mark.parametrize("member", FLEET, ids=named)
def test_who_is_edited_to_something_impossible_keeps_what_the_old_version_accepted(
    member: Member,
) -> None:
    cluster, switch = released_world(member, released(member))
    before, asked = cluster.store.everything(), len(cluster.requests)
    for workspace in living(before, names.WORKSPACES):
        more = {**workspace["resource"], "count": workspace["resource"]["count"] + 1}
        cluster.store.update({**workspace, "resource": more})
    switch.hooks = InProcess(member.catalog, cluster.clock)
    cluster.resync()
    cluster.run(until=cluster.clock.seconds + AFTERWARDS)

    after = cluster.store.everything()
    refused = [accepted(w)["status"] for w in living(after, names.WORKSPACES)]
    assert refused == ["False"] * len(member.workspaces)
    assert lost_pods(before, after) == []
    assert [uids(before, kind) for kind in CLAIMS] == [uids(after, kind) for kind in CLAIMS]
    found = [c for each in cluster.requests[asked:] for c in changes_of(member, each)]
    assert [c for c in found if c.kind != "Workspace" and c.effect is not Effect.DEFERRED] == []


def accepted(workspace: JsonObject) -> JsonObject:
    [found] = [c for c in workspace["status"]["conditions"] if c["type"] == "Accepted"]
    return dict(found)


def uids(world: list[JsonObject], kind: str) -> list[str]:
    return [obj["metadata"]["uid"] for obj in living(world, kind)]
