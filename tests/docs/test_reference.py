"""The reference pages say all there is to say: each reason, field of a preset and setting."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from composite.catalog import Catalog, Cloud, NodeClass, Provisioner, Provisioning
from composite.models import JsonObject
from composite.workspace.conditions import CONDITIONS, REASONS
from hooks.reference import FILES, conditions_page
from hooks.settings import Settings, meanings, variable
from presets import load_catalog
from presets.loading import read_yaml
from presets.scenario_files import load_scenarios
from tests.simulate.plays import example, play

ROOT = Path(__file__).parents[2]
GOLDEN = sorted((ROOT / "tests/golden/workspace").glob("*/response.yaml"))
KARPENTER = Provisioning(
    provisioner=Provisioner.NODECLAIM,
    cloud=Cloud.AWS,
    node_class=NodeClass(group="karpenter.k8s.aws", kind="EC2NodeClass"),
)

Said = tuple[str, str, str]


def said_in(answer: JsonObject) -> set[Said]:
    """Return type, status and reason of each condition in an answer."""
    conditions = answer.get("status", {}).get("conditions", ())
    return {(found["type"], found["status"], found["reason"]) for found in conditions}


def said_in_plays(catalog: Catalog, *, on_aws: bool) -> Iterator[Said]:
    """Yield what is said in the course of every scenario."""
    for scenario in load_scenarios().values():
        for exchange in play(catalog, scenario, example(scenario, on_aws=on_aws)).requests:
            yield from said_in(exchange.response or {})


@pytest.fixture(scope="module")
def said(catalog: Catalog) -> set[Said]:
    golden = [found for file in GOLDEN for found in said_in(read_yaml(file))]
    with_machines = said_in_plays(catalog, on_aws=False)
    with_claims = said_in_plays(load_catalog(Cloud.AWS, provisioning=KARPENTER), on_aws=True)
    return {*golden, *with_machines, *with_claims}


TOLD = [(kind, reason.status, reason.reason) for reason in REASONS for kind in reason.types]


def test_each_reason_that_is_ever_said_is_explained(said: set[Said]) -> None:
    assert said - set(TOLD) == set(), "REASONS of composite/workspace/conditions.py lacks these"


def test_each_reason_that_is_explained_is_shown_by_a_case(said: set[Said]) -> None:
    assert set(TOLD) - said == set(), "no golden case and no scenario shows these"


def test_each_reason_is_explained_once_and_stands_on_the_page() -> None:
    page = conditions_page()

    assert len(TOLD) == len(set(TOLD))
    assert {kind for kind, _, _ in TOLD} == set(CONDITIONS)
    assert [reason for _, _, reason in TOLD if f"`{reason}`" not in page] == []


def fields_of(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Yield the fields of a model with what is said of each."""
    for name, field in model.model_fields.items():
        yield f"{model.__name__}.{name}", field.description or ""


def test_each_field_of_a_preset_is_described() -> None:
    silent = [
        name for _, model, _ in FILES for name, told in fields_of(model) if not told.endswith(".")
    ]

    assert silent == []


def test_each_model_of_a_file_in_presets_has_its_section() -> None:
    shown = {model.__name__ for _, model, _ in FILES}
    meant = {
        name
        for _, model, _ in FILES
        for name, schema in model.model_json_schema().get("$defs", {}).items()
        if "enum" not in schema
    }

    assert meant - shown == set()


def test_each_setting_is_described_and_stands_on_the_page() -> None:
    page = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
    settings = Settings.model_fields

    assert meanings().keys() == settings.keys()
    assert [name for name in settings if f"## {variable(name)}\n" not in page] == []
