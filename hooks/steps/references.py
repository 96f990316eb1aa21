"""
The name of an image: which registry, which repository, which tag.

Source: https://github.com/distribution/reference/blob/v0.6.0/reference.go
"""

import re
from typing import NamedTuple

from hooks.steps.failures import CannotBe

DOCKER_HUB = "docker.io"
# What the short name stands for. https://github.com/distribution/reference/blob/v0.6.0/normalize.go
OTHER_NAMES = ("index.docker.io",)
DOCKER_HUB_API = "registry-1.docker.io"

PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
REPOSITORY = re.compile(rf"{PART}(?:/{PART})*")
LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
DOMAIN = re.compile(rf"(?:{LABEL}(?:\.{LABEL})*|\[[0-9A-Fa-f:]+\])(?::[0-9]+)?")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
LONGEST = 255


class Reference(NamedTuple):
    """An image in a registry."""

    domain: str
    """Host and port as people write them, docker.io for Docker Hub."""
    repository: str
    tag: str | None
    digest: str | None

    @property
    def host(self) -> str:
        """Host and port where the registry answers."""
        return DOCKER_HUB_API if self.domain == DOCKER_HUB else self.domain

    @property
    def name(self) -> str:
        """The image without tag and digest."""
        return f"{self.domain}/{self.repository}"

    @property
    def version(self) -> str:
        """What the registry is asked for: the digest, for a tag moves, or else the tag."""
        return self.digest or self.tag or "latest"

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}" + (f"@{self.digest}" if self.digest else "")


def parse_reference(text: str) -> Reference:
    """
    Return what an image's name means; a short one is one of Docker Hub, without a tag the latest.

    Raises:
        CannotBe: It is no name of an image.

    """
    rest, mark, digest = text.partition("@")
    if mark and not DIGEST.fullmatch(digest):
        raise invalid(text, "behind @ there must be sha256: and 64 hex digits")
    head, slash, tail = rest.partition("/")
    is_domain = slash and (head == "localhost" or re.search(r"[.:A-Z]", head))
    domain, path = (head, tail) if is_domain else (DOCKER_HUB, rest)
    path, colon, tag = path.partition(":")
    if colon and not TAG.fullmatch(tag):
        raise invalid(text, "a tag has letters, digits, '_', '.' and '-', at most 128")
    if not DOMAIN.fullmatch(domain):
        raise invalid(text, f"{domain!r} is not a registry such as registry.example:5000")
    if domain in OTHER_NAMES:
        domain = DOCKER_HUB
    if domain == DOCKER_HUB and "/" not in path:
        path = f"library/{path}"
    if not REPOSITORY.fullmatch(path) or len(domain) + 1 + len(path) > LONGEST:
        raise invalid(
            text,
            "a repository has small letters and digits, '.', '_', '-' between them, and parts "
            "separated by '/'",
        )
    return Reference(domain, path, tag or (None if digest else "latest"), digest or None)


def invalid(text: str, why: str) -> CannotBe:
    """Say that a name is none."""
    return CannotBe(f"{text!r} is not the name of an image: {why}")
