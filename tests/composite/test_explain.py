"""The origins of fields are true: what changes with an input names that input."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from composite import workspace
from composite.catalog import Catalog
from composite.explain import explain, planned_nodes, spelled, spelled_node
from composite.explain.tracing import changed, partners
from composite.explain.variants import variants
from composite.models import JsonObject
from composite.origins import Origin, Source
from composite.simulate import Clock
from composite.simulate.in_process import InProcess
from composite.workspace.observe import observe
from composite.workspace.plan import make_plan
from composite.workspace.rules import read_spec
from composite.workspace.training_config import find_config
from hooks.cli.explaining import Listening
from hooks.cli.rendering import print_notice, served
from hooks.cli.worlds import read_worlds

EXAMPLES = Path("examples")
FILES = [
    str(file)
    for pattern in ("inference/*.yaml", "tuning/*.yaml", "tiny/serve.yaml", "together/*.yaml")
    for file in sorted(EXAMPLES.glob(pattern))
]
SETTINGS = {"fetch_networks": "FETCH_ALLOW_NETWORKS"}
# What names a row: with another name it is another row, of which the origin is told.
ROWS = {
    "resource.instanceType": Source.INSTANCE_TYPE,
    "inference.preset.name": Source.PRESET,
    "tuning.preset.name": Source.PRESET,
    "tuning.method": Source.METHOD,
}


class Input(NamedTuple):
    """One field that was changed, and the request and catalog with it changed."""

    source: Source
    field: str
    request: workspace.Request
    catalog: Catalog


def asked(file: str, catalog: Catalog) -> workspace.Request:
    """Return what is asked of the last Workspace of a file, once its nodes are up."""
    clock = Clock()
    hooks = Listening(InProcess(catalog, clock))
    (world,) = read_worlds([file])
    served(world, catalog, hooks, clock, print_notice)
    request = workspace.Request.model_validate([*hooks.heard.values()][-1])
    status = request.parent.status.model_copy(update={"tuning": None})
    parent = request.parent.model_copy(update={"status": status})
    nothing: JsonObject = {kind: {} for kind in request.children}
    return request.model_copy(update={"children": nothing, "parent": parent})


def children(request: workspace.Request, catalog: Catalog) -> list[JsonObject]:
    """Return Machines and children, whether the rules would let the Workspace pass or not."""
    seen = observe(request, catalog.provisioning.provisioner)
    spec = read_spec(request.parent.written)
    config = None
    if spec.tuning is not None:
        config = find_config(spec.tuning, "default", seen.user_config, catalog)
    plan = make_plan(request.parent, spec, config, seen, catalog, Clock().now)
    nodes = [found for node in planned_nodes(plan, catalog) for found in spelled_node(node)]
    return [*nodes, *spelled(plan)]


def inputs(request: workspace.Request, catalog: Catalog) -> Iterator[Input]:
    """Yield each field that the children of a Workspace can come from, changed."""
    parent = request.parent
    for path, written, _ in variants(parent.written, frozenset()):
        if path not in ROWS or path == "resource.instanceType":
            changed_parent = parent.model_copy(update=written)
            yield Input(
                Source.WORKSPACE,
                path,
                request.model_copy(update={"parent": changed_parent}),
                catalog,
            )
    named = (parent.inference or parent.tuning or {}).get("preset", {}).get("name", "")
    for path, preset, _ in variants(catalog.presets.get(named), frozenset()):
        presets = {**catalog.presets, named: preset}
        yield Input(Source.PRESET, path, request, catalog.model_copy(update={"presets": presets}))
    row_name = read_spec(parent.written).resource.instanceType
    if row_name in catalog.instance_types:
        for path, row, _ in variants(catalog.instance_types[row_name], frozenset()):
            rows = {**catalog.instance_types, row_name: row}
            other = catalog.model_copy(update={"instance_types": rows})
            yield Input(Source.INSTANCE_TYPE, path, request, other)
    for path, where, _ in variants(catalog.provisioning, frozenset()):
        if path != "provisioner":  # with another one there are other nodes
            other = catalog.model_copy(update={"provisioning": where})
            name = f"METAKAITO_{SETTINGS.get(path, path).upper()}"
            yield Input(Source.SETTING, name, request, other)


def names(origins: Iterable[Origin], given: Input) -> bool:
    """Whether one of the origins is the input that was changed, or holds it, or is in it."""
    return any(
        (origin.source is given.source and overlap(origin.field, given.field))
        or origin.source is ROWS.get(given.field)
        or (given.source is Source.WORKSPACE and origin.field == "the spec")
        for origin in origins
    )


def overlap(field: str, other: str) -> bool:
    """Whether two paths are the same, or one is inside of the other."""
    short, long = sorted((field.replace("[*]", "[0]"), other), key=len)
    return short == long or (long.startswith(short) and long[len(short)] in ".[")


def holders(path: str) -> Iterator[str]:
    """Yield a path, and those of all that holds it, but for the object as a whole."""
    while path:
        yield path
        path = path[: max(path.rfind("."), path.rfind("["), 0)]


def before_its_nodes(request: workspace.Request) -> workspace.Request:
    """Return what is asked first: there is no Machine yet, and none is planned."""
    status = request.parent.status.model_copy(update={"machines": (), "workerNodes": ()})
    related = {
        kind: {} if kind.partition(".")[0] in ("Machine", "Node") else found
        for kind, found in request.related.items()
    }
    parent = request.parent.model_copy(update={"status": status})
    return request.model_copy(update={"parent": parent, "related": related})


def unnamed(request: workspace.Request, catalog: Catalog) -> Iterator[tuple[Source, str]]:
    """Yield what was changed for each field that changes, and a line where it does not say so."""
    explained = explain(request, catalog, Clock().now)
    built = children(request, catalog)
    assert [child.content for child in explained] == built
    for given in inputs(request, catalog):
        try:
            others = children(given.request, given.catalog)
        except Exception:  # noqa: BLE001, S112  (the rules would have refused it)
            continue
        for child, other in zip(explained, partners(built, others), strict=True):
            for path in changed(child.content, other):
                origins = [
                    origin
                    for each in (holders(path) if path else [""])
                    for origin in child.origins.get(each, ())
                ]
                waits = not path and any(each.source is Source.CLUSTER for each in origins)
                told = ", ".join(map(str, origins)) or "nothing"
                line = f"{given.source}: {given.field} → {child.content['kind']}.{path}: {told}"
                yield given.source, "" if waits or names(origins, given) else line


@pytest.mark.parametrize("file", FILES)
def test_what_changes_with_an_input_names_that_input(file: str, catalog: Catalog) -> None:
    request = asked(file, catalog)
    found = [
        each
        for situation in (request, before_its_nodes(request))
        for each in unnamed(situation, catalog)
    ]
    assert "\n".join(line for _, line in found if line) == ""
    is_named = any(
        "preset" in (part or {}) for part in (request.parent.inference, request.parent.tuning)
    )
    sources = {source for source, _ in found}
    assert sources >= ({Source.WORKSPACE, Source.PRESET} if is_named else {Source.WORKSPACE})


def test_labels_in_the_long_form_are_told_as_they_are_written(
    tmp_path: Path, catalog: Catalog
) -> None:
    text = (EXAMPLES / "phi-3.yaml").read_text(encoding="utf-8")
    short = "    matchLabels:\n      apps: phi-3\n"
    long = "    matchExpressions: [{ key: apps, operator: In, values: [phi-3] }]\n"
    assert short in text
    file = tmp_path / "long.yaml"
    file.write_text(text.replace(short, long), encoding="utf-8")

    (machine, *_) = explain(asked(str(file), catalog), catalog, Clock().now)

    assert machine.origins_of("metadata.labels.apps") == (
        Origin(Source.WORKSPACE, "resource.labelSelector"),
    )
    assert "\n".join(line for _, line in unnamed(asked(str(file), catalog), catalog) if line) == ""


def test_a_container_that_a_field_brings_is_there_for_it_and_its_constants_are_the_default(
    catalog: Catalog,
) -> None:
    request = asked("examples/tuning/kaito_workspace_tuning_phi_3.yaml", catalog)

    job = explain(request, catalog, Clock().now)[-1]
    found = {
        path: tuple(map(str, job.origins_of(path)))
        for name in (
            *("", ".name", ".image", ".command[0]", ".command[1]", ".securityContext.runAsUser"),
            *(".env[0].name", ".env[0].value", ".env[1].value", ".env[3].value"),
        )
        for path in [f"spec.template.spec.containers[0]{name}"]
    }

    pusher = "spec.template.spec.containers[0]"
    assert job.content["spec"]["template"]["spec"]["containers"][0]["name"] == "pusher"
    assert found == {
        pusher: ("Workspace: tuning.output.image",),
        f"{pusher}.name": ("default",),
        f"{pusher}.image": ("setting: METAKAITO_STEPS_IMAGE",),
        f"{pusher}.command[0]": ("default",),
        f"{pusher}.command[1]": ("default",),
        f"{pusher}.securityContext.runAsUser": ("default",),
        f"{pusher}.env[0].name": ("default",),
        f"{pusher}.env[0].value": ("Workspace: tuning.output.image",),
        f"{pusher}.env[1].value": ("setting: METAKAITO_ADAPTER_BASE",),
        f"{pusher}.env[3].value": ("method qlora: its default configuration",),
    }
