"""
What is wrong with files as SARIF 2.1.0, which code hosts show beside the lines of a change.

Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/sarif-v2.1.0-errata01-os-complete.html
"""

from collections.abc import Iterable
from pathlib import PurePath
from typing import Literal, NamedTuple
from urllib.parse import quote

from composite.models import JsonObject

VERSION = "2.1.0"
SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)

Level = Literal["error", "warning"]

# What a finding is an instance of, with its level.
RULES: dict[str, tuple[Level, str]] = {
    "refused": ("error", "A Workspace that is refused."),
    "worth-a-word": ("warning", "A Workspace that is accepted, and of which something is said."),
    "unreadable": ("error", "A file that cannot be read, and in which a Workspace may be."),
}


class Finding(NamedTuple):
    """
    One thing to be told about a file.

    Attributes:
        file: Its path, as the user has written it.
        line: Where, counted from 1.
        name: What the object is called; empty if the file cannot be read.
        field: Path of the field in the object; empty if it is about all of it.
        message: The fact that decides, and what to do.
        level: Whether it has to be mended.

    """

    file: str
    line: int
    name: str
    field: str
    message: str
    level: Level = "error"

    @property
    def rule(self) -> str:
        """What it is an instance of."""
        if not self.name:
            return "unreadable"
        return "refused" if self.level == "error" else "worth-a-word"

    @property
    def sentence(self) -> str:
        """All of it but the file, as the command line prints it."""
        warning = "warning: " if self.level == "warning" else ""
        field = f"{self.field}: " if self.field else ""
        name = f"{self.name}: " if self.name else ""
        return f"{name}{warning}{field}{self.message}"


def sarif_log(findings: Iterable[Finding], version: str) -> JsonObject:
    """
    Return findings as a SARIF log of one run.

    Args:
        findings: In the order in which they are told.
        version: Of metakaito.

    """
    rules = [
        {"id": rule, "shortDescription": {"text": text}, "defaultConfiguration": {"level": level}}
        for rule, (level, text) in RULES.items()
    ]
    driver = {"name": "metakaito", "semanticVersion": version, "rules": rules}
    return {
        "$schema": SCHEMA,
        "version": VERSION,
        "runs": [{"tool": {"driver": driver}, "results": [result(each) for each in findings]}],
    }


def uri_of(file: str) -> str:
    """Return the name of a file as a relative URI, whatever bytes it has."""
    return quote(PurePath(file).as_posix(), errors="surrogateescape")


def result(finding: Finding) -> JsonObject:
    """Return one finding in SARIF's words."""
    physical = {
        "artifactLocation": {"uri": uri_of(finding.file)},
        "region": {"startLine": finding.line},
    }
    location: JsonObject = {"physicalLocation": physical}
    if path := "/".join(filter(None, [finding.name, finding.field])):
        location["logicalLocations"] = [{"fullyQualifiedName": path}]
    return {
        "ruleId": finding.rule,
        "ruleIndex": list(RULES).index(finding.rule),
        "level": finding.level,
        "message": {"text": finding.sentence},
        "locations": [location],
    }
