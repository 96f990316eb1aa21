"""
Each folder is one question from Metacontroller and our answer to it, at noon of 2026-01-01 UTC.

The first line of a request is its story in a sentence. Where nodes come from is the usual,
Machines on Azure, unless a ``provisioning.yaml`` beside the request says otherwise.
``pytest tests/golden --update-golden`` writes the answers anew; the diff is the review.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from composite import machines, workspace
from composite.catalog import Catalog, Provisioning
from composite.models import JsonObject
from presets import load_catalog
from presets.loading import read_yaml

HERE = Path(__file__).parent
CASES = sorted(path.parent for path in HERE.glob("*/*/request.yaml"))
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
KUBERNETES = "1.33"
# Karpenter's kinds, which Kubernetes has no schema of.
NOT_KUBERNETES = {"Machine", "NodeClaim"}

Hook = Callable[[JsonObject, Catalog], JsonObject]


class Readable(yaml.SafeDumper):
    """YAML without references to other places: each answer can be read from top to bottom."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  (overridden)
        return True


def named(case: Path) -> str:
    return str(case.relative_to(HERE))


def read(file: Path) -> JsonObject:
    found = read_yaml(file)
    assert isinstance(found, dict)
    return found


def written(answer: JsonObject) -> str:
    return yaml.dump(answer, Dumper=Readable, sort_keys=False, width=100, allow_unicode=True)


@cache
def catalog_of(case: Path) -> Catalog:
    file = case / "provisioning.yaml"
    provisioning = Provisioning.model_validate(read(file) if file.exists() else {})
    return catalog_for(provisioning)


@cache
def catalog_for(provisioning: Provisioning) -> Catalog:
    return load_catalog(provisioning.cloud, provisioning=provisioning)


def answered(case: Path) -> JsonObject:
    question, catalog = read(case / "request.yaml"), catalog_of(case)
    sync = not question.keys() <= {"controller", "parent"}
    hook = {
        ("workspace", True): ask_workspace,
        ("workspace", False): ask_what_a_workspace_needs,
        ("machines", True): ask_machines,
        ("machines", False): ask_what_machines_need,
    }[case.parent.name, sync]
    return hook(question, catalog)


def ask_workspace(question: JsonObject, catalog: Catalog) -> JsonObject:
    return workspace.sync(workspace.Request.model_validate(question), catalog, NOON).to_json()


def ask_what_a_workspace_needs(question: JsonObject, catalog: Catalog) -> JsonObject:
    asked = workspace.CustomizeQuestion.model_validate(question)
    return workspace.customize(asked, catalog).to_json()


def ask_machines(question: JsonObject, catalog: Catalog) -> JsonObject:
    return machines.sync(machines.Request.model_validate(question), catalog, NOON).to_json()


def ask_what_machines_need(question: JsonObject, catalog: Catalog) -> JsonObject:
    asked = machines.CustomizeQuestion.model_validate(question)
    return machines.customize(asked, catalog).to_json()


@cache
def validate(child: str) -> None:
    """Hold a child against its schema, once: many answers hold the same."""
    kubernetes_validate.validate(json.loads(child), KUBERNETES, strict=True)


@pytest.mark.parametrize("case", CASES, ids=named)
def test_answer(case: Path, request: pytest.FixtureRequest) -> None:
    answer = answered(case)

    expected = case / "response.yaml"
    if request.config.getoption("--update-golden"):
        expected.write_text(written(answer))
    assert answer == read(expected)


@pytest.mark.parametrize("case", CASES, ids=named)
def test_children_are_valid_kubernetes(case: Path) -> None:
    response = read(case / "response.yaml")

    for child in response.get("children") or response.get("attachments") or ():
        if child["kind"] not in NOT_KUBERNETES:
            validate(json.dumps(child))


@pytest.mark.parametrize("case", CASES, ids=named)
def test_the_case_tells_its_story(case: Path) -> None:
    first, *_ = (case / "request.yaml").read_text().splitlines()

    assert re.fullmatch(r"# [A-Z].*[.?]", first), "the first line is a comment, one sentence"
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", case.name), "the folder's name is a sentence"


def test_every_folder_is_a_case() -> None:
    folders = {path for path in HERE.glob("*/*") if path.is_dir() and path.name != "__pycache__"}
    known = {"request.yaml", "response.yaml", "provisioning.yaml"}

    assert folders == set(CASES)
    assert {file.name for case in CASES for file in case.iterdir()} <= known
