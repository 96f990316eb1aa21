"""
An image as one file, in the OCI's layout: container runtimes and registries take it as it is.

Source: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
"""

import hashlib
import io
import json
import platform
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from image.layer import Layer, write_layer

MEDIA_TYPE = "application/vnd.oci.image"
PATH = "/usr/local/bin:/usr/bin:/bin"
BLOCK = 2**20
"""How much is copied at a time, in bytes."""

# As Go calls them, and with it all container programs. https://go.dev/doc/install/source#environment
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Image:
    """What a runtime is told of an image, besides its files."""

    name: str
    """Registry, repository and tag: what Pods ask for."""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    user: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=lambda: {"PATH": PATH})
    working_directory: str = ""
    """Where its processes begin; the root directory if it is empty."""


def write_archive(image: Image, root: Path, archive: Path) -> None:
    """
    Write the image of one compressed layer, the files under the root; equal files make equal bytes.

    Raises:
        KeyError: There is no name for this machine's architecture here.

    """
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        layer = write_layer(root, Path(folder) / "layer", compress=True)
        write_layers(image, [layer], archive)


def write_layers(image: Image, layers: Sequence[Layer], archive: Path) -> None:
    """
    Write the image of these layers, the lowest first; equal layers make equal bytes.

    Nothing is held in memory but what describes them, and the layers are copied as they are.

    Raises:
        KeyError: There is no name for this machine's architecture here.

    """
    machine = {"architecture": ARCHITECTURES[platform.machine()], "os": "linux"}
    config = encode({**machine, "config": settings(image), "rootfs": file_system(layers)})
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{MEDIA_TYPE}.manifest.v1+json",
        "config": descriptor(config, "config.v1+json"),
        "layers": [
            {"mediaType": each.media_type, "digest": each.digest, "size": each.size}
            for each in layers
        ],
        "annotations": dict(image.labels),
    }
    name = {"io.containerd.image.name": image.name, "org.opencontainers.image.ref.name": image.name}
    described = {
        **descriptor(encode(manifest), "manifest.v1+json"),
        "platform": machine,
        "annotations": name,
    }
    index = {"schemaVersion": 2, "mediaType": f"{MEDIA_TYPE}.index.v1+json"}
    files: dict[str, bytes | Path] = {
        "oci-layout": encode({"imageLayoutVersion": "1.0.0"}),
        "index.json": encode({**index, "manifests": [described]}),
        **{blob_path(digest_of(each)): each for each in (config, encode(manifest))},
        **{blob_path(each.digest): each.file for each in layers},
    }
    # PAX says sizes beyond the 8 GiB of older formats, and is the same as they are below.
    with tarfile.TarFile(archive, "w", format=tarfile.PAX_FORMAT, copybufsize=BLOCK) as out:
        for path, content in sorted(files.items()):
            add_file(out, path, content)


def settings(image: Image) -> dict[str, Any]:
    """Return how the image's processes are started, in the OCI's words."""
    directory = {"WorkingDir": image.working_directory} if image.working_directory else {}
    return {
        "Entrypoint": list(image.entrypoint),
        "Cmd": list(image.command),
        "Env": [f"{name}={value}" for name, value in image.environment.items()],
        "User": image.user,
        "Labels": dict(image.labels),
        **directory,
    }


def file_system(layers: Sequence[Layer]) -> dict[str, Any]:
    """Return what the layers are when they are unpacked."""
    return {"type": "layers", "diff_ids": [each.tree for each in layers]}


def descriptor(content: bytes, kind: str) -> dict[str, Any]:
    """Return by what others refer to a document."""
    media_type = f"{MEDIA_TYPE}.{kind}"
    return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}


def digest_of(content: bytes) -> str:
    """Return the content's address."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def blob_path(digest: str) -> str:
    """Return where the layout keeps what has this digest."""
    return f"blobs/{digest.replace(':', '/')}"


def encode(document: object) -> bytes:
    """Return the document as JSON."""
    return json.dumps(document, sort_keys=True).encode()


def add_file(out: tarfile.TarFile, path: str, content: bytes | Path) -> None:
    """Add a file that is in memory or on disk."""
    entry = tarfile.TarInfo(path)
    if isinstance(content, Path):
        entry.size = content.stat().st_size
        with content.open("rb") as file:
            out.addfile(entry, file)
    else:
        entry.size = len(content)
        out.addfile(entry, io.BytesIO(content))
