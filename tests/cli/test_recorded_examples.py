"""
The recordings in ``examples/recorded`` are what this version records.

``pytest tests/cli/test_recorded_examples.py --update-golden`` writes them anew.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from composite.catalog import Catalog, NodeClass, Provisioner, Provisioning
from composite.models import JsonObject
from composite.simulate import Clock, Cluster
from composite.simulate.in_process import InProcess
from hooks.answers import Answered, served
from hooks.recording.exchange import Exchange, Question, answering, recorded
from presets import load_catalog
from presets.loading import read_yaml
from tests.cli.conftest import Run, served_by_a_template

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples/recorded"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SYNC = "/workspaces/sync"

KARPENTER = Provisioning(
    provisioner=Provisioner.NODECLAIM,
    node_class=NodeClass(group="karpenter.azure.com", kind="AKSNodeClass"),
)
SERVER = served_by_a_template("own-server", "hunter2-of-mine")


def last_sync(catalog: Catalog) -> JsonObject:
    """What Metacontroller asks about the server once it serves."""
    clock = Clock()
    cluster = Cluster(
        InProcess(catalog, clock), clock=clock, provisioner=catalog.provisioning.provisioner
    )
    cluster.apply(SERVER)
    cluster.run()
    return [each.request for each in cluster.requests if each.path == SYNC][-1]


def examples() -> dict[str, Exchange]:
    """Return each recording by the name of its file."""
    karpenter = load_catalog(provisioning=KARPENTER)
    tuning = ROOT / "tests/golden/workspace/tuning-with-a-config-map-is-made-of-what-it-says"
    questions = {
        "7c0a51e2": (last_sync(karpenter), karpenter),
        "e95b03d4": (read_yaml(tuning / "request.yaml"), load_catalog()),
    }
    return {
        f"20260101T120000000000Z-workspaces-sync-{name}.json": recorded(
            Question(SYNC, question, NOON),
            served(SYNC, question, catalog, NOON),
            answering("0.1.0", catalog),
            NOON,
            name,
        )
        for name, (question, catalog) in questions.items()
    }


def what_stays(exchange: Exchange) -> tuple[JsonObject, Answered, Answered]:
    """Return a recording without the hash of all presets, which every new one changes."""
    return exchange.request, exchange.answered, exchange.expected


@pytest.mark.parametrize(("name", "exchange"), examples().items())
def test_is_what_is_recorded(name: str, exchange: Exchange, request: pytest.FixtureRequest) -> None:
    file = FOLDER / name
    if request.config.getoption("--update-golden"):
        FOLDER.mkdir(exist_ok=True)
        file.write_bytes(exchange.to_bytes())

    assert what_stays(Exchange.from_bytes(file.read_bytes())) == what_stays(exchange)
    assert b"hunter2" not in file.read_bytes()


def test_there_is_no_other() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(examples())


def test_each_is_answered_as_it_was(run: Run) -> None:
    result = run("replay", str(FOLDER), "-o", "json")

    found = json.loads(result.out)["counts"]
    assert (result.code, found["equal"], found["redacted"]) == (0, 1, 1)
