"""What a plan hides, in each of its forms, and what it does not."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import TUNING, Run

FORMS = ("text", "json", "markdown")
CONTAINER = "spec.template.spec.containers[0]."
A_CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: mine}
data:
  training_config.yaml: |
    training_config:
      TrainingArguments: {seed: hunter2}
      QuantizationConfig: {load_in_4bit: true}
"""


def a_server(secret: str, model: str) -> dict[str, Any]:
    """A Workspace that serves with a template, with a secret in each place where one may be."""
    container = {
        "name": "server",
        "image": "registry.example/server:1",
        "command": ["/bin/sh", "-c", f"API_KEY={secret} serve --password {secret} --model {model}"],
        "args": [
            *("--hf-token", secret, f"--secret={secret}"),
            *("--data", f"https://me:{secret}@h.example/a?sig={secret}&page=1"),
            *("--served-model-name", model),
        ],
        "env": [
            {"name": "TOKEN", "value": secret},
            {"name": "METAKAITO_GRACE_SECONDS", "value": f"{len(model)}"},
        ],
        "livenessProbe": {
            "httpGet": {
                "port": 80,
                "httpHeaders": [
                    {"name": "Authorization", "value": f"Bearer {secret}"},
                    {"name": "Accept", "value": f"text/{model}"},
                ],
            }
        },
    }
    return {
        "apiVersion": "kaito.sh/v1alpha1",
        "kind": "Workspace",
        "metadata": {"name": "mine", "namespace": "default"},
        "resource": {
            "instanceType": "Standard_NC6s_v3",
            "labelSelector": {"matchLabels": {"apps": "mine"}},
        },
        "inference": {"template": {"spec": {"containers": [container]}}},
    }


@pytest.fixture
def edited(run: Run, folder: Path) -> tuple[str, ...]:
    """A server that is there, edited in every secret and in its model."""
    (folder / "mine.yaml").write_text(yaml.safe_dump(a_server("hunter2", "old")))
    assert run("simulate", "mine.yaml", "--dump", "there.yaml").code == 0
    (folder / "mine.yaml").write_text(yaml.safe_dump(a_server("hunter3", "newer")))
    return ("mine.yaml", "--observed", "there.yaml")


@pytest.mark.parametrize("form", FORMS)
def test_secrets_are_in_no_form_of_a_plan(run: Run, edited: tuple[str, ...], form: str) -> None:
    result = run("plan", *edited, "-o", form, "--out", "kept.json")

    assert (result.code, result.err) == (3, "")
    assert "hunter" not in result.out + Path("kept.json").read_text(encoding="utf-8")
    assert "(hidden)" in result.out


def test_each_field_is_told_with_what_is_no_secret_in_it(run: Run, edited: tuple[str, ...]) -> None:
    plan = json.loads(run("plan", *edited, "-o", "json").out)

    fields = [
        (
            each["path"].removeprefix("spec.template.spec.containers[0]."),
            each["before"],
            each["after"],
        )
        for change in plan["workspaces"][0]["changes"]
        if change["kind"] == "Deployment"
        for each in change["fields"]
        if each["path"].startswith(CONTAINER)
    ]
    command = "API_KEY=(hidden) serve --password (hidden) --model"
    url = "https://(hidden)@h.example/a?sig=(hidden)&page=1"
    assert fields == [
        ("args[1]", "(hidden)", "(hidden)"),
        ("args[2]", "--secret=(hidden)", "--secret=(hidden)"),
        ("args[4]", url, url),
        ("args[6]", "old", "newer"),
        ("command[2]", f"{command} old", f"{command} newer"),
        ("env[0].value", "(hidden)", "(hidden)"),
        ("env[1].value", "3", "5"),
        ("livenessProbe.httpGet.httpHeaders[0].value", "(hidden)", "(hidden)"),
        ("livenessProbe.httpGet.httpHeaders[1].value", "text/old", "text/newer"),
    ]


@pytest.mark.parametrize("form", [*FORMS, "sarif"])
def test_a_refusal_repeats_no_value_of_a_training_configuration(
    run: Run, folder: Path, form: str
) -> None:
    tuning = TUNING.replace("method: qlora", "method: qlora\n  config: mine")
    (folder / "tuning.yaml").write_text(f"{tuning}---\n{A_CONFIG}")

    result = run("plan", "tuning.yaml", "-o", form)

    assert result.code == 2
    assert "TrainingArguments.seed must be a whole number" in result.out
    assert "hunter2" not in result.out


@pytest.mark.parametrize("form", [*FORMS, "sarif"])
def test_a_refusal_repeats_no_login(run: Run, folder: Path, form: str) -> None:
    url = "ftp://me:hunter2@data.example/train.parquet"
    text = TUNING.replace("https://data.example/train.parquet", url)
    (folder / "tuning.yaml").write_text(text)

    result = run("plan", "tuning.yaml", "-o", form)

    assert "hunter2" not in result.out
