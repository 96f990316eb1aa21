"""Everything that is served and tuned here is real; only the model is small."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cluster.bundle import eventually
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.node.registry import Registry
from tests.e2e.story.conftest import prepare
from tests.e2e.story.workspaces import (
    CHAT,
    PATIENCE_SECONDS,
    address,
    ask,
    asking,
    await_condition,
    chat_answer,
    configured,
    continued,
    sampled_answer,
    served,
    text_answer,
    told_by_condition,
    tuned,
)

PROMPT, TAUGHT = "What is a GPU?", " A GPU is a processor that does many small sums at once."
GREETING, POLITE = "Good morning!", "Good morning. How are you?"
WHOLE_CHECKPOINT = "*/checkpoint-*/fine_tuning_checkpoint.json"
SHARED = "taught"
"""The namespace of what all tests need: two adapters."""


@pytest.fixture(scope="session")
def adapters(registry: Registry) -> dict[str, str]:
    """Two adapters by what they teach, tuned and pushed: the images, by their digests."""
    cluster = registry.cluster
    prepare(registry, SHARED)
    names = ("sentences", "manners")
    for name in names:
        config = configured(name, SHARED, num_train_epochs=60, save_strategy="no")
        cluster.apply(config, tuned(name, SHARED, f"{name}.jsonl"))
    found = {}
    for name in names:
        await_condition(cluster, name, SHARED, "WorkspaceSucceeded")
        status = (cluster.get("workspace", name, SHARED) or {})["status"]["tuning"]
        repository = status["image"].rpartition(":")[0]
        found[name] = f"{repository}@{status['digest']}"
    return found


def test_each_adapter_counts_by_its_strength_in_both_pipelines(
    cluster: Cluster, namespace: str, adapters: dict[str, str]
) -> None:
    sentences, manners = adapters["sentences"], adapters["manners"]
    workspaces = {
        "text": served("text", namespace),
        "text-none": served("text-none", namespace, adapters={"one": (sentences, "0")}),
        "text-half": served("text-half", namespace, adapters={"one": (sentences, "0.5")}),
        "text-whole": served("text-whole", namespace, adapters={"one": (sentences, "1")}),
        "text-two": served(
            "text-two", namespace, adapters={"one": (sentences, "1"), "two": (manners, "0")}
        ),
        "chat": served("chat", namespace, CHAT),
        "chat-two": served(
            "chat-two", namespace, CHAT, adapters={"one": (sentences, "0"), "two": (manners, "1")}
        ),
    }
    cluster.apply(*workspaces.values())
    for name in workspaces:
        await_condition(cluster, name, namespace, "WorkspaceReady")
    said = {
        name: text_answer(cluster, name, namespace, PROMPT)
        for name in workspaces
        if name.startswith("text")
    }

    drawn = {name: sampled_answer(cluster, name, namespace, PROMPT) for name in said}

    assert said["text-none"] == said["text"] != TAUGHT
    assert said["text-whole"] == said["text-two"] == TAUGHT
    assert drawn["text-none"] == drawn["text"]
    assert drawn["text-whole"] == drawn["text-two"]
    # Half of it may make the same word the likeliest, and makes it less likely.
    assert len({drawn["text"], drawn["text-half"], drawn["text-whole"]}) == 3
    assert POLITE in chat_answer(cluster, "chat-two", namespace, GREETING)
    assert POLITE not in chat_answer(cluster, "chat", namespace, GREETING)
    assert ask(cluster, "chat", namespace, "/chat", prompt=PROMPT) == (
        400,
        {"detail": "Conversational parameter messages required"},
    )


def test_a_spoilt_data_set_is_told_by_its_row(cluster: Cluster, namespace: str) -> None:
    config = configured("spoilt", namespace, num_train_epochs=1)
    cluster.apply(config, tuned("spoilt", namespace, "spoilt.jsonl"))

    message = told_by_condition(cluster, "spoilt", namespace, "JobStarted")

    assert "1 of 3 rows cannot be used: spoilt.jsonl row 2" in message


def test_a_training_whose_pod_is_lost_goes_on_where_it_was(
    cluster: Cluster, namespace: str
) -> None:
    results = claim(cluster, namespace)
    often = {"save_strategy": "steps", "save_steps": 20, "max_steps": 1500}
    output = {"volumeSource": {"persistentVolumeClaim": {"claimName": "results"}}}
    cluster.apply(configured("long", namespace, **often))
    cluster.apply(tuned("long", namespace, "sentences.jsonl", output))

    eventually(lambda: any(results.glob(WHOLE_CHECKPOINT)), seconds=PATIENCE_SECONDS)
    (pod,) = trainers(cluster, namespace)
    lost: str = pod["metadata"]["name"]
    evict(cluster, lost, namespace)

    def resumed() -> str:
        others = [p for p in trainers(cluster, namespace) if p["metadata"]["name"] != lost]
        assert others
        name: str = others[0]["metadata"]["name"]
        seen = cluster.attempt("kubectl", "logs", name, "-n", namespace, "-c", "long").stdout
        return next((line for line in seen.splitlines() if "resumes checkpoint-" in line), "")

    assert "after 0 steps" not in eventually(resumed, seconds=PATIENCE_SECONDS, every=1)
    await_condition(cluster, "long", namespace, "WorkspaceSucceeded")


def test_a_rolling_update_fails_no_request(
    cluster: Cluster, namespace: str, adapters: dict[str, str]
) -> None:
    cluster.apply(served("rolling", namespace, count=2))
    await_condition(cluster, "rolling", namespace, "WorkspaceReady")
    with asked_meanwhile(cluster, "rolling", namespace) as answers:
        eventually(lambda: len(answers) > 5)
        new = {"one": (adapters["sentences"], "1")}
        cluster.apply(served("rolling", namespace, count=2, adapters=new))
        await_condition(cluster, "rolling", namespace, "WorkspaceReady")
        before = len(answers)
        eventually(lambda: len(answers) > before + 5)

    assert {status for status, _ in answers} == {"200"}
    assert {answer for _, answer in answers[-3:]} == {TAUGHT}
    assert answers[0][1] != TAUGHT


def test_no_pod_is_root_or_has_privileges(cluster: Cluster, namespace: str) -> None:
    cluster.apply(served("who", namespace))
    await_condition(cluster, "who", namespace, "WorkspaceReady")
    (pod,) = cluster.items("pods", "-n", namespace)
    name = pod["metadata"]["name"]
    identity = cluster.kubectl("exec", name, "-n", namespace, "--", "python3", "-c", IDENTITY)

    assert json.loads(identity) == {
        "user": 65532,
        "group": 65532,
        "capabilities": "0000000000000000",
        "new privileges": "1",
    }


IDENTITY = """
import json, os, re
status = open("/proc/1/status").read()
told = lambda field: re.search(field + r":\\s+(\\S+)", status)[1]
print(json.dumps({"user": os.getuid(), "group": os.getgid(), "capabilities": told("CapEff"),
                  "new privileges": told("NoNewPrivs")}))
"""


def trainers(cluster: Cluster, namespace: str) -> list[dict[str, Any]]:
    """Return the Pods of trainings that run or ran."""
    return cluster.items("pods", "-n", namespace, "-l", "kaito.sh/workspace")


def evict(cluster: Cluster, pod: str, namespace: str) -> None:
    """Take a Pod from its node, as draining the node does."""
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": namespace},
        "deleteOptions": {"gracePeriodSeconds": 1},
    }
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction"
    cluster.kubectl("create", "--raw", path, "-f", "-", given=json.dumps(eviction))


def claim(cluster: Cluster, namespace: str) -> Path:
    """Make a claim called ``results`` to a directory of the first node, and return that."""
    folder = cluster.work / f"volume-{namespace}"
    folder.mkdir()
    folder.chmod(0o777)
    class_name = f"local-{namespace}"
    size = {"storage": "1Gi"}
    where = [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["node0"]}]
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": class_name},
            "spec": {
                "capacity": size,
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": class_name,
                "local": {"path": str(folder)},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": where}]}},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "results", "namespace": namespace},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": class_name,
                "resources": {"requests": size},
            },
        },
    )
    return folder


@contextmanager
def asked_meanwhile(cluster: Cluster, name: str, namespace: str) -> Iterator[list[tuple[str, str]]]:
    """Ask one question after the other in the background; keep status and answer of each."""
    answers: list[tuple[str, str]] = []
    enough = threading.Event()
    url = f"{address(cluster, name, namespace)}/chat"
    command = asking(cluster, url, continued(PROMPT))

    def keep_asking() -> None:
        while not enough.is_set():
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            answer, _, status = done.stdout.rpartition("\n")
            said = json.loads(answer)["Result"] if status == "200" else answer + done.stderr
            answers.append((status, said))
            time.sleep(0.1)

    thread = threading.Thread(target=keep_asking)
    thread.start()
    try:
        yield answers
    finally:
        enough.set()
        thread.join()
