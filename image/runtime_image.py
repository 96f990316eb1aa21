"""The runtime's image and images of weights, each as one file."""

import os
import shutil
import tempfile
import tomllib
from pathlib import Path

from image.archive import PATH, Image, write_layers
from image.cache import cache_folder, kept_layer
from image.interpreter import USER
from image.layer import write_layer
from image.omissions import Variant
from image.packages import labels
from image.runtime import (
    CERTIFICATES,
    PROJECT,
    WORKSPACE,
    Say,
    ingredients,
    make_code,
    make_packages,
)

REPOSITORY = "metakaito.local/metakaito-transformers"
"""Nobody's registry: such an image is on a node already, or nowhere."""

ENVIRONMENT = {
    "PATH": PATH,
    # Nothing but /tmp can be written to; an unknown user's home would be the root directory.
    "HOME": "/tmp",  # noqa: S108  (the image's own)
    "HF_HOME": "/tmp/huggingface",  # noqa: S108  (the same)
    # 10 GB of /tmp otherwise, for chunks that are never read twice.
    # https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables
    "HF_XET_CHUNK_CACHE_SIZE_BYTES": "0",
    "PYTHONUNBUFFERED": "1",
    "SSL_CERT_FILE": f"/{CERTIFICATES}",
}

# What NVIDIA's container toolkit and GKE's device plugin look for and mount.
# https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html
# https://cloud.google.com/kubernetes-engine/docs/how-to/gpus#cuda
CUDA_ENVIRONMENT = {
    "NVIDIA_DRIVER_CAPABILITIES": "compute,utility",
    "LD_LIBRARY_PATH": "/usr/local/nvidia/lib64:/usr/lib64:/usr/lib/x86_64-linux-gnu",
}


def runtime_image(variant: Variant, name: str | None = None) -> Image:
    """Return what the runtime's image says about itself; its ``Dockerfile`` says the same."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    return Image(
        name=name or f"{REPOSITORY}:{project['version']}-{variant}",
        command=(
            *("accelerate", "launch", "--num_processes=1", "inference_api.py"),
            *("--pipeline=text-generation", "--torch_dtype=auto"),
        ),
        user=f"{USER}:{USER}",
        labels={**labels(project), "io.metakaito.variant": variant},
        environment={**ENVIRONMENT, **(CUDA_ENVIRONMENT if variant == "cuda" else {})},
        working_directory=f"/{WORKSPACE}",
    )


def write_runtime_archive(
    archive: Path,
    variant: Variant,
    name: str | None = None,
    *,
    cache: Path | None = None,
    say: Say = print,
) -> None:
    """
    Write the runtime's image into one file, in OCI layout; equal files make equal bytes.

    Its first layer, Python with the packages, is gigabytes and kept in a cache; the second one, our
    own code, is made anew.

    Args:
        archive: The new file.
        variant: For nodes with NVIDIA's GPUs or without.
        name: What Pods call it; with the version of the runtime by default.
        cache: Where the first layer is kept, 3 GiB or 5 GiB; see :func:`image.cache.cache_folder`.
        say: Takes a line of progress.

    Raises:
        subprocess.CalledProcessError, LookupError, FileNotFoundError: See ``make_packages``.

    """
    packages = kept_layer(
        f"packages-{variant}",
        ingredients(variant),
        lambda root: make_packages(root, variant, say),
        cache or cache_folder(),
    )
    say(f"has the layer of packages, {packages.size / 2**20:.0f} MiB")
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix="metakaito-code-") as folder:
        make_code(Path(folder, "root"))
        code = write_layer(Path(folder, "root"), Path(folder, "layer"), compress=True)
        say(f"has the layer of our code, {code.size / 2**10:.0f} KiB")
        write_layers(runtime_image(variant, name), [packages, code], archive)


def write_weights_archive(archive: Path, directory: Path, name: str) -> None:
    """
    Write an image that holds the directory's files at its root, to be mounted as an image volume.

    Nothing of it runs. Weights do not compress, so nothing is compressed. Links are followed: what
    the Hugging Face Hub's cache calls a model is links to files elsewhere.

    Args:
        archive: The new file.
        directory: Weights, a tokenizer, a configuration, as ``save_pretrained`` writes them.
        name: What Pods call it.

    """
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix="metakaito-weights-") as folder:
        root = Path(folder, "root")
        shutil.copytree(directory, root, copy_function=same_file)
        layer = write_layer(root, Path(folder, "layer"), compress=False)
        titled = {"org.opencontainers.image.title": name.rpartition("/")[2].partition(":")[0]}
        write_layers(Image(name=name, labels=titled), [layer], archive)


def same_file(origin: str, target: str) -> None:
    """Let the target be the very file that the origin is or leads to, or else a copy."""
    try:
        os.link(os.path.realpath(origin), target)
    except OSError:  # on another file system
        shutil.copyfile(origin, target)
