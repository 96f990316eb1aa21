"""What a ``functionConfig`` says: how Workspaces are replaced, and by what."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from enum import StrEnum
from typing import NamedTuple

from composite.models import JsonObject
from composite.refusal import Problem, Refusal
from hooks.cli.errors import Refused
from hooks.cli.options import settings_of
from hooks.settings import Settings

API_VERSION = "metakaito/v1alpha1"
KIND = "RenderWorkspaces"

# Of which kind it may be, and which of its fields then holds the rest.
HOLDERS = {(API_VERSION, KIND): "spec", ("v1", "ConfigMap"): "data"}
IDENTITY = ("apiVersion", "kind", "metadata")


class Mode(StrEnum):
    """What becomes of the Workspaces themselves."""

    REPLACE = "replace"
    """They go, and what they become takes their place."""

    ACCOMPANY = "accompany"
    """They stay beside what they become."""


FLAGS = ("provisioner", "cloud", "presets")
FIELDS = ("mode", *FLAGS)


class Config(NamedTuple):
    """What the function is told."""

    mode: Mode
    settings: Settings


def read_config(config: object) -> Config:
    """
    Return what a functionConfig says, on top of the settings in the environment.

    Raises:
        Refusal: It has a field that means nothing here, or one with such a value.
        Refused: A setting in the environment cannot be used.

    """
    if config is None:
        return Config(Mode.REPLACE, settings_of())
    if not isinstance(config, dict):
        raise Refusal(Problem(field="functionConfig", message="must be an object"))
    holder = holder_of(config)
    values = config.get(holder) or {}
    if not isinstance(values, dict):
        raise Refusal(Problem(field=holder, message="must be an object"))
    problems = [
        *unknown("", config, (*IDENTITY, holder)),
        *unknown(f"{holder}.", values, FIELDS),
        *(
            Problem(field=f"{holder}.{name}", message=f"must be text, is {value!r}")
            for name, value in values.items()
            if name in FIELDS and not isinstance(value, str)
        ),
    ]
    mode = values.get("mode", Mode.REPLACE)
    if isinstance(mode, str) and mode not in list(Mode):
        message = f"{mode} cannot be used; allowed: {', '.join(Mode)}"
        problems.append(Problem(field=f"{holder}.mode", message=message))
    if problems:
        raise Refusal(*problems)
    return Config(Mode(mode), settings_from(holder, values))


def holder_of(config: JsonObject) -> str:
    """
    Return which field of a functionConfig holds what is to be done.

    Raises:
        Refusal: It is of a kind that is not for us.

    """
    kind = (config.get("apiVersion"), config.get("kind"))
    for known, holder in HOLDERS.items():
        if kind == known:
            return holder
    message = (
        f"must be {KIND}, of {API_VERSION}, or ConfigMap, of v1; is {kind[1]!r}, of {kind[0]!r}"
    )
    raise Refusal(Problem(field="kind", message=message))


def unknown(path: str, found: Mapping[str, object], allowed: Iterable[str]) -> list[Problem]:
    """Return a problem for each field that means nothing here."""
    known = sorted(allowed)
    return [
        Problem(
            field=f"{path}{name}",
            message=f"is not a field here; {hint}allowed: {', '.join(known)}",
        )
        for name in found
        if name not in known
        for hint in [
            "".join(f"did you mean {near!r}? " for near in get_close_matches(name, known, n=1))
        ]
    ]


def settings_from(holder: str, values: Mapping[str, str]) -> Settings:
    """
    Return the settings with the fields of a functionConfig, which are called as the flags are.

    Raises:
        Refusal: One has a value that cannot be used.
        Refused: A setting in the environment has.

    """
    settings_of()
    try:
        return settings_of(**{name: values.get(name) for name in FLAGS})
    except Refused as refused:
        told = [line.removeprefix("--").partition(": ") for line in refused.lines]
    raise Refusal(
        *(Problem(field=f"{holder}.{name}", message=message) for name, _, message in told)
    )
