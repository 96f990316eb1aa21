"""Recording in a cluster: a volume that is larger than what may be in it, and nothing otherwise."""

from typing import Any

from composite.models import JsonObject
from tests.charts.rendering import template


def hooks_pod(values: JsonObject) -> JsonObject:
    found = template({"provisioner": "none", **values})
    [hooks] = [
        each
        for each in found
        if each["kind"] == "Deployment" and each["metadata"]["name"] == "metakaito"
    ]
    pod: JsonObject = hooks["spec"]["template"]["spec"]
    return pod


def env_of(pod: JsonObject) -> dict[str, str]:
    return {each["name"]: each["value"] for each in pod["containers"][0]["env"]}


def named(listed: list[Any], name: str) -> list[Any]:
    return [each for each in listed if each["name"] == name]


def test_nothing_is_recorded_by_default() -> None:
    pod = hooks_pod({})

    assert [name for name in env_of(pod) if "RECORD" in name] == []
    assert named(pod["volumes"], "recorded") == []


def test_what_is_recorded_has_a_volume_of_its_own() -> None:
    record = {"enabled": True, "maxRequests": 100_000, "maxMebibytes": 4096}
    pod = hooks_pod({"hooks": {"record": record}})

    assert {name: text for name, text in env_of(pod).items() if "RECORD" in name} == {
        "METAKAITO_RECORD": "/recorded",
        "METAKAITO_RECORD_MAX_REQUESTS": "100000",
        "METAKAITO_RECORD_MAX_BYTES": str(4096 << 20),
    }
    assert named(pod["volumes"], "recorded") == [
        {"name": "recorded", "emptyDir": {"sizeLimit": "4160Mi"}}
    ]
    assert named(pod["containers"][0]["volumeMounts"], "recorded") == [
        {"name": "recorded", "mountPath": "/recorded"}
    ]
