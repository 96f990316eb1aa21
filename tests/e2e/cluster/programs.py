"""
The programs of the test cluster, built from Go modules once and kept outside the checkout.

Each folder of ``programs/`` is one Go module with its versions pinned in ``go.mod`` and its
contents in ``go.sum``. What was built is kept in the user's cache under a hash of these files and
of the compiler, so that a second checkout finds it.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

SOURCES = Path(__file__).parent / "programs"
SAY_EVERY_SECONDS = 15.0

# Static programs of the compiler that is there; nothing is fetched to replace it.
ENVIRONMENT = {
    "CGO_ENABLED": "0",
    "GOTOOLCHAIN": "local",
    "GOFLAGS": "-buildvcs=false -mod=readonly",
}


class ProgramsMissing(Exception):  # noqa: N818  (it says what is so)
    """The programs cannot be built here; the sentence says why and what to do."""


class Module(NamedTuple):
    """
    One Go module and what comes out of it.

    ``packages`` are built, each to a program of its last name; ``names`` are more names for the one
    program that acts as what it is called as. ``versions`` are set in the variables of the linker
    to the version of a module, ``variables`` to what is said here. ``shared`` are files of modules:
    where to, which module, which files.
    """

    packages: tuple[str, ...]
    minutes: int
    names: tuple[str, ...] = ()
    versions: tuple[tuple[str, str], ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    shared: tuple[tuple[str, str, str], ...] = ()


VERSION = "k8s.io/component-base/version"
MODULES = {
    "kube": Module(
        packages=(".",),
        minutes=10,
        names=(
            "etcd",
            "kube-apiserver",
            "kube-controller-manager",
            "kube-proxy",
            "kube-scheduler",
            "kubectl",
            "kubelet",
            "kwok",
            "karpenter-kwok",
        ),
        # Programs without a version call themselves v0.0.0, and what compares versions fails.
        versions=(
            (f"{VERSION}.gitVersion", "k8s.io/kubernetes"),
            ("sigs.k8s.io/kwok/pkg/consts.Version", "sigs.k8s.io/kwok"),
        ),
        shared=(
            ("crds", "sigs.k8s.io/karpenter", "pkg/apis/crds/karpenter.sh_*.yaml"),
            ("crds", "sigs.k8s.io/karpenter", "kwok/apis/crds/*.yaml"),
            ("stages", "sigs.k8s.io/kwok", "kustomize/stage/node/fast/node-initialize.yaml"),
            ("stages", "sigs.k8s.io/kwok", "kustomize/stage/pod/fast/pod-ready.yaml"),
            ("stages", "sigs.k8s.io/kwok", "kustomize/stage/pod/fast/pod-delete.yaml"),
            ("openapi", "k8s.io/kubernetes", "api/openapi-spec/swagger.json"),
        ),
    ),
    "containers": Module(
        packages=(
            "./pause",
            "github.com/containerd/containerd/v2/cmd/containerd",
            "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
            "github.com/containerd/containerd/v2/cmd/ctr",
            "github.com/containernetworking/plugins/plugins/ipam/host-local",
            "github.com/containernetworking/plugins/plugins/main/bridge",
        ),
        minutes=3,
        versions=(
            (
                "github.com/containerd/containerd/v2/version.Version",
                "github.com/containerd/containerd/v2",
            ),
        ),
    ),
    "coredns": Module(packages=(".",), minutes=2),
    "registry": Module(
        packages=("github.com/distribution/distribution/v3/cmd/registry",), minutes=2
    ),
    "tools": Module(
        packages=(
            "github.com/yannh/kubeconform/cmd/kubeconform",
            "helm.sh/helm/v3/cmd/helm",
            "sigs.k8s.io/kustomize/kustomize/v5",
        ),
        minutes=3,
        versions=(("helm.sh/helm/v3/internal/version.version", "helm.sh/helm/v3"),),
        # For which Kubernetes Helm renders without a cluster; 1.20 unless told.
        variables=tuple(
            (f"helm.sh/helm/v3/pkg/{package}.k8sVersion{part}", value)
            for package in ("chartutil", "lint/rules")
            for part, value in (("Major", "1"), ("Minor", "36"))
        ),
    ),
}


def programs(module: str, say: Callable[[str], None] | None = None) -> Path:
    """
    Return the folder with the programs of a module, built first where that is missing.

    Args:
        module: A key of :data:`MODULES`.
        say: Told about the progress of a build; standard error without it.

    Returns:
        A folder with the programs in ``bin/`` and the files that belong to them in ``share/``.

    Raises:
        ProgramsMissing: There is no Go, or the build failed; with its last words.

    """
    say = say or to_standard_error
    place = cache_folder() / f"{module}-{fingerprint(module)}"
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with locked(place.with_name(f"{module}.lock"), say):
        if not place.is_dir():
            build(module, place, say)
    return place


def tool(name: str) -> Path:
    """
    Return the path of helm, kustomize or kubeconform, built first where it is missing.

    Raises:
        ProgramsMissing: As for :func:`programs`.

    """
    return programs("tools") / "bin" / name


def cache_folder() -> Path:
    """Return where built programs are kept: below XDG_CACHE_HOME, or below ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME")  # noqa: TID251  (not the product: where to keep a build)
    return (Path(base) if base else Path.home() / ".cache") / "metakaito" / "programs"


def fingerprint(module: str) -> str:
    """Return a hash of all that decides what is built: sources, pinned versions, compiler."""
    parts = [go("version", folder=SOURCES).encode(), repr(MODULES[module]).encode()]
    for path in sorted((SOURCES / module).rglob("*")):
        if path.is_file():
            parts += [str(path.relative_to(SOURCES)).encode(), path.read_bytes()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def build(module: str, place: Path, say: Callable[[str], None]) -> None:
    """Build into a folder beside ``place`` and move it there in one step, whole or not at all."""
    what = MODULES[module]
    say(
        f"building {module} from Go modules, once; it takes about {what.minutes} minutes on two "
        f"cores if nothing of it is cached, and is kept in {place}"
    )
    with tempfile.TemporaryDirectory(prefix=f"{module}-", dir=place.parent) as folder:
        half = Path(folder) / place.name
        programs_folder = half / "bin"
        programs_folder.mkdir(parents=True)
        source = SOURCES / module
        target = programs_folder / module if what.packages == (".",) else f"{programs_folder}/"
        compile_packages(
            source, ("-o", str(target), *what.packages), linker_flags(what, source), say
        )
        for name in what.names:
            (programs_folder / name).symlink_to(module)
        for folder_name, owner, pattern in what.shared:
            copy_files(half / "share" / folder_name, owner, pattern, source)
        half.rename(place)


def linker_flags(what: Module, source: Path) -> str:
    """Return flags that set each program's version, and leave out what only a debugger needs."""
    flags = ["-s", "-w", *(f"-X {variable}={value}" for variable, value in what.variables)]
    for variable, module in what.versions:
        version = module_version(module, source)
        flags.append(f"-X {variable}={version}")
        if variable.startswith(VERSION):
            major, minor, _ = version.removeprefix("v").split(".", 2)
            flags += [f"-X {VERSION}.gitMajor={major}", f"-X {VERSION}.gitMinor={minor}"]
    return " ".join(flags)


def compile_packages(
    source: Path, arguments: tuple[str, ...], flags: str, say: Callable[[str], None]
) -> None:
    """Run ``go build``, and say every few seconds that it still does."""
    begun = said = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            ["go", "build", "-trimpath", "-ldflags", flags, *arguments],
            cwd=source,
            env=go_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        try:
            while process.poll() is None:
                time.sleep(0.2)
                if time.monotonic() - said > SAY_EVERY_SECONDS:
                    said = time.monotonic()
                    say(f"  still building {source.name}, {said - begun:.0f} s so far")
        finally:
            process.kill()
            process.wait()
        output.seek(0)
        if process.returncode:
            raise ProgramsMissing(f"go build of {source.name} failed:\n{output.read()[-3000:]}")
    say(f"  built {source.name} in {time.monotonic() - begun:.0f} s")


def copy_files(folder: Path, module: str, pattern: str, source: Path) -> None:
    """Copy files of a Go module out of Go's own cache."""
    origin = Path(go("list", "-m", "-f", "{{.Dir}}", module, folder=source))
    found = sorted(origin.glob(pattern))
    if not found:
        raise ProgramsMissing(f"{module} has no {pattern}")
    folder.mkdir(parents=True, exist_ok=True)
    for path in found:
        shutil.copyfile(path, folder / path.name)


def module_version(module: str, source: Path) -> str:
    """Return the version that go.mod pins."""
    return go("list", "-m", "-f", "{{.Version}}", module, folder=source)


def go(*arguments: str, folder: Path) -> str:
    """Return what the go command prints."""
    try:
        done = subprocess.run(
            ["go", *arguments],
            cwd=folder,
            env=go_environment(),
            capture_output=True,
            text=True,
            check=True,
        )
    except FileNotFoundError:
        raise ProgramsMissing(
            "the test cluster is built from Go modules and there is no go on the PATH: install Go "
            "1.26 or newer (https://go.dev/dl/)"
        ) from None
    except subprocess.CalledProcessError as error:
        raise ProgramsMissing(f"go {' '.join(arguments)} failed: {error.stderr[-2000:]}") from None
    return done.stdout.strip()


def go_environment() -> dict[str, str]:
    """Return the environment for the go command."""
    return {**os.environ, **ENVIRONMENT}  # noqa: TID251  (a child's, with the user's proxy and caches)


@contextmanager
def locked(path: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Let one build at a time have its way."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another build ({path})")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def to_standard_error(text: str) -> None:
    """Print one line of progress."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    for name in sys.argv[1:] or MODULES:
        print(programs(name))  # noqa: T201
