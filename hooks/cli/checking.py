"""The work of ``check``: find the Workspaces among any files, and what is wrong with them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NamedTuple

import yaml

from composite import names
from composite.catalog import Catalog
from composite.models import JsonObject
from composite.refusal import Problem
from composite.simulate import objects
from hooks.cli.about import installed
from hooks.cli.errors import OK, REFUSED, Failed
from hooks.cli.files import (
    Manifest,
    files_in,
    manifests_of,
    read_text,
    yaml_errors_told,
    yaml_nodes,
)
from hooks.cli.options import catalog_of
from hooks.cli.output import as_json, print_text
from hooks.cli.positions import field_line
from hooks.cli.refusals import name_of, notes, problems, split
from hooks.cli.rendering import require_readable
from hooks.cli.sarif import Finding, sarif_log
from hooks.cli.worlds import is_named
from hooks.settings import Settings

# A file with neither of these holds no Workspace, and need not even be YAML: a template, say.
MARK = re.compile(
    rf"""apiVersion["']?\s*:\s*["']?{re.escape(names.GROUP)}/|^["'{{]*kind["']?\s*:\s*["']?{names.KIND}\b""",
    flags=re.MULTILINE,
)


class Source(NamedTuple):
    """A file in which there may be a Workspace."""

    manifests: Sequence[Manifest]
    documents: Sequence[yaml.Node]


class Verdict(NamedTuple):
    """What is said of one Workspace."""

    workspace: Manifest
    findings: Sequence[Finding]

    @property
    def accepted(self) -> bool:
        """Whether nothing has to be mended."""
        return all(finding.level == "warning" for finding in self.findings)


def check_files(
    files: Iterable[str], beside: Iterable[str], settings: Settings, output: str
) -> int:
    """
    Print what is said of the Workspaces in files, and return the exit code.

    Raises:
        Failed: A file cannot be read that may hold a Workspace.

    """
    sources = read_sources(files)
    around = read_sources(beside)
    found = verdicts(sources, around, catalog_of(settings))
    match output:
        case "json":
            print_text(as_json([verdict_json(each) for each in found]))
        case "sarif":
            findings = [finding for each in found for finding in each.findings]
            print_text(as_json(sarif_log(findings, installed())))
        case _:
            print_text("".join(f"{line}\n" for each in found for line in verdict_lines(each)))
    return OK if all(each.accepted for each in found) else REFUSED


def read_sources(paths: Iterable[str]) -> dict[str, Source]:
    """
    Return the files in which there may be a Workspace, or what one names, by their paths.

    Raises:
        Failed: One cannot be read, though it has the words of a Workspace.

    """
    found: dict[str, Source] = {}
    listed = ((path, file) for path in paths for file in files_in(path))
    for file in dict.fromkeys(file for path, file in listed if is_shown(path, file)):
        text = read_text(file)
        if MARK.search(text):
            with yaml_errors_told(file, text):
                documents = list(yaml_nodes(file, text))
            found[file] = Source(manifests_of(file, text), documents)
        else:
            found[file] = Source(readable_manifests(file, text), ())
    return found


def is_shown(path: str, file: str) -> bool:
    """Whether a file of a directory is neither hidden nor in a folder that is."""
    return not any(part.startswith(".") for part in Path(file).relative_to(path).parts)


def readable_manifests(file: str, text: str) -> list[Manifest]:
    """Return the objects of a file, none of which is a Workspace; what is no object is nobody's."""
    try:
        return manifests_of(file, text)
    except Failed:
        return []


def verdicts(
    sources: Mapping[str, Source], around: Mapping[str, Source], catalog: Catalog
) -> list[Verdict]:
    """Return what is said of each Workspace; all that has a name in any file exists for it."""
    there = [
        each.content
        for source in {**around, **sources}.values()
        for each in source.manifests
        if is_named(each) and is_readable(each)
    ]
    found = []
    for source in sources.values():
        first: dict[tuple[str, str], Manifest] = {}
        for each in filter(is_ours, source.manifests):
            other = first.setdefault((objects.namespace_of(each.content), name_of(each)), each)
            said = [*problems(each.content, catalog, there), *twice(each, other)]
            findings = [finding(each, problem, source.documents) for problem in said]
            if not said:
                findings = [
                    finding(each, split(note), source.documents)._replace(level="warning")
                    for note in notes(each.content, catalog, there)
                ]
            found.append(Verdict(each, findings))
    return found


def is_ours(manifest: Manifest) -> bool:
    """Whether an object is a Workspace of this API, though one word of it may be misspelt."""
    version, kind = (str(manifest.content.get(key) or "") for key in ("apiVersion", "kind"))
    group = version.partition("/")[0]
    named = get_close_matches(kind, [names.KIND], n=1)
    return bool((named or not kind) and get_close_matches(group, [names.GROUP], n=1)) or (
        kind == names.KIND and not version
    )


def is_readable(manifest: Manifest) -> bool:
    """Whether an object has the shape of its kind; no API server would take another."""
    try:
        require_readable(manifest)
    except Failed:
        return False
    return True


def twice(manifest: Manifest, other: Manifest) -> list[Problem]:
    """Return the problem of a Workspace whose name another one of the file has."""
    if other is manifest:
        return []
    message = f"{other.place} is a Workspace of this name already; use another one"
    return [Problem(field="metadata.name", message=message)]


def finding(manifest: Manifest, problem: Problem, documents: Sequence[yaml.Node]) -> Finding:
    """Return a problem with the line of its field, or of what would hold the field."""
    line = field_line(documents, manifest, problem.field)
    return Finding(manifest.file, line, name_of(manifest), problem.field, problem.message)


def verdict_lines(verdict: Verdict) -> Iterator[str]:
    """Yield the lines for people, as compilers write them."""
    if verdict.accepted:
        yield f"{verdict.workspace.place}: {name_of(verdict.workspace)}: accepted"
    for each in verdict.findings:
        yield f"{each.file}:{each.line}: {each.sentence}"


def verdict_json(verdict: Verdict) -> JsonObject:
    """Return what is said of one Workspace for programs."""
    said = {
        level: [
            {"line": each.line, "field": each.field, "message": each.message}
            for each in verdict.findings
            if each.level == level
        ]
        for level in ("error", "warning")
    }
    return {
        "file": verdict.workspace.file,
        "line": verdict.workspace.line,
        "namespace": objects.namespace_of(verdict.workspace.content),
        "name": name_of(verdict.workspace),
        "accepted": verdict.accepted,
        "problems": said["error"],
        "warnings": said["warning"],
    }
