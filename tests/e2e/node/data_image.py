"""An image that holds files and no program: to be mounted as a volume, or to be built on."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from image.archive import Image, write_archive
from tests.e2e.node.images import cached


def data_image(name: str, texts: Mapping[str, str]) -> Path:
    """
    Return the archive of an image.

    Args:
        name: Registry, repository and tag.
        texts: What is in each file, by its path in the image.

    """

    def make(scratch: Path) -> None:
        for path, text in texts.items():
            file = scratch / "root" / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        write_archive(Image(name=name), scratch / "root", scratch / "data.tar")

    told = hashlib.sha256(json.dumps([name, *sorted(texts.items())]).encode()).hexdigest()
    (archive,) = cached(f"data-{told[:12]}", [Path(__file__)], make)
    return archive
