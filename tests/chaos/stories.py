"""Random stories: a few Workspaces, and what befalls them."""

from collections.abc import Callable
from random import Random

from composite import names
from composite.catalog import Provisioner
from composite.machines.observe import KINDS
from composite.simulate.informers import Upset
from tests.chaos.events import (
    Apply,
    Delete,
    Event,
    HooksClock,
    HooksFail,
    Json,
    NodeReady,
    Patch,
    Recreate,
    Restart,
    RestartProvisioner,
    Resync,
    Story,
    Watches,
    Writes,
)

NAMES = ("a", "b", "c", "d")
NAMESPACES = ("default", "default", "default", "other")
LABELS: tuple[Json, ...] = (
    {"apps": "x"},
    {"apps": "x"},
    {"apps": "x", "zone": "1"},
    {"apps": "y"},
    {names.LABEL_WORKSPACE: "a", "apps": "x"},
)
ONE_GPU, TWO_GPUS, BIG, HUGE = (
    "Standard_NC6s_v3",
    "Standard_NC12s_v3",
    "Standard_NC24ads_A100_v4",
    "Standard_NC96ads_A100_v4",
)
TYPES = (ONE_GPU, ONE_GPU, TWO_GPUS, BIG, HUGE, "Standard_New", "no such type")
GPUS = {ONE_GPU: 1, TWO_GPUS: 2, BIG: 1, HUGE: 4}
PRESETS = ("phi-2", "phi-2", "phi-3-mini-4k-instruct", "falcon-7b", "llama-2-13b-chat", "no-such")
CONFIGS = (
    "training_config: {QuantizationConfig: {load_in_8bit: true}, LoraConfig: {r: 16}}",
    "training_config: {QuantizationConfig: {load_in_4bit: true}, LoraConfig: {r: 8}}",
    "training_config: {LoraConfig: {rank: 16}}",
    "[",
)

# The kinds that Metacontroller watches, and those of them that are children or claims.
CHILDREN = (
    names.DEPLOYMENTS,
    names.STATEFULSETS,
    names.SERVICES,
    names.REVISIONS,
    names.JOBS,
    names.CONFIGMAPS,
)
WATCHED = (names.WORKSPACES, names.NODES, names.PODS, "Namespace.v1", *CHILDREN)
# Moments at which something may happen: in one instant, within a sync's reach, in each phase.
GAPS = (0.0, 0.0, 0.001, 0.5, 1.0, 3.0, 20.0, 60.0, 200.0, 900.0)
LAGS = (0.001, 0.5, 2.0, 10.0, 45.0)

DELAYS: tuple[dict[str, float], ...] = (
    {},
    dict.fromkeys(("launch", "register", "initialize", "gpu", "pull", "start", "terminate"), 0.1),
    {"launch": 1.0, "register": 2.0, "initialize": 1.0, "gpu": 1.0, "pull": 2.0, "start": 2.0},
    {"register": 900.0, "terminate": 300.0},
    {"pull": 1800.0},
)
FAULTS: tuple[Json, ...] = (
    {},
    {},
    {},
    {"instanceTypesUnavailable": {"attempts": 1}},
    {"instanceTypesUnavailable": {"attempts": 3}},
    {"instanceTypesUnavailable": {"attempts": 2, "announced": True}},
    {"outOfMemory": {"restarts": 1}},
    {"datasetNotFound": {"times": 1}},
    {"pushRefused": {"times": 1}},
    {"imageCannotBePulled": True},
)


def random_story(chance: Random) -> Story:
    """Return any story."""
    provisioner = chance.choice([*KINDS, *KINDS, Provisioner.NONE])
    used = NAMES[: chance.choice([1, 1, 2, 2, 3, 4])]
    config = a_config_map(chance.choice(CONFIGS[:2]))
    given = [config, *some_nodes(chance, provisioner), *(a_workspace(chance, n) for n in used)]
    some = [random_event(chance, used, provisioner) for _ in range(chance.randint(3, 12))]
    # Half of the stories begin when everything runs.
    some[0] = some[0]._replace(after=chance.choice([0.0, 3.0, 700.0, 1500.0, 5000.0]))
    return Story(
        given=tuple(given),
        events=tuple(some),
        delays=chance.choice(DELAYS),
        faults=chance.choice(FAULTS),
        provisioner=provisioner,
    )


def a_workspace(chance: Random, name: str) -> Json:
    """Return a Workspace, more likely a good one."""
    wanted = a_tuning(chance) if chance.random() < 0.3 else an_inference(chance)
    return {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": name, "namespace": NAMESPACES[NAMES.index(name)]},
        "resource": a_resource(chance),
        **wanted,
    }


def a_resource(chance: Random) -> Json:
    """Return what nodes are asked for."""
    found: Json = {
        "count": chance.choice([1, 1, 1, 2, 3]),
        "instanceType": chance.choice([ONE_GPU, TWO_GPUS, BIG, HUGE, chance.choice(TYPES)]),
        "labelSelector": {"matchLabels": chance.choice(LABELS)},
    }
    if chance.random() < 0.1:
        found["preferredNodes"] = ["node-0"]
    return found


def an_inference(chance: Random) -> Json:
    """Return what is served."""
    if chance.random() < 0.25:
        container: Json = {"name": "c", "image": chance.choice(["r.example/m:1", "r.example/m:2"])}
        if chance.random() < 0.7:
            container["resources"] = {"limits": {names.GPU: "1"}}
        return {"inference": {"template": {"spec": {"containers": [container]}}}}
    preset: Json = {"name": chance.choice(PRESETS)}
    if preset["name"] == "llama-2-13b-chat":
        preset |= {"accessMode": "private", "presetOptions": {"image": "r.example/llama:1"}}
    found: Json = {"preset": preset}
    if chance.random() < 0.3:
        image: Json = {"name": "one", "image": chance.choice(["r.example/a:1", "r.example/a:2"])}
        source = chance.choice([image, image, {"name": "one", "workspace": "b"}])
        found["adapters"] = [{"source": source, "strength": chance.choice(["0.5", "1", "9"])}]
    return {"inference": found}


def a_tuning(chance: Random) -> Json:
    """Return what is trained."""
    found: Json = {
        "preset": {"name": chance.choice(["phi-2", "phi-2", "falcon-7b", "no-such"])},
        "method": "qlora",
        "input": {"urls": [chance.choice(["https://d.example/1", "https://d.example/2"])]},
        "output": {
            "image": chance.choice(["r.example/out:1", "r.example/out:2"]),
            "imagePushSecret": "push",
        },
    }
    if chance.random() < 0.6:
        found["config"] = "config"
    return {"tuning": found}


def a_config_map(text: str) -> Json:
    """Return the ConfigMap that trainings name."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "config", "namespace": "default"},
        "data": {names.TRAINING_CONFIG_FILE: text},
    }


def some_nodes(chance: Random, provisioner: Provisioner) -> list[Json]:
    """Return the nodes that somebody brought."""
    count = chance.choice([1, 2, 3] if provisioner is Provisioner.NONE else [0, 0, 0, 1, 2])
    return [a_node(chance, f"node-{number}") for number in range(count)]


def a_node(chance: Random, name: str) -> Json:
    """Return a node that is Ready."""
    kind = chance.choice([ONE_GPU, TWO_GPUS, BIG, HUGE])
    labels = {**chance.choice(LABELS), names.LABEL_INSTANCE_TYPE: kind, names.LABEL_HOSTNAME: name}
    if chance.random() < 0.7:
        labels.pop(names.LABEL_WORKSPACE, None)
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2025-12-31T00:00:00Z"}
    shown = {names.GPU: str(GPUS[kind]), "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {},
        "status": {"conditions": [ready], "allocatable": shown},
    }


Maker = Callable[[Random, tuple[str, ...], str], Event]


def random_event(chance: Random, used: tuple[str, ...], provisioner: Provisioner) -> Event:
    """Return anything that may happen, edits most of all."""
    (make,) = chance.choices([make for make, _ in EVENTS], [weight for _, weight in EVENTS])
    return make(chance, used, KINDS.get(provisioner, names.NODES))


def after(chance: Random) -> float:
    """Return when something happens."""
    return chance.choice(GAPS)


def edited_workspace(chance: Random, used: tuple[str, ...], _claim: str) -> Event:
    """Return that a user changes a Workspace, or writes it anew."""
    if chance.random() < 0.1:
        return Apply(after(chance), a_workspace(chance, chance.choice(used)))
    return Patch(after(chance), names.WORKSPACES, chance.randrange(4), an_edit(chance))


def deletion(chance: Random, used: tuple[str, ...], claim: str) -> Event:
    """Return that somebody deletes something."""
    if chance.random() < 0.2:
        gap = chance.choice([0.0, 0.0, 0.5, 1.0, 30.0])
        return Recreate(after(chance), chance.choice(used), gap)
    most = (names.WORKSPACES, claim, names.NODES, names.PODS, names.DEPLOYMENTS, names.SERVICES)
    kind = chance.choice([*most, *most, *CHILDREN, "Namespace.v1"])
    return Delete(after(chance), kind, chance.randrange(4))


EVENTS: tuple[tuple[Maker, int], ...] = (
    (edited_workspace, 10),
    (lambda c, _u, _c: Apply(after(c), a_config_map(c.choice(CONFIGS))), 2),
    (deletion, 10),
    (lambda c, _u, _c: an_edit_of_a_child(c, after(c), c.randrange(4)), 2),
    (lambda c, _u, _c: NodeReady(after(c), c.randrange(4), c.random() < 0.4), 2),
    (lambda c, _u, _c: HooksFail(after(c), c.choice([0.5, 5.0, 60.0, 400.0])), 2),
    (lambda c, _u, _c: HooksClock(after(c), c.choice([-90.0, -5.0, -1.0, 2.0])), 1),
    (lambda c, _u, claim: some_watches(c, after(c), claim), 6),
    (lambda c, _u, _c: Writes(after(c), c.randrange(4), c.choice(list(Upset))), 3),
    (lambda c, _u, _c: Restart(after(c), c.choice([0.0, 0.0, 1.0, 120.0])), 2),
    (lambda c, _u, _c: RestartProvisioner(after(c)), 1),
    (lambda c, _u, _c: Resync(after(c)), 1),
)


def an_edit(chance: Random) -> Json:
    """Return what a user changes of a Workspace, as a merge patch."""
    edits: list[Json] = [
        {"resource": {chance.choice(["count", "instanceType"]): chance.choice([2, ONE_GPU])}},
        {"resource": {"preferredNodes": chance.choice([["node-0"], ["node-1", "no-such"], None])}},
        {"metadata": {"finalizers": chance.choice([["example.com/held"], None])}},
        {"metadata": {"labels": {"team": chance.choice(["one", "two"])}}},
        {"metadata": {"annotations": {names.ANNOTATION_ENABLE_LB: chance.choice(["True", None])}}},
        {"metadata": {"annotations": {names.ANNOTATION_RELEASE_NODES: "True"}}},
        {"inference": {"preset": {"name": chance.choice(PRESETS)}}},
        {"inference": {"adapters": chance.choice([None, an_adapter(chance)])}},
        {"tuning": {"config": chance.choice(["config", "no-such", None])}},
        {"tuning": {"input": {"urls": [f"https://d.example/{chance.randrange(3)}"]}}},
        {"tuning": {"output": {"image": f"r.example/out:{chance.randrange(4)}"}}},
        {"inference": an_inference(chance)["inference"]},
    ]
    return chance.choice(edits)


def an_adapter(chance: Random) -> list[Json]:
    """Return the adapters of a model."""
    source = {"name": "two", "image": f"r.example/b:{chance.randrange(3)}"}
    return [{"source": source, "strength": chance.choice(["0.5", "much"])}]


def an_edit_of_a_child(chance: Random, when: float, nth: int) -> Event:
    """Return what somebody changes by hand of what Metacontroller keeps."""
    edits: list[tuple[str, Json]] = [
        (names.DEPLOYMENTS, {"spec": {"replicas": chance.choice([0, 1, 5])}}),
        (names.DEPLOYMENTS, {"metadata": {"annotations": {"note": "by hand"}}}),
        (names.STATEFULSETS, {"spec": {"replicas": chance.choice([0, 1])}}),
        (names.SERVICES, {"spec": {"type": "NodePort"}}),
        (names.SERVICES, {"metadata": {"labels": {"note": "by-hand"}}}),
        (names.REVISIONS, {"metadata": {"annotations": {"note": "by hand"}}}),
        (names.NODES, {"metadata": {"labels": {"apps": chance.choice(["x", "z"])}}}),
        (names.NODES, {"spec": {"unschedulable": chance.choice([True, None])}}),
    ]
    kind, patch = chance.choice(edits)
    return Patch(when, kind, nth, patch)


def some_watches(chance: Random, when: float, claim: str) -> Event:
    """Return how changes come from now on: some kinds late, some not at all."""
    kinds = [*WATCHED, claim]
    late = chance.sample(kinds, chance.choice([1, 1, 2, 4]))
    cut = chance.sample(kinds, chance.choice([0, 0, 0, 1, 2]))
    seconds = chance.choice([1.0, 20.0, 120.0])
    return Watches(when, seconds, {kind: chance.choice(LAGS) for kind in late}, tuple(cut))
