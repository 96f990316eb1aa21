"""How the changelog declares a roll-out, and what is none."""

from pathlib import Path

import pytest

from composite.preview.effects import Effect
from tests.upgrades.comparison import Change
from tests.upgrades.declarations import Declaration, Misspelt, declarations, parse_declaration

CHANGELOG = """\
# Changelog

## 0.2.0 (not yet released)

* Something new.
* **Roll-out**: `Deployment spec.template.spec.containers[*].livenessProbe` in `own-runtime/*`:
  the probe waits longer, since large models
  were restarted while they loaded.
* **Roll-out**: `Machine metadata.name`: names are longer.

Another paragraph.

## 0.1.0

* **Roll-out**: `Deployment spec.replicas`: of an earlier version.
"""


A_CHANGE = Change(
    "Deployment", "phi", "spec.template.spec.containers[0].image", "a", "b", Effect.ROLLED
)


def test_what_is_unreleased_is_read() -> None:
    assert declarations(CHANGELOG) == (
        Declaration(
            kind="Deployment",
            field="spec.template.spec.containers[*].livenessProbe",
            where="own-runtime/*",
            why="the probe waits longer, since large models were restarted while they loaded.",
        ),
        Declaration(kind="Machine", field="metadata.name", where="*", why="names are longer."),
    )


def test_a_changelog_of_a_released_version_declares_nothing() -> None:
    assert declarations(CHANGELOG.replace(" (not yet released)", "")) == ()


def test_the_changelog_of_the_repository_can_be_read() -> None:
    declarations((Path(__file__).parents[2] / "CHANGELOG.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "item",
    [
        "* **Roll-out**: Deployment spec.template: no code",
        "* **Roll-out**: `Deployment`: no field",
        "* **Roll-out**: `deployment spec.template`: no kind",
        "* **Roll-out**: `Deployment spec.template`",
        "* **Roll-out**: `Deployment spec.template`: ",
        "* **Roll-out**: `Deployment spec.template` for `x/*`: another word",
        "* **Roll-out:** `Deployment spec.template`: stars elsewhere",
        "* **Rollout**: `Deployment spec.template`: no dash",
        "* roll-out: `Deployment spec.template`: not bold",
        "- **Roll-out**: `Deployment spec.template`: another bullet",
    ],
)
def test_what_looks_like_one_and_is_none_is_an_error(item: str) -> None:
    with pytest.raises(Misspelt, match=r"^CHANGELOG\.md: .* is no declaration: write "):
        declarations(f"# Changelog\n\n## 0.2.0 (not yet released)\n\n{item}\n")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("`Deployment spec.template`: w", True),
        ("`Deployment spec.template.spec.containers[0].image`: w", True),
        ("`Deployment spec.template.spec.containers[*]`: w", True),
        ("`Deployment spec.template.spec.containers[1].image`: w", False),
        ("`Deployment spec.temp`: w", False),
        ("`StatefulSet spec.template`: w", False),
        ("`Deployment spec.template` in `azure-*/*`: w", True),
        ("`Deployment spec.template` in `aws-*/*`: w", False),
    ],
)
def test_a_declaration_means_a_field_and_all_below_it(text: str, *, meant: bool) -> None:
    declared = parse_declaration(f"* **Roll-out**: {text}")

    assert declared.means("azure-machines/phi-2", A_CHANGE) is meant
    assert str(declared) == f"* **Roll-out**: {text}"
