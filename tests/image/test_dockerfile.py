import json
import re
import tomllib
from pathlib import Path

from image.__main__ import described
from tests.image.dockerfile import instructions, pairs, rules

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DOCKERFILE = ROOT / "Dockerfile"


def last_stage() -> list[tuple[str, str]]:
    every = instructions(DOCKERFILE)
    return every[max(place for place, (name, _) in enumerate(every) if name == "FROM") :]


def test_the_base_is_named_by_a_digest_that_must_be_given() -> None:
    before = instructions(DOCKERFILE)[:3]

    assert before[1:] == [
        ("ARG", "PYTHON_DIGEST"),
        ("FROM", "${PYTHON_IMAGE}@${PYTHON_DIGEST} AS build"),
    ]
    assert re.fullmatch(r"PYTHON_IMAGE=docker\.io/library/python:3\.\d+-slim-\w+", before[0][1])


def test_what_is_installed_to_build_is_locked_too() -> None:
    options = "--no-cache-dir --require-hashes --requirement requirements/image.txt"

    assert [argument for name, argument in instructions(DOCKERFILE) if name == "RUN"] == [
        f"python -m pip install {options}",
        "python -m image root /root-of-image",
    ]


def test_the_last_stage_is_what_the_archive_is() -> None:
    image = described()
    stage = dict(last_stage())

    assert pairs(stage["LABEL"]) == image.labels
    assert pairs(stage["ENV"]) == image.environment
    assert {name: value for name, value in stage.items() if name not in {"LABEL", "ENV"}} == {
        "FROM": "scratch",
        "COPY": "--from=build /root-of-image /",
        "USER": image.user,
        "EXPOSE": "8080",
        "ENTRYPOINT": json.dumps(list(image.entrypoint)),
        "CMD": json.dumps(list(image.command)),
    }


def test_the_build_sees_what_the_wheel_is_made_of_and_little_else() -> None:
    found = rules(ROOT / ".dockerignore")
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    files = ("LICENSE", "README.md", "image", "pyproject.toml", "requirements")
    seen = [rule.removeprefix("!") for rule in found if rule.startswith("!")]

    assert found[0] == "*"
    assert found[-2:] == ["presets/runtimes", "**/__pycache__"]
    assert sorted(seen) == sorted((*packages, *files))
