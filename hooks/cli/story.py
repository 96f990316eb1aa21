"""The whole timeline as text: every change, and what ``kubectl get workspaces`` showed then."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from rich.text import Text

from composite import names
from composite.models import JsonObject
from composite.simulate import Entry, columns
from hooks.cli.output import as_table

STYLES = {"True": "green", "False": "red", "Unknown": "yellow"}
BAD = "bold red"
TIME_WIDTH = 8
WHO_WIDTH = 22
INDENT = " " * (TIME_WIDTH + 2 + WHO_WIDTH + 4)
# Told by the rows themselves: which Workspace, and when.
UNSHOWN = frozenset({"NAME", "INSTANCE", "AGE", "WORKSPACESUCCEEDED", "WHY"})


def told(timeline: Iterable[Entry]) -> Iterator[Text]:
    """Yield the lines of the story, the columns of kubectl wherever they change."""
    shown: dict[str, dict[str, str]] = {}
    yield Text(f"{'TIME':>{TIME_WIDTH}}  {'WHO':<{WHO_WIDTH}}  WHAT", "bold")
    for entry in timeline:
        yield headline(entry)
        now = {name: cell for name, cell in (entry.columns or {}).items() if name not in UNSHOWN}
        if now and now != shown.get(entry.about, now if not any(now.values()) else None):
            yield Text.assemble(INDENT, *cells(now))
        if entry.columns is not None:
            shown[entry.about] = now
        yield from (Text(f"{INDENT}{detail}", "dim") for detail in entry.details if is_told(detail))


def is_told(detail: str) -> bool:
    """Whether a detail says something of its own; one condition is another one's twin."""
    return not detail.startswith("WorkspaceSucceeded=")


def headline(entry: Entry) -> Text:
    """Return who did what when."""
    time = f"{clock_time(entry.seconds):>{TIME_WIDTH}}"
    what = (f"{entry.what} {entry.about}", BAD if entry.what == "failed" else "")
    return Text.assemble((time, "cyan"), f"  {entry.who:<{WHO_WIDTH}}  ", what)


def cells(shown: dict[str, str]) -> Iterator[str | tuple[str, str]]:
    """Yield each column with its value; one that does not apply is left out."""
    gap = ""
    for name, cell in shown.items():
        if cell:
            yield f"{gap}{name} "
            yield (cell, STYLES.get(cell, ""))
            gap = "   "


def clock_time(seconds: float) -> str:
    """Return virtual time as h:mm:ss, with what is left of a second where there is any."""
    whole = int(seconds)
    rest = f"{seconds - whole:.3f}".lstrip("0").rstrip("0").rstrip(".")
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}{rest}"


def kubectl_table(objects: Iterable[JsonObject], now: datetime, *, wide: bool = False) -> str:
    """Return what ``kubectl get workspaces`` shows; empty where there is none."""
    rows = list(kubectl_rows(objects, now, wide=wide))
    return as_table(list(rows[0]), [list(row.values()) for row in rows]) if rows else ""


def whys(objects: Iterable[JsonObject], now: datetime) -> str:
    """Return the last column of the wide table, a paragraph for each Workspace."""
    rows = kubectl_rows(objects, now, wide=True)
    return "".join(f"WHY {row['NAME']}: {row['WHY']}\n" for row in rows)


def kubectl_rows(
    objects: Iterable[JsonObject], now: datetime, *, wide: bool
) -> Iterator[dict[str, str]]:
    """Yield a row for each Workspace."""
    for obj in objects:
        if f"{obj['kind']}.{obj['apiVersion']}" == names.WORKSPACES:
            yield columns(obj, now, wide=wide)
