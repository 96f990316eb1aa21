"""
What the changelog says that an upgrade restarts: roll-outs, in one fixed form.

In the section of the version that is not yet released, one item for each::

    * **Roll-out**: `Deployment spec.template.spec.containers[*].livenessProbe` in `own-runtime/*`:
      the probe waits longer, since large models were restarted while they loaded.

A kind and a field, then optionally which Workspaces of the fleet, then why. The field means itself
and all below it; ``[*]`` is any place of a list. ``in`` takes a pattern of names of the fleet.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from composite.preview.effects import Effect
from tests.upgrades.comparison import HARMFUL, Change
from tests.upgrades.plays import Upgrade

UNRELEASED = re.compile(r"^## \S+ \(not yet released\)$")
ITEM = re.compile(r"^[*-] ")
MEANT = re.compile(r"^[*-]\s*\**\s*roll-?\s?out", re.IGNORECASE)
FORM = re.compile(
    r"\* \*\*Roll-out\*\*: `(?P<kind>[A-Z][A-Za-z]+) (?P<field>[A-Za-z][^`\s]*)`"
    r"(?: in `(?P<where>[^`\s]+)`)?: (?P<why>\S.*)"
)


class Misspelt(ValueError):  # noqa: N818  (it says what is so)
    """An item is meant to declare a roll-out, and has not the form."""


@dataclass(frozen=True)
class Declaration:
    """One roll-out that users are told of."""

    kind: str
    field: str
    where: str
    why: str

    def means(self, name: str, change: Change) -> bool:
        """Whether a change in a member of the fleet is the declared one."""
        pattern = re.escape(self.field).replace(re.escape("[*]"), r"\[\d+\]")
        return (
            self.kind == change.kind
            and self.is_about(name)
            and re.fullmatch(rf"{pattern}([.\[].*)?", change.path) is not None
        )

    def is_about(self, name: str) -> bool:
        """Whether a member of the fleet may be meant."""
        return fnmatchcase(name, self.where)

    def __str__(self) -> str:
        where = "" if self.where == "*" else f" in `{self.where}`"
        return f"* **Roll-out**: `{self.kind} {self.field}`{where}: {self.why}"


def declarations(changelog: str) -> tuple[Declaration, ...]:
    """
    Return the roll-outs of the version that is not yet released; none if every one is.

    Raises:
        Misspelt: An item looks like one and has not the form.

    """
    found = [item for item in items(unreleased(changelog)) if MEANT.match(item)]
    return tuple(map(parse_declaration, found))


def unreleased(changelog: str) -> list[str]:
    """Return the lines of the section of the version that is not yet released."""
    lines = changelog.splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("## ")]
    if not starts or not UNRELEASED.match(lines[starts[0]]):
        return []
    end = starts[1] if len(starts) > 1 else len(lines)
    return lines[starts[0] + 1 : end]


def items(lines: Iterable[str]) -> list[str]:
    """Return the items of a list, each on one line."""
    found: list[str] = []
    open_item = False
    for line in lines:
        if ITEM.match(line):
            found.append(line.rstrip())
            open_item = True
        elif open_item and line.startswith("  ") and line.strip():
            found[-1] = f"{found[-1]} {line.strip()}"
        else:
            open_item = False
    return found


def parse_declaration(item: str) -> Declaration:
    """
    Return what an item declares.

    Raises:
        Misspelt: It has not the form.

    """
    matched = FORM.fullmatch(item)
    if matched is None:
        raise Misspelt(
            f"CHANGELOG.md: {item!r} is no declaration: write "
            "* **Roll-out**: `KIND FIELD` in `WORKSPACES OF THE FLEET`: why"
        )
    return Declaration(
        kind=matched["kind"],
        field=matched["field"],
        where=matched["where"] or "*",
        why=matched["why"],
    )


def undeclared(
    upgrades: Iterable[Upgrade], declared: Iterable[Declaration]
) -> dict[str, list[Change]]:
    """Return the changes that do harm and that no declaration lets through, by member."""
    known = tuple(declared)
    found = {
        upgrade.member.name: [
            change
            for change in causes(upgrade)
            if change.effect is Effect.REFUSED
            or not any(each.means(upgrade.member.name, change) for each in known)
        ]
        for upgrade in upgrades
    }
    return {name: changes for name, changes in found.items() if changes}


def causes(upgrade: Upgrade) -> list[Change]:
    """Return the changes that do harm; what a Workspace says of them only if nothing else does."""
    harmful = [change for change in upgrade.changes if change.effect in HARMFUL]
    return [change for change in harmful if not is_told(change)] or harmful


def is_told(change: Change) -> bool:
    """Whether a change is one of what a Workspace says, and not of what there is."""
    return change.kind == "Workspace" and change.path.startswith("status.")


def idle(upgrades: Iterable[Upgrade], declared: Iterable[Declaration]) -> list[Declaration]:
    """Return the declarations that mean no change: what was declared does not happen."""
    happened = [(upgrade.member.name, change) for upgrade in upgrades for change in causes(upgrade)]
    return [each for each in declared if not any(each.means(*found) for found in happened)]
