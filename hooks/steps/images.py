"""
An image as its manifest and its configuration: read from a registry, and with one more layer.

Source: https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md and
https://distribution.github.io/distribution/spec/manifest-v2-2/
"""

import hashlib
import json
import platform as machine
import re
from typing import Any, NamedTuple

from urllib3.exceptions import HTTPError

from hooks.steps.failures import CannotBe, StepFailed, TryAgain
from hooks.steps.hops import cause_words
from hooks.steps.layer import Layer
from hooks.steps.registry import Repository

Json = dict[str, Any]

# https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-manifests
LARGEST_MANIFEST = 4 << 20
LARGEST_CONFIG = 16 << 20
CHUNK = 1 << 16
# As Go calls them, and with it all container programs. https://go.dev/doc/install/source#environment
ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
PLATFORM = re.compile(r"([a-z0-9]+)/([a-z0-9]+)(?:/([a-z0-9]+))?")
NO_TIME = "1970-01-01T00:00:00Z"


class Family(NamedTuple):
    """The media types of one of the two families of images."""

    manifest_list: str
    """Of one image for each platform; OCI calls it an index."""
    manifest: str
    config: str
    layer: str


DOCKER = Family(
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.container.image.v1+json",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
)
OCI = Family(
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.oci.image.layer.v1.tar+gzip",
)
FAMILIES = (OCI, DOCKER)
ACCEPT = {
    "Accept": ", ".join(
        kind for family in FAMILIES for kind in (family.manifest, family.manifest_list)
    )
}


class Platform(NamedTuple):
    """What an image runs on, as Go calls it."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in self if part)


class Image(NamedTuple):
    """An image: its configuration, and its layers as the manifest lists them."""

    config: Json
    layers: tuple[Json, ...]
    family: Family

    @property
    def config_bytes(self) -> bytes:
        """The configuration as a registry keeps it."""
        return encode(self.config)

    @property
    def manifest_bytes(self) -> bytes:
        """The manifest as a registry keeps it."""
        config = self.config_bytes
        return encode(
            {
                "schemaVersion": 2,
                "mediaType": self.family.manifest,
                "config": {
                    "mediaType": self.family.config,
                    "digest": digest_of(config),
                    "size": len(config),
                },
                "layers": list(self.layers),
            }
        )


def encode(value: Json) -> bytes:
    """Return JSON, the same bytes for the same value."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def digest_of(content: bytes) -> str:
    """Return what a registry knows bytes by."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def this_platform() -> Platform:
    """Return Linux on this machine's architecture: an image is for Linux, wherever it is made."""
    name = machine.machine().lower()
    return Platform("linux", ARCHITECTURES.get(name, name))


def parse_platform(text: str) -> Platform:
    """
    Return a platform such as linux/amd64 or linux/arm/v7.

    Raises:
        CannotBe: It is none.

    """
    found = PLATFORM.fullmatch(text)
    if found is None:
        raise CannotBe(f"--platform: {text!r} is not a platform such as linux/amd64")
    return Platform(found[1], found[2], found[3] or "")


def scratch(platform: Platform) -> Image:
    """Return an image with nothing in it."""
    variant = {"variant": platform.variant} if platform.variant else {}
    config = {
        "created": NO_TIME,
        "architecture": platform.architecture,
        "os": platform.os,
        **variant,
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": []},
        "history": [],
    }
    return Image(config, (), OCI)


def with_layer(image: Image, layer: Layer, comment: str) -> Image:
    """Return the image with one layer on top."""
    rootfs = image.config["rootfs"]
    config = {
        **image.config,
        "rootfs": {**rootfs, "diff_ids": [*rootfs["diff_ids"], layer.diff_id]},
    }
    # It may be left out, and one that tells of some layers only is wrong.
    if "history" in image.config:
        own = {"created": NO_TIME, "created_by": comment}
        config["history"] = [*(image.config["history"] or []), own]
    described = {"mediaType": image.family.layer, "digest": layer.digest, "size": layer.size}
    return Image(config, (*image.layers, described), image.family)


def pull_image(repository: Repository, platform: Platform) -> Image:
    """
    Return an image as a registry has it, for one platform.

    Raises:
        TryAgain: It cannot be had now.
        StepFailed: It is no image for this platform, or not what its digest says.

    """
    name = str(repository.image)
    manifest = read_manifest(repository, repository.image.version)
    if "manifests" in manifest:
        manifest = read_manifest(repository, digest_for(manifest, platform, name))
    family = next((one for one in FAMILIES if one.manifest == kind_of(manifest)), None)
    try:
        config_digest, layers = str(manifest["config"]["digest"]), manifest["layers"]
        for layer in layers:
            str(layer["digest"]), int(layer["size"])
    except (LookupError, TypeError, ValueError):
        family = None
    if family is None:
        raise StepFailed(f"{name} is no image of Docker or OCI: {kind_of(manifest) or 'no kind'}")
    config = read_json(repository, f"blobs/{config_digest}", {}, config_digest, LARGEST_CONFIG)
    if not isinstance((config.get("rootfs") or {}).get("diff_ids"), list):
        raise StepFailed(f"{name} has a configuration without rootfs.diff_ids")
    require_platform(config, platform, name)
    return Image(config, tuple(layers), family)


def read_manifest(repository: Repository, version: str) -> Json:
    """Return a manifest or an index; one that is asked for by its digest must have it."""
    digest = version if ":" in version else None
    return read_json(repository, f"manifests/{version}", ACCEPT, digest, LARGEST_MANIFEST)


def read_json(
    repository: Repository, path: str, headers: dict[str, str], digest: str | None, largest: int
) -> Json:
    """
    Return a JSON object that a registry has.

    Raises:
        TryAgain: It cannot be had now, or other bytes came than those of the digest.
        StepFailed: It is too large, or no JSON object.

    """
    name = str(repository.image)
    content = read_bytes(repository, path, headers, largest)
    if digest is not None and digest_of(content) != digest:
        raise TryAgain(f"{name}: {digest} came with the digest {digest_of(content)}")
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise StepFailed(f"{name} is no image: {path} is no JSON object")
    return found


def read_bytes(repository: Repository, path: str, headers: dict[str, str], largest: int) -> bytes:
    """
    Return what a registry has, if it is not too large.

    Raises:
        TryAgain: It cannot be had now.
        StepFailed: It is too large.

    """
    response = repository.get(path, headers, f"pull of {repository.image}")
    content = b""
    try:
        # One read may end early without a word; only the next one says that more was due.
        while len(content) <= largest and (chunk := response.read1(CHUNK, decode_content=False)):
            content += chunk
    except (OSError, HTTPError) as error:
        raise TryAgain(f"pull of {repository.image}: {cause_words(error)}") from error
    finally:
        response.close()
    if len(content) > largest:
        raise StepFailed(f"{repository.image} is no image: {path} has more than {largest} bytes")
    return content


def kind_of(manifest: Json) -> str:
    """Return the media type; one of OCI's may leave it out."""
    return str(manifest.get("mediaType") or (OCI.manifest if "config" in manifest else ""))


def digest_for(index: Json, platform: Platform, name: str) -> str:
    """
    Return the digest of the image for a platform.

    Raises:
        StepFailed: There is none; with those there are.

    """
    offered: dict[Platform, str] = {}
    for entry in index["manifests"]:
        told = entry.get("platform") or {}
        found = Platform(
            str(told.get("os", "")), str(told.get("architecture", "")), str(told.get("variant", ""))
        )
        # The first is the best. Of attestations it is said that they are for "unknown/unknown".
        offered.setdefault(found, str(entry["digest"]))
    for found, digest in offered.items():
        same = found[:2] == platform[:2]
        if same and platform.variant in ("", found.variant):
            return digest
    listed = ", ".join(str(one) for one in offered if one.os != "unknown")
    raise StepFailed(f"{name} is not made for {platform}, only for {listed or 'nothing'}")


def require_platform(config: Json, platform: Platform, name: str) -> None:
    """
    Refuse an image that would not be pulled on the platform.

    Raises:
        StepFailed: It is one.

    """
    found = Platform(str(config.get("os", "")), str(config.get("architecture", "")))
    if found != platform._replace(variant=""):
        raise StepFailed(f"{name} is made for {found}, not for {platform}")
