import json
from pathlib import Path

import pytest

from image.omissions import VARIANTS, Variant
from image.runtime import RUNTIME
from image.runtime_image import runtime_image
from tests.image.dockerfile import instructions, pairs, rules, stages

DOCKERFILE = RUNTIME / "Dockerfile"
ROOT = Path(__file__).parents[2]


def test_its_base_is_that_of_the_other_image() -> None:
    assert instructions(DOCKERFILE)[:3] == instructions(ROOT / "Dockerfile")[:3]


def test_what_is_installed_to_build_is_locked_too() -> None:
    ours, others = stages(DOCKERFILE)["build"], stages(ROOT / "Dockerfile")["build"]

    assert ours[:3] == others[:3]
    assert [name for name, _ in ours[3:]] == ["COPY", "COPY", "COPY"]


def test_a_change_of_our_code_installs_no_package_anew() -> None:
    sources = [
        argument.split()[0] for name, argument in stages(DOCKERFILE)["build"] if name == "COPY"
    ]

    assert sources == [
        "requirements/image.txt",
        "image",
        "presets/runtimes/transformers/pyproject.toml",
        "presets/runtimes/transformers/requirements",
    ]


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_target_is_what_the_archive_is(variant: Variant) -> None:
    image = runtime_image(variant)
    stage = stages(DOCKERFILE)[variant]
    facts = dict(stage)

    assert pairs(facts["LABEL"]) == image.labels
    assert pairs(facts["ENV"]) == image.environment
    assert [argument for name, argument in stage if name == "COPY"] == [
        f"--from=packages-{variant} /packages /",
        "--from=code /code /",
    ]
    assert {
        name: value for name, value in facts.items() if name not in {"COPY", "ENV", "LABEL"}
    } == {
        "USER": image.user,
        "WORKDIR": image.working_directory,
        "EXPOSE": "5000",
        "CMD": json.dumps(list(image.command)),
    }
    assert image.entrypoint == ()


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_target_is_made_by_the_steps_of_the_archive(variant: Variant) -> None:
    found = stages(DOCKERFILE)

    assert found[f"packages-{variant}"] == [
        ("RUN", f"python -m image runtime packages /packages --variant {variant}")
    ]
    assert found["code"] == [
        ("COPY", "presets/runtimes/transformers presets/runtimes/transformers"),
        ("RUN", "python -m image runtime code /code"),
    ]


def test_the_build_sees_no_virtual_environment() -> None:
    found = rules(RUNTIME / "Dockerfile.dockerignore")

    assert found[0] == "*"
    assert "**/.*" in found
    assert [rule for rule in found if rule.startswith("!")] == [
        "!image",
        "!requirements/image.txt",
        "!presets/runtimes/transformers",
    ]
