"""
An image as one file, in the OCI's layout: container runtimes and registries take it as it is.

Source: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
"""

import gzip
import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MEDIA_TYPE = "application/vnd.oci.image"

# As Go calls them, and with it all container programs. https://go.dev/doc/install/source#environment
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass(frozen=True)
class Image:
    """What a runtime is told of an image, besides its files."""

    name: str
    """Registry, repository and tag: what Pods ask for."""
    entrypoint: tuple[str, ...]
    command: tuple[str, ...] = ()
    user: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


def write_archive(image: Image, root: Path, archive: Path) -> None:
    """
    Write the image of one layer, the files under the root; equal files make equal bytes.

    Raises:
        KeyError: There is no name for this machine's architecture here.

    """
    files: dict[str, bytes] = {"oci-layout": encode({"imageLayoutVersion": "1.0.0"})}

    def blob(content: bytes, kind: str) -> dict[str, Any]:
        digest = hashlib.sha256(content).hexdigest()
        files[f"blobs/sha256/{digest}"] = content
        media_type = f"{MEDIA_TYPE}.{kind}"
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    tree = layer(root)
    machine = {"architecture": ARCHITECTURES[platform.machine()], "os": "linux"}
    config = {
        **machine,
        "config": {
            "Entrypoint": list(image.entrypoint),
            "Cmd": list(image.command),
            "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"],
            "User": image.user,
            "Labels": dict(image.labels),
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(tree).hexdigest()}"]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{MEDIA_TYPE}.manifest.v1+json",
        # Level 1: it is read on the same machine, and time is what matters.
        "config": blob(encode(config), "config.v1+json"),
        "layers": [blob(gzip.compress(tree, 1, mtime=0), "layer.v1.tar+gzip")],
        "annotations": dict(image.labels),
    }
    name = {"io.containerd.image.name": image.name, "org.opencontainers.image.ref.name": image.name}
    described = {
        **blob(encode(manifest), "manifest.v1+json"),
        "platform": machine,
        "annotations": name,
    }
    index = {"schemaVersion": 2, "mediaType": f"{MEDIA_TYPE}.index.v1+json"}
    files["index.json"] = encode({**index, "manifests": [described]})
    with tarfile.open(archive, "w", format=tarfile.USTAR_FORMAT) as out:
        for path, content in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.size = len(content)
            out.addfile(entry, io.BytesIO(content))


def encode(document: object) -> bytes:
    """Return the document as JSON."""
    return json.dumps(document, sort_keys=True).encode()


def layer(root: Path) -> bytes:
    """Return the files under the root as a tar: sorted, of user 0, without times."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(root.rglob("*")):
            tar.add(path, str(path.relative_to(root)), recursive=False, filter=anonymous)
    return out.getvalue()


def anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Return the entry without what differs from machine to machine."""
    executable = bool(entry.mode & 0o100) or entry.isdir()
    mode = 0o1777 if entry.name == "tmp" else 0o755 if executable else 0o644
    return entry.replace(uid=0, gid=0, uname="", gname="", mtime=0, mode=mode, deep=False)
