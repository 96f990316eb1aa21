"""What ``probe`` does: ask a server for samples, and hold its answers against our own."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import click

from composite import names
from composite.catalog import Catalog
from composite.models import JsonObject
from composite.simulate.controllers import Controller, Style, controllers
from composite.simulate.objects import RESOURCES
from hooks.answers import answer
from hooks.authentication import SCHEME
from hooks.cli.answering import read_time
from hooks.cli.errors import Failed, Refused
from hooks.cli.files import read_request
from hooks.cli.options import catalog_of
from hooks.settings import Settings

QUICK_START = Path(__file__).parent / "quickstart.yaml"
# Metacontroller's own.
TIMEOUT_SECONDS = 10.0
# Two clocks never agree; whatever else differs is a difference.
TIME = re.compile(r'"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}[^"]*"')


class Question(NamedTuple):
    """A request to one hook."""

    path: str
    body: JsonObject


def probe_server(url: str, settings: Settings) -> None:
    """
    Print a line for each hook that answers as it should.

    Raises:
        Refused: This is no URL.
        Failed: Nobody answers, or not as this program would with these settings.

    """
    if urlsplit(url).scheme not in {"http", "https"}:
        raise Refused(f"{url!r} is not a URL such as http://127.0.0.1:8080")
    catalog = catalog_of(settings)
    for question in questions(catalog):
        own = timeless(answer(question.path, question.body, catalog, read_time))
        theirs = timeless(asked(url, question, settings))
        if theirs != own:
            raise Failed(
                f"{url}{question.path}: answers otherwise than this program would; it is of "
                "another version, or has other settings",
                f"it says:   {theirs}",
                f"this says: {own}",
            )
        click.echo(f"{question.path}: ok")


def questions(catalog: Catalog) -> Iterator[Question]:
    """Yield what Metacontroller asks about the quick start when it has just been created."""
    workspace = read_request(str(QUICK_START))
    workspace["metadata"] |= {"namespace": "default", "uid": "0", "generation": 1}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}
    for controller in controllers(catalog.provisioning.provisioner):
        composite = controller.style is Style.COMPOSITE
        parent = workspace if composite else namespace
        customize = Question(str(controller.customize_path), {"parent": parent})
        yield customize
        rules = answer(*customize, catalog, read_time)["relatedResources"]
        related: JsonObject = {
            RESOURCES[rule["apiVersion"], rule["resource"]].key: {} for rule in rules
        }
        if not composite:
            related[names.WORKSPACES] = {f"default/{workspace['metadata']['name']}": workspace}
        sync = sync_question(controller, parent, related)
        yield sync
        if composite:
            # With its plan the Namespace's turn comes.
            workspace["status"] = answer(*sync, catalog, read_time)["status"]


def sync_question(controller: Controller, parent: JsonObject, related: JsonObject) -> Question:
    """Return the sync request for a parent that has no children yet."""
    composite = controller.style is Style.COMPOSITE
    children: JsonObject = {kind: {} for kind in controller.child_kinds}
    return Question(
        controller.sync_path,
        {
            "controller": controller.to_json(),
            ("parent" if composite else "object"): parent,
            ("children" if composite else "attachments"): children,
            "related": related,
            "finalizing": False,
        },
    )


def asked(url: str, question: Question, settings: Settings) -> JsonObject:
    """
    Return the server's answer.

    Raises:
        Failed: Nobody answers, or not with HTTP 200 and JSON.

    """
    headers = {"Content-Type": "application/json"}
    if settings.token_file is not None:
        headers["Authorization"] = f"{SCHEME} {settings.token_file.read_text().strip()}"
    where = f"{url.rstrip('/')}{question.path}"
    body = json.dumps(question.body).encode()
    request = Request(where, body, headers, method="POST")  # noqa: S310  (checked before)
    try:
        with urlopen(request, timeout=TIMEOUT_SECONDS) as response:  # noqa: S310  (the same)
            found: JsonObject = json.load(response)
    except HTTPError as error:
        text = error.read().decode(errors="replace").strip()
        raise Failed(f"{where}: HTTP {error.code}: {text[:500]}") from None
    except OSError as error:
        raise Failed(f"{where}: does not answer: {getattr(error, 'reason', error)}") from None
    except ValueError:
        raise Failed(f"{where}: does not answer with JSON") from None
    return found


def timeless(found: Any) -> str:  # noqa: ANN401  (JSON)
    """Return JSON as text in which every time is the same."""
    return TIME.sub('"TIME"', json.dumps(found, sort_keys=True))
