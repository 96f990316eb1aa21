import json
import re
import shlex
import tomllib
from pathlib import Path

from image.__main__ import described

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile, an instruction each."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    found = [line.partition(" ") for line in lines if line.strip()]
    return [(name, argument.strip()) for name, _, argument in found]


def last_stage() -> list[tuple[str, str]]:
    every = instructions()
    return every[max(place for place, (name, _) in enumerate(every) if name == "FROM") :]


def test_the_base_is_named_by_a_digest_that_must_be_given() -> None:
    before = instructions()[:3]

    assert before[1:] == [
        ("ARG", "PYTHON_DIGEST"),
        ("FROM", "${PYTHON_IMAGE}@${PYTHON_DIGEST} AS build"),
    ]
    assert re.fullmatch(r"PYTHON_IMAGE=docker\.io/library/python:3\.\d+-slim-\w+", before[0][1])


def test_what_is_installed_to_build_is_locked_too() -> None:
    options = "--no-cache-dir --require-hashes --requirement requirements/image.txt"

    assert [argument for name, argument in instructions() if name == "RUN"] == [
        f"python -m pip install {options}",
        "python -m image root /root-of-image",
    ]


def test_the_last_stage_is_what_the_archive_is() -> None:
    image = described()
    stage = dict(last_stage())
    labels = dict(word.split("=", 1) for word in shlex.split(stage["LABEL"]))

    assert labels == image.labels
    assert {name: argument for name, argument in stage.items() if name != "LABEL"} == {
        "FROM": "scratch",
        "COPY": "--from=build /root-of-image /",
        "ENV": "PATH=/usr/local/bin:/usr/bin:/bin",
        "USER": image.user,
        "EXPOSE": "8080",
        "ENTRYPOINT": json.dumps(list(image.entrypoint)),
        "CMD": json.dumps(list(image.command)),
    }


def test_the_build_sees_what_the_wheel_is_made_of_and_little_else() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    files = ("LICENSE", "README.md", "image", "pyproject.toml", "requirements")

    assert rules[0] == "*"
    assert rules[-1] == "**/__pycache__"
    assert sorted(rule.removeprefix("!") for rule in rules[1:-1]) == sorted((*packages, *files))
