"""A plan as Markdown, for a comment on a pull request."""

import html
import re
from collections.abc import Iterator, Sequence

from composite.preview.api import ObjectChange, Preview, WorkspacePreview
from hooks.cli.plan_text import (
    APPLIED,
    SIGNS,
    because,
    facts_of,
    pods,
    state,
    total,
    unlisted,
    user_objects,
    values,
)

# What begins or ends something in a line of GitHub's Markdown, HTML aside; an underscore within a
# word does not. https://github.github.com/gfm/, and $ for formulas.
MEANINGFUL = re.compile(r"[\\`*\[\]|~$!]|(?<![^\W_])_|_(?![^\W_])")
# Who is mentioned, and what is referred to: read once all else has been, so that no escape helps.
REFERENCE = re.compile(r"(?<!\w)([@#])(?=\w)")
NOTHING = "&#8203;"  # takes no room, and is no part of a name
BLANK = re.compile(r"\s+")


def written(plan: Preview, about: Sequence[str]) -> str:
    """Return the whole plan; ``about`` are sentences about the prices."""
    sums = (plain(line) for line in total(plan.total, plan.currency))
    lines = ["## metakaito plan", "", *(f"{line}  " for line in sums)]
    for one in plan.unlisted:
        lines += ["", f":warning: {plain(unlisted(one))}"]
    if mine := user_objects(plan):
        lines += ["", f"### {APPLIED}", *table(mine), *details(mine)]
    for each in plan.workspaces:
        lines += ["", *block(each, plan.currency)]
    if any(each.nodes for each in plan.workspaces):
        lines += ["", *(f"<sub>{plain(line)}</sub>  " for line in about)]
    return "\n".join(lines) + "\n"


def block(one: WorkspacePreview, currency: str | None) -> Iterator[str]:
    """Yield the lines about one Workspace."""
    yield f"### Workspace {code(f'{one.namespace}/{one.name}')} {state(one)}"
    for problem in one.refused:
        field = f"{code(problem.field)}: " if problem.field else ""
        yield f"* :x: {field}{plain(problem.message)}"
    yield from table(one.changes)
    for each in one.changes:
        if each.restarts or each.unseen:
            named = ", ".join(map(code, each.restarts)) or plain(pods(each))
            yield from ("", f":warning: **restarts {named}**{plain(because(each))}")
    yield from details(one.changes)
    facts = [*facts_of(one, currency)]
    if facts:
        yield ""
    yield from (f"* **{name}**: {plain(text)}" for name, text in facts)


def table(changes: Sequence[ObjectChange]) -> Iterator[str]:
    """Yield a row for each object."""
    if changes:
        yield from ("", "| | kind | name | |", "|---|---|---|---|")
    for each in changes:
        cells = (plain(each.kind), code(each.name, cell=True), plain(", ".join(each.about)))
        yield f"| `{SIGNS[each.action]}` | {' | '.join(cells)} |"


def details(changes: Sequence[ObjectChange]) -> Iterator[str]:
    """Yield every field that changes, folded away."""
    for each in changes:
        if each.fields:
            # In this line only HTML means anything.
            title = escaped(f"{each.kind} {each.name}")
            yield from ("", f"<details><summary>{title}</summary>", "")
            for field in each.fields:
                yield f"* {code(field.path)} {code(values(field.before, field.after))}"
            yield from ("", "</details>")


def code(text: str, *, cell: bool = False) -> str:
    """Return text as code, whatever is in it; ``cell``: in a table, where a bar ends a cell."""
    line = BLANK.sub(" ", text) or " "
    fence = "`" * (max(map(len, re.findall("`+", line)), default=0) + 1)
    inner = f" {line} " if line.startswith("`") or line.endswith("`") else line
    return f"{fence}{inner}{fence}".replace("|", "\\|" if cell else "|")


def plain(text: str) -> str:
    """Return text that is read as it is: nobody's Workspace writes HTML or mentions people."""
    return MEANINGFUL.sub(r"\\\g<0>", escaped(text))


def escaped(text: str) -> str:
    """Return text in one line, in which nothing is HTML and nobody is mentioned."""
    line = html.escape(BLANK.sub(" ", text), quote=False)
    return REFERENCE.sub(rf"\1{NOTHING}", line)
