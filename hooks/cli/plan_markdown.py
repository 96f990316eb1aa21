"""A plan as Markdown, for a comment on a pull request."""

from collections.abc import Iterator, Sequence

from composite.preview.api import Preview, WorkspacePreview
from hooks.cli.plan_text import GIVEN, SIGNS, because, facts_of, total, values


def written(plan: Preview, about: Sequence[str]) -> str:
    """Return the whole plan; ``about`` are sentences about the prices."""
    lines = ["## metakaito plan", "", *(f"{line}  " for line in total(plan.total, plan.currency))]
    for each in plan.workspaces:
        lines += ["", *block(each, plan.currency)]
    if any(each.nodes for each in plan.workspaces):
        lines += ["", *(f"<sub>{line}</sub>  " for line in about)]
    return "\n".join(lines) + "\n"


def block(one: WorkspacePreview, currency: str | None) -> Iterator[str]:
    """Yield the lines about one Workspace."""
    state = "is refused" if one.refused else GIVEN[one.given]
    nothing = "" if one.changes or one.refused else "; nothing is written"
    yield f"### Workspace {code(f'{one.namespace}/{one.name}')} {state}{nothing}"
    for problem in one.refused:
        yield f"* :x: {code(problem.field)}: {plain(problem.message)}"
    if one.changes:
        yield from ("", "| | kind | name | |", "|---|---|---|---|")
    for each in one.changes:
        about = plain(", ".join(each.about))
        yield f"| `{SIGNS[each.action]}` | {each.kind} | {code(each.name)} | {about} |"
    for each in one.changes:
        if each.restarts:
            pods = ", ".join(map(code, each.restarts))
            yield from ("", f":warning: **restarts {pods}**{plain(because(each))}")
    yield from details(one)
    facts = [*facts_of(one, currency)]
    if facts:
        yield ""
    yield from (f"* **{name}**: {plain(text)}" for name, text in facts)


def details(one: WorkspacePreview) -> Iterator[str]:
    """Yield every field that changes, folded away."""
    for each in one.changes:
        if each.fields:
            yield from ("", f"<details><summary>{each.kind} {plain(each.name)}</summary>", "")
            for field in each.fields:
                yield f"* {code(field.path)} {code(values(field.before, field.after))}"
            yield from ("", "</details>")


def code(text: str) -> str:
    """Return text as code, whatever is in it."""
    fence = "`" * (text.count("`") + 1)
    inner = f" {text} " if text.startswith("`") or text.endswith("`") else text
    return f"{fence}{inner}{fence}".replace("\n", " ").replace("|", "\\|")


def plain(text: str) -> str:
    """Return text that is read as it is: nobody's Workspace writes HTML or mentions people."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    for sign in "\\`*_[]|@#":
        escaped = escaped.replace(sign, f"\\{sign}" if sign != "@" else "&#64;")
    return escaped.replace("\n", " ")
