"""
What the steps of a training leave as their last words.

They are those of ``metakaito fetch`` and ``metakaito push``, which write them where Kubernetes
looks for them; others have only the end of their log.
"""

import hashlib

from composite.models import JsonObject
from composite.workspace.job import URLS_VARIABLE
from composite.workspace.seen_jobs import IMAGE_VARIABLE

# In place of a query, in which there may be a password.
HIDDEN = "…"


def not_found(container: JsonObject) -> str:
    """Return what the downloader says of an address that leads nowhere: its first."""
    first = variable(container, URLS_VARIABLE).partition(" ")[0].partition("#")[0]
    address, mark, _ = first.partition("?")
    hidden = f"?{HIDDEN}" if mark else ""
    return f"tuning.input.urls: {address}{hidden} answers HTTP 404 Not Found"


def not_authorized(container: JsonObject) -> str:
    """Return what the pusher says of a registry that does not take the result."""
    image = variable(container, IMAGE_VARIABLE)
    return (
        f"tuning.output: push of {image}: {image.partition('/')[0]} answers HTTP 401 "
        "(UNAUTHORIZED: authentication required) for what it has in the Secret of "
        "tuning.output.imagePushSecret: correct that"
    )


def pushed(container: JsonObject) -> str:
    """Return what the pusher says of its result: the name, and as digest that of the name."""
    image = variable(container, IMAGE_VARIABLE)
    return f"{image}\nsha256:{hashlib.sha256(image.encode()).hexdigest()}\n"


def variable(container: JsonObject, name: str) -> str:
    """Return a variable of a container, empty where it has none of the name."""
    variables = container.get("env") or ()
    return next((str(each.get("value", "")) for each in variables if each["name"] == name), "")
