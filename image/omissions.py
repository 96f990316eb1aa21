"""
What the runtime's image leaves out of its locked packages, and why: facts, each with its reason.

PyPI's wheel of torch is the one for CUDA. What it links has to be there even where there is no GPU,
for the loader wants it: libcublasLt, libcufft, libcusparse, libcusparseLt, libnccl, libnvrtc and
libnvshmem_host are 1.6 GB, and stay. What else it brings is opened only by what uses a GPU.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Variant = Literal["cpu", "cuda"]
VARIANTS: tuple[Variant, ...] = ("cpu", "cuda")


@dataclass(frozen=True)
class Omission:
    """Files and folders of ``site-packages``, by patterns below it, that an image goes without."""

    patterns: tuple[str, ...]
    reason: str
    variants: tuple[Variant, ...] = VARIANTS


OMISSIONS = (
    Omission(("bin",), "programs of packages; what command lines name is made in /usr/local/bin"),
    Omission(
        (
            *("torch/include", "pyarrow/include", "triton/include", "numpy/_core/include"),
            *("nvidia/*/include", "nvidia/cu13/cccl", "triton/backends/*/include"),
            *("**/*.a", "torch/bin/protoc*", "torch/share"),
        ),
        "for compilers, and there is none in the image",
    ),
    Omission(
        (
            *("pandas/tests", "pyarrow/tests", "numpy/**/tests", "sympy/**/tests"),
            *("networkx/**/tests", "triton/instrumentation", "triton/plugins", "triton/FileCheck"),
            "torch/testing/_internal/py312_intrinsics.py",
        ),
        "tests of packages, which nothing imports",
    ),
    Omission(
        ("nvidia/nvshmem/lib/nvshmem_transport_*", "nvidia/nvshmem/lib/nvshmem_bootstrap_*"),
        "NVSHMEM across machines with MPI or InfiniBand; torch uses it only if a program says so",
    ),
    Omission(
        ("nvidia/cu13/lib/libcufile_rdma.so.*",),
        "files over InfiniBand, whose libraries the image has not",
    ),
    Omission(
        ("torch/lib/libgfortran.so.*",),
        "LAPACK's Fortran, which torch has in itself: nothing links this one",
    ),
    Omission(
        ("triton", "triton-*.dist-info"),
        "the compiler of GPU kernels; torch, transformers and peft look whether it is there",
        ("cpu",),
    ),
    Omission(
        ("nvidia/cudnn/lib/libcudnn_*",),
        "cuDNN's engines, which libcudnn.so opens when a GPU computes; torch links only that",
        ("cpu",),
    ),
    Omission(
        (
            *("nvidia/cu13/lib/libcusolver*", "nvidia_cusolver-*.dist-info"),
            "torch/lib/libtorch_cuda_linalg.so",
        ),
        "linear algebra on a GPU, which torch opens at its first use there",
        ("cpu",),
    ),
    Omission(
        (
            *("nvidia/cu13/lib/libnvJitLink.so.*", "nvidia_nvjitlink-*.dist-info"),
            "nvidia/cu13/lib/libnvrtc-builtins.so.*",
        ),
        "what compiles kernels at run time; cuFFT, cuSPARSE and NVRTC open it for a GPU",
        ("cpu",),
    ),
    Omission(
        (
            *("nvidia/cu13/lib/libcufftw.so.*", "nvidia/cu13/lib/libnvblas.so.*"),
            *("nvidia/cu13/lib/libcheckpoint.so", "nvidia/cu13/lib/libpcsamplingutil.so"),
            *("nvidia/cu13/lib/libnvperf_*.so", "nvidia/cu13/lib/libnvtx3interop.so.*"),
        ),
        "stand-ins for FFTW and BLAS, and profilers of GPUs; torch links none of them",
        ("cpu",),
    ),
    Omission(
        ("nvidia/nvshmem/lib/*.bc",),
        "NVSHMEM's part of GPU kernels, for a compiler of them",
        ("cpu",),
    ),
    Omission(
        ("cuda", "cuda_bindings-*.dist-info", "cuda_pathfinder-*.dist-info"),
        "CUDA's API for Python; torch asks for it when CUDA graphs are annotated",
        ("cpu",),
    ),
    Omission(
        (
            *("bitsandbytes/libbitsandbytes_cuda11*.so", "bitsandbytes/libbitsandbytes_cuda12*.so"),
            *("bitsandbytes/libbitsandbytes_rocm*.so", "bitsandbytes/libbitsandbytes_xpu*.so"),
        ),
        "for other versions of CUDA than torch's, and for other GPUs than NVIDIA's",
        ("cuda",),
    ),
)

FOUND_LATER: dict[Variant, frozenset[str]] = {
    # NVIDIA's driver is of one version with the kernel's part of it, so the node mounts its own.
    "cpu": frozenset({"libcuda.so.1"}),
    # bitsandbytes links what torch has loaded before it.
    "cuda": frozenset({"libcuda.so.1", "libcudart.so.13", "libcublas.so.13", "libcublasLt.so.13"}),
}
"""Libraries that are linked, and found only when the image runs."""


def omit(site: Path, variant: Variant) -> dict[str, int]:
    """
    Remove what the variant goes without, and return how many bytes each pattern was.

    Raises:
        LookupError: A pattern fits nothing, so the packages are others than it was written for.

    """
    patterns = [p for each in OMISSIONS if variant in each.variants for p in each.patterns]
    return {pattern: remove(site, pattern) for pattern in patterns}


def remove(site: Path, pattern: str) -> int:
    """Remove what fits the pattern, and return how many bytes it was."""
    found = [path for path in sorted(site.glob(pattern)) if path.exists()]
    if not found:
        raise LookupError(f"image/omissions.py: {pattern} fits nothing in {site}: correct it")
    size = 0
    for path in found:
        if path.is_dir():
            size += sum(each.stat().st_size for each in path.rglob("*") if each.is_file())
            shutil.rmtree(path)
        elif path.exists():
            size += path.stat().st_size
            path.unlink()
    return size
