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
    read_bytes,
    text_of,
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


class Sources(NamedTuple):
    """Files by their paths, and what is wrong with those that cannot be read."""

    read: Mapping[str, Source]
    unread: Sequence[Finding]


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
        Failed: A file cannot be read that may hold a Workspace; all others are told of before.

    """
    sources = read_sources(files)
    around = read_sources(beside)
    found = verdicts(sources.read, around.read, catalog_of(settings))
    unread = list(dict.fromkeys([*sources.unread, *around.unread]))
    match output:
        case "json":
            print_text(as_json([*map(verdict_json, found), *map(unread_json, unread)]))
        case "sarif":
            findings = [finding for each in found for finding in each.findings]
            print_text(as_json(sarif_log([*findings, *unread], installed())))
        case _:
            print_text("".join(f"{line}\n" for each in found for line in verdict_lines(each)))
    if unread:
        raise Failed(*map(unread_line, unread))
    return OK if all(each.accepted for each in found) else REFUSED


def read_sources(paths: Iterable[str]) -> Sources:
    """Return the files in which there may be a Workspace, or what one names."""
    found: dict[str, Source] = {}
    unread = []
    listed = ((path, file) for path in paths for file in files_in(path))
    for file in dict.fromkeys(file for path, file in listed if is_shown(path, file)):
        try:
            found[file] = read_source(file)
        except Failed as error:
            unread += [unreadable(file, line) for line in error.lines]
    return Sources(found, unread)


def read_source(file: str) -> Source:
    """
    Return a file in which there may be a Workspace, or what one names.

    Raises:
        Failed: It cannot be read, and there is no telling that it has no Workspace.

    """
    content = read_bytes(file)
    # What is not UTF-8 has the words as they are, or with zeros between where it is UTF-16.
    marked = MARK.search(content.replace(b"\0", b"").decode(errors="replace"))
    try:
        text = text_of(file, content)
    except Failed:
        if marked:
            raise
        return Source((), ())
    if not marked:
        return Source(readable_manifests(file, text), ())
    with yaml_errors_told(file, text):
        documents = list(yaml_nodes(file, text))
    return Source(manifests_of(file, text), documents)


def unreadable(file: str, told: str) -> Finding:
    """Return why a file cannot be read, told as ``FILE: why`` or ``FILE:LINE: why``."""
    found = re.match(r"(?::(\d+))?: ", told.removeprefix(file))
    line, message = (found[1], told.removeprefix(file)[found.end() :]) if found else (None, told)
    return Finding(file, int(line or 1), "", "", message)


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
    every = [each for source in {**around, **sources}.values() for each in source.manifests]
    whys = [(each, why_unreadable(each)) for each in every if is_named(each)]
    there = [each.content for each, why in whys if not why]
    malformed = {
        (str(objects.namespace_of(each.content)), name_of(each)): why
        for each, why in whys
        if why and each.content.get("kind") == "ConfigMap"
    }
    found = []
    for source in sources.values():
        first: dict[tuple[str, str], Manifest] = {}
        for each in filter(is_ours, source.manifests):
            other = first.setdefault((objects.namespace_of(each.content), name_of(each)), each)
            broken = (of_config(e, each, malformed) for e in problems(each.content, catalog, there))
            said = [*broken, *twice(each, other)]
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


def why_unreadable(manifest: Manifest) -> str:
    """Return why an object has not the shape of its kind, so that no API server would take it."""
    try:
        require_readable(manifest)
    except Failed as error:
        return str(error)
    return ""


def of_config(
    problem: Problem, workspace: Manifest, malformed: Mapping[tuple[str, str], str]
) -> Problem:
    """Return a problem that says so where the ConfigMap that is missed is there and malformed."""
    if problem.field != "tuning.config":
        return problem
    name = str(workspace.content["tuning"]["config"])
    why = malformed.get((objects.namespace_of(workspace.content), name))
    if why is None:
        return problem
    return Problem(field=problem.field, message=f"the ConfigMap {name!r} is malformed: {why}")


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


def unread_line(unread: Finding) -> str:
    """Return the line for people about a file that cannot be read."""
    return f"{unread.file}:{unread.line}: {unread.sentence}"


def unread_json(unread: Finding) -> JsonObject:
    """Return what is said of a file that cannot be read for programs: as of a nameless one."""
    problem = {"line": unread.line, "field": unread.field, "message": unread.message}
    return {
        "file": unread.file,
        "line": unread.line,
        "namespace": None,
        "name": None,
        "accepted": False,
        "problems": [problem],
        "warnings": [],
    }


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
