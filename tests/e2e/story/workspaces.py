"""Workspaces of the tiny model: what they are, and how they are asked."""

import json
import subprocess
from collections.abc import Mapping
from typing import Any

from tests.e2e.cluster.bundle import eventually
from tests.e2e.cluster.cluster import Cluster
from tests.e2e.node.configuration import ADDRESS, REGISTRY
from tests.e2e.node.file_server import PORT
from tests.e2e.node.provider import ON_NODE

TEXT = "tiny-phi-3-test"
CHAT = "tiny-phi-3-chat-test"
LABEL = "tiny"
SECRET = "registry"  # noqa: S105  (its name)
INSTANCE_TYPE = "Standard_NC6s_v3"
PATIENCE_SECONDS = 300.0
"""For what loads torch, beside many others that do, on two cores."""

LIKELIEST = {"do_sample": False, "max_length": 60}

# As steep as a model of 64 dimensions needs it.
STEEP = {"learning_rate": 0.01, "per_device_train_batch_size": 1, "seed": 1}


def served(
    name: str,
    namespace: str,
    preset: str = TEXT,
    *,
    count: int = 1,
    adapters: dict[str, tuple[str, str]] | None = None,
) -> dict[str, Any]:
    """
    Return a Workspace that serves.

    Args:
        name: Of the Workspace.
        namespace: Where it is.
        preset: Of which pipeline.
        count: Of nodes.
        adapters: By the name of each, image and strength.

    """
    listed = [
        {
            "source": {"name": key, "image": image, "imagePullSecrets": [SECRET]},
            "strength": strength,
        }
        for key, (image, strength) in (adapters or {}).items()
    ]
    inference = {"preset": {"name": preset}, **({"adapters": listed} if listed else {})}
    return workspace(name, namespace, count, inference=inference)


def tuned(
    name: str, namespace: str, dataset: str, output: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return a Workspace that tunes with the ConfigMap of its name; to an image, or as told."""
    image = {"image": f"{REGISTRY}/adapters/{name}:1", "imagePushSecret": SECRET}
    tuning = {
        "preset": {"name": TEXT},
        "method": "lora",
        "config": name,
        "input": {"urls": [f"http://{ADDRESS}:{PORT}/{dataset}"]},
        "output": output or image,
    }
    return workspace(name, namespace, 1, tuning=tuning)


def configured(name: str, namespace: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401  (as transformers takes them)
    """Return a ConfigMap for a training with these arguments."""
    config = {
        "LoraConfig": {"r": 8, "lora_alpha": 16},
        "TrainingArguments": {"output_dir": "/mnt/results", **STEEP, **arguments},
        "DatasetConfig": {"train_test_split": 1},
    }
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": {"training_config.yaml": json.dumps({"training_config": config})},
    }


def workspace(name: str, namespace: str, count: int, **half: Any) -> dict[str, Any]:  # noqa: ANN401  (of the API)
    """Return a Workspace on the nodes that there are."""
    return {
        "apiVersion": "kaito.sh/v1alpha1",
        "kind": "Workspace",
        "metadata": {"name": name, "namespace": namespace},
        "resource": {
            "count": count,
            "instanceType": INSTANCE_TYPE,
            "labelSelector": {"matchLabels": {"apps": LABEL}},
        },
        **half,
    }


def await_condition(cluster: Cluster, name: str, namespace: str, condition: str) -> None:
    """Wait for a condition of a Workspace, about its newest spec."""
    cluster.kubectl(
        *("wait", f"workspace/{name}", "-n", namespace, f"--for=condition={condition}"),
        f"--timeout={PATIENCE_SECONDS:.0f}s",
    )


def address(cluster: Cluster, name: str, namespace: str) -> str:
    """Return the URL of a Workspace's server."""
    found = ("get", "service", name, "-n", namespace, "-o", "jsonpath={.spec.clusterIP}")
    return f"http://{cluster.kubectl(*found)}"


def asking(cluster: Cluster, url: str, body: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the command that sends a request from the nodes; its last line is the status."""
    told = ("--header", "Content-Type: application/json", "--data", json.dumps(body))
    curl = ("curl", "--silent", "--show-error", "--write-out", "\n%{http_code}")
    return (cluster.program(ON_NODE), *curl, *told, url)


def ask(cluster: Cluster, name: str, namespace: str, path: str, **body: Any) -> tuple[int, Any]:  # noqa: ANN401  (JSON)
    """Send a request from the nodes' network; return the status and what was answered."""
    command = asking(cluster, f"{address(cluster, name, namespace)}{path}", body)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(answer)


def answered(cluster: Cluster, name: str, namespace: str, path: str, **body: Any) -> Any:  # noqa: ANN401  (JSON)
    """Send a request that is a good one; return what was answered."""
    status, answer = ask(cluster, name, namespace, path, **body)
    assert status == 200, answer
    return answer


def continued(prompt: str) -> dict[str, Any]:
    """Return the request to go on with a prompt by the likeliest word each time."""
    return {"prompt": prompt, "return_full_text": False, "generate_kwargs": LIKELIEST}


def text_answer(cluster: Cluster, name: str, namespace: str, prompt: str) -> str:
    """Return how a model continues a prompt when it takes the likeliest word each time."""
    said: str = answered(cluster, name, namespace, "/chat", **continued(prompt))["Result"]
    return said


def sampled_answer(cluster: Cluster, name: str, namespace: str, prompt: str) -> str:
    """Return how a model continues a prompt by chance, with dice that always fall alike."""
    dice = {"max_tokens": 60, "temperature": 1, "seed": 1}
    found = answered(
        cluster, name, namespace, "/v1/completions", model="phi3", prompt=prompt, **dice
    )
    said: str = found["choices"][0]["text"]
    return said


def chat_answer(cluster: Cluster, name: str, namespace: str, said: str) -> str:
    """Return what a model answers in a chat when it takes the likeliest word each time."""
    messages = [{"role": "user", "content": said}]
    question = {"messages": messages, "generate_kwargs": LIKELIEST}
    told: str = answered(cluster, name, namespace, "/chat", **question)["Result"]
    return told


def told_by_condition(cluster: Cluster, name: str, namespace: str, condition: str) -> str:
    """Return the message of a condition once it is False and the training has failed."""

    def failed() -> str:
        found = cluster.get("workspace", name, namespace) or {}
        listed = found.get("status", {}).get("conditions", ())
        return next(
            (
                each["message"]
                for each in listed
                if each["type"] == condition
                and each["status"] == "False"
                and "failed" in each["message"]
            ),
            "",
        )

    told: str = eventually(failed, seconds=PATIENCE_SECONDS)
    return told
