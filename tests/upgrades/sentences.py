"""The report of an upgrade: for people a table and sentences, for programs JSON."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from composite.differences import Absent, shown
from composite.models import JsonObject
from composite.preview.effects import Effect
from hooks.cli.output import as_table
from tests.upgrades.comparison import HARMFUL, MEANING, Change
from tests.upgrades.declarations import Declaration, causes, idle, is_told, undeclared
from tests.upgrades.plays import Upgrade

# So many names are told; of more the number.
FEW = 3


@dataclass(frozen=True)
class Report:
    """Every upgrade of the fleet, and what was declared."""

    version: str
    upgrades: tuple[Upgrade, ...]
    declared: tuple[Declaration, ...]

    @property
    def mistakes(self) -> list[str]:
        """Sentences on what nobody was told, and on what was told and does not happen."""
        found = undeclared(self.upgrades, self.declared)
        return [
            *(sentence(group, members) for group, members in grouped(found)),
            *(
                f"CHANGELOG.md: {each}: nothing of the kind happens; remove it"
                for each in self.idle
            ),
        ]

    @property
    def idle(self) -> list[Declaration]:
        """Declarations of what does not happen."""
        return idle(self.upgrades, self.declared)

    def text(self) -> str:
        """Return the report for people."""
        rows = [row(upgrade) for upgrade in self.upgrades]
        head = ("WORKSPACES", "VERDICT", "PODS RESTARTED", "MACHINES REPLACED", "FIELDS")
        parts = [as_table(head, rows)]
        for title, found in self._sections():
            if found:
                parts.append(f"\n{title}\n" + "".join(f"  {line}\n" for line in found))
        return "".join([*parts, "\n", self.summary, "\n"])

    def _sections(self) -> list[tuple[str, list[str]]]:
        harmless = {
            upgrade.member.name: [
                each
                for each in upgrade.changes
                if each.effect is Effect.UPDATED and not (is_told(each) and causes(upgrade))
            ]
            for upgrade in self.upgrades
        }
        later = {upgrade.member.name: [*upgrade.anew] for upgrade in self.upgrades}
        declared = [str(each) for each in self.declared if each not in self.idle]
        return [
            ("What restarts or is cut off, and nobody was told:", self.mistakes),
            ("What restarts, as the changelog says:", declared),
            (
                "What is written in place, and restarts nothing:",
                [sentence(group, members) for group, members in grouped(harmless)],
            ),
            (
                "What a Workspace that is made anew gets, and one that runs does not:",
                [sentence(group, members) for group, members in grouped(later)],
            ),
        ]

    @property
    def summary(self) -> str:
        """Return the whole in a few lines."""
        count = Counter(upgrade.verdict for upgrade in self.upgrades)
        verdicts = ("unchanged", *(e.value for e in reversed(Effect) if e is not Effect.DEFERRED))
        listed = ", ".join(f"{count[verdict]} {verdict}" for verdict in verdicts)
        pods = sum(upgrade.pods for upgrade in self.upgrades)
        machines = sum(upgrade.machines for upgrade in self.upgrades)
        anew = sum(bool(upgrade.anew) for upgrade in self.upgrades)
        return (
            f"{len(self.upgrades)} of the fleet, upgraded from {self.version}: {listed}\n"
            f"{sum(u.restarted for u in self.upgrades)} of {pods} pods restarted, "
            f"{sum(u.replaced for u in self.upgrades)} of {machines} machines replaced\n"
            f"{anew} would differ if they were made anew"
        )

    def to_json(self) -> JsonObject:
        """Return the report for programs."""
        bad = undeclared(self.upgrades, self.declared)
        return {
            "from": self.version,
            "mistakes": self.mistakes,
            "workspaces": [
                {
                    "name": upgrade.member.name,
                    "story": upgrade.member.story,
                    "verdict": upgrade.verdict,
                    "declared": upgrade.member.name not in bad,
                    "pods": {"before": upgrade.pods, "restarted": upgrade.restarted},
                    "machines": {"before": upgrade.machines, "replaced": upgrade.replaced},
                    "changes": [change_json(each) for each in upgrade.changes],
                    "madeAnew": [change_json(each) for each in upgrade.anew],
                }
                for upgrade in self.upgrades
            ],
        }


def row(upgrade: Upgrade) -> tuple[object, ...]:
    """Return a line of the table."""
    touched = causes(upgrade) or [c for c in upgrade.changes if c.effect is not Effect.DEFERRED]
    fields = [f"{each.kind} {each.path}".strip() for each in touched]
    return (
        upgrade.member.name,
        upgrade.verdict,
        f"{upgrade.restarted} of {upgrade.pods}",
        f"{upgrade.replaced} of {upgrade.machines}",
        few(dict.fromkeys(fields)),
    )


def change_json(each: Change) -> JsonObject:
    """Return a change for programs; a field that is not there is absent."""
    sides = {"before": each.before, "after": each.after}
    return {
        "kind": each.kind,
        "name": each.name,
        "path": each.path,
        **{side: value for side, value in sides.items() if not isinstance(value, Absent)},
        "effect": each.effect.value,
    }


def grouped(changes: dict[str, list[Change]]) -> list[tuple[Change, list[str]]]:
    """Return one change of each kind, field and effect, the worst first, and where it happens."""
    found: dict[tuple[Effect, str, str], tuple[Change, list[str]]] = {}
    for name, listed in changes.items():
        for each in listed:
            key = (each.effect, each.kind, anywhere(each.path))
            _, where = found.setdefault(key, (each, []))
            where += [] if name in where else [name]
    order = list(Effect)
    return sorted(found.values(), key=lambda item: order.index(item[0].effect))


def anywhere(path: str) -> str:
    """Return a path with any place of a list for a certain one."""
    return re.sub(r"\[\d+\]", "[*]", path)


def sentence(each: Change, members: list[str]) -> str:
    """Return a change in words: what, from what to what, what it does and where."""
    what = f"{each.kind} {each.name}: "
    what += f"{each.path}: {shown(each.difference)}" if each.path else str(each.after)
    told = f"{what}: {MEANING[each.effect]} {len(members)} of the fleet: {few(members)}"
    if each.effect not in HARMFUL:
        return told
    if each.effect is Effect.REFUSED:
        return f"{told}; no release may do this"
    where = "*" if len(members) > 1 else members[0]
    example = Declaration(each.kind, anywhere(each.path), where, "why")
    return f"{told}; if it must be, declare it in CHANGELOG.md, in what is unreleased: {example}"


def few(names: Iterable[str]) -> str:
    """Return the first names, and how many more there are."""
    listed = [*names]
    more = [f"and {len(listed) - FEW} more"] if len(listed) > FEW else []
    return ", ".join([*listed[:FEW], *more])
