"""The work of ``demo``: the quick start through a real server, shown while it happens."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.resources import as_file, files
from pathlib import Path
from time import monotonic, sleep
from types import FrameType
from typing import NoReturn

from rich.console import Console
from rich.live import Live
from rich.text import Text

from composite.models import JsonObject
from composite.simulate import Clock, Cluster, Entry
from hooks.cli.errors import Failed
from hooks.cli.files import Manifest, read_manifests
from hooks.cli.milestones import Milestones, width_of
from hooks.cli.output import as_table, as_yaml, console
from hooks.cli.remote import Remote
from hooks.cli.rendering import shown_gpus
from hooks.cli.servers import Server, started_server
from hooks.cli.story import UNSHOWN, cells, clock_time
from presets import load_catalog

# So much virtual time passes between two pictures, and so much of ours, at a terminal.
STEP_SECONDS = 5.0
PAUSE_SECONDS = 0.02

# Columns that kubectl shows with -o wide only.
WIDE = frozenset({"WORKSPACESUCCEEDED", "WHY"})


def show_demo(
    out: Path | None, *, keep_serving: bool = False, screen: Console | None = None
) -> None:
    """
    Play the quick start and show it.

    Args:
        out: Where to write the objects; None: a new temporary directory.
        keep_serving: Leave the server running until Ctrl-C when all is done.
        screen: What it is shown on; None: standard output.

    Raises:
        Failed: The server does not start, or the Workspace does not become ready.

    """
    screen = screen or console()
    with ended_by_signals(), folder_to_write_to(out) as folder, quick_start() as manifest:
        screen.print("Starting the webhooks with 'metakaito serve' ...")
        begin = monotonic()
        # The usual settings, whatever the environment says.
        options = ("--provisioner", "machine", "--cloud", "azure")
        with started_server(folder / "server.log", *options) as server:
            screen.print(
                f"They answer on {server.url} after {monotonic() - begin:.1f} s "
                f"(process {server.process.pid}, log in {folder / 'server.log'})."
            )
            cluster = watched(manifest, server, screen)
            print_end(cluster, folder, screen)
            if keep_serving:
                wait_for(server, screen)


@contextmanager
def quick_start() -> Iterator[Manifest]:
    """Give the Workspace of the quick start, which comes with this package."""
    with as_file(files("hooks.cli") / "quickstart.yaml") as file:
        yield read_manifests(str(file))[0]


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Leave in good order when told to end, so that what was started is stopped."""

    def leave(number: int, _: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    signals = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, leave) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def folder_to_write_to(out: Path | None) -> Iterator[Path]:
    """
    Make the folder; a temporary one is removed where the demo ends before it wrote an object.

    Raises:
        Failed: It cannot be made.

    """
    if out is None:
        folder = Path(tempfile.mkdtemp(prefix="metakaito-demo-"))
        try:
            yield folder
        finally:
            if not any(folder.glob("*.yaml")):
                shutil.rmtree(folder, ignore_errors=True)
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failed(f"--out: {out} cannot be made: {error.strerror}") from None
    yield out


def watched(manifest: Manifest, server: Server, screen: Console) -> Cluster:
    """Play the Workspace against the server, and show each step as it happens."""
    name = manifest.content["metadata"]["name"]
    screen.print(
        f"\nApplying Workspace {name} to a cluster in memory; the webhooks are asked over HTTP, "
        "the clock is virtual.\n"
    )
    clock = Clock()
    remote = Remote(server.url, clock)
    cluster = Cluster(remote, clock=clock, gpus=shown_gpus([manifest], load_catalog()))
    cluster.apply(manifest.content)
    story, told = Milestones(), 0
    # Elsewhere than at a terminal only the lines above the picture are printed.
    with Live(console=screen, transient=True, auto_refresh=False) as picture:
        settled = False
        while not settled:
            settled = cluster.run(until=clock.seconds + STEP_SECONDS)
            for line in story.told(cluster.timeline[told:], width_of(screen)):
                screen.print(line)
            told = len(cluster.timeline)
            if screen.is_terminal:
                picture.update(state(cluster), refresh=True)
                sleep(PAUSE_SECONDS)
    remote.close()
    return cluster


def state(cluster: Cluster) -> Text:
    """Return how far it is, on one line."""
    shown: dict[str, str] = {}
    for entry in cluster.timeline:
        shown = entry.columns or shown
    conditions = {name: cell for name, cell in shown.items() if name not in UNSHOWN}
    time = f"{clock_time(cluster.clock.seconds):>8}"
    return Text.assemble((f"\n{time}  ", "cyan"), *cells(conditions))


def print_end(cluster: Cluster, folder: Path, screen: Console) -> None:
    """
    Print what kubectl would have shown from the beginning, and what was made.

    Raises:
        Failed: The Workspace is not ready.

    """
    rows = kubectl_rows(cluster.timeline)
    screen.print("\n$ kubectl get workspaces --watch")
    screen.print(as_table(list(rows[0]), [list(row.values()) for row in rows]))
    screen.print(f"It became these objects, each in a file in {folder}:\n")
    for number, child in enumerate(cluster.desired(), 1):
        file = write(folder, number, child)
        screen.print(f"  {child['kind']:<20}{child['metadata']['name']:<30}{file.name}")
    screen.print(
        f"\n{clock_time(cluster.timeline[-1].seconds)} of virtual time, "
        f"{len(cluster.requests)} requests over HTTP."
    )
    if rows[-1]["WORKSPACEREADY"] != "True":
        raise Failed("the Workspace did not become ready")


def kubectl_rows(timeline: list[Entry]) -> list[dict[str, str]]:
    """Return the rows of ``kubectl get workspaces --watch``, less those that repeat the last."""
    rows: list[dict[str, str]] = []
    for entry in timeline:
        row = {k: v for k, v in (entry.columns or {}).items() if k not in WIDE}
        if row and (not rows or {**row, "AGE": ""} != {**rows[-1], "AGE": ""}):
            rows.append(row)
    return rows


def write(folder: Path, number: int, obj: JsonObject) -> Path:
    """
    Write one object to a file of its own.

    Raises:
        Failed: It cannot be written.

    """
    file = folder / f"{number}-{obj['kind'].lower()}-{obj['metadata']['name']}.yaml"
    try:
        file.write_text(as_yaml([obj]), encoding="utf-8")
    except OSError as error:
        raise Failed(f"--out: {file} cannot be written: {error.strerror}") from None
    return file


def wait_for(server: Server, screen: Console) -> None:
    """Leave the server running until somebody has enough of it."""
    screen.print(f"\nStill serving on {server.url}, for example {server.url}/metrics.")
    with suppress(KeyboardInterrupt):
        screen.print("Ctrl-C stops it.")
        server.process.wait()
