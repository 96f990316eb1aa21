"""
Who we are to a registry: the file that ``docker login`` writes and Secrets of images hold.

Source: https://docs.docker.com/reference/cli/docker/login/ and
https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md
"""

import base64
import binascii
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hooks.steps.failures import TryAgain
from hooks.steps.references import DOCKER_HUB, Reference

CONFIG = "config.json"
DOCKER_HUB_KEYS = (
    "https://index.docker.io/v1/",
    "index.docker.io/v1",
    "index.docker.io",
    "registry-1.docker.io",
)
# The name under which a helper gives an identity token instead of a password.
# https://github.com/docker/docker-credential-helpers#development
TOKEN_USER = "<token>"  # noqa: S105  (a name, not a secret)
HELPER_SECONDS = 30.0
HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Credential(NamedTuple):
    """A user with a password, or a token that stands for one."""

    username: str = ""
    password: str = ""
    identity_token: str = ""
    registry_token: str = ""

    def __repr__(self) -> str:
        return "Credential(...)"


class Credentials(NamedTuple):
    """What a config.json says; an absent file says nothing."""

    file: Path
    auths: dict[str, Any] = {}  # noqa: RUF012  (never changed)
    helpers: dict[str, str] = {}  # noqa: RUF012  (the same)
    store: str = ""

    def of(self, image: Reference) -> Credential | None:
        """
        Return the credential of the longest entry that the image is below; None without one.

        Raises:
            TryAgain: The entry cannot be read.

        """
        for key in keys(image):
            for written, entry in self.auths.items():
                if plain(written) == key and (found := credential(entry, written, self.file)):
                    return found
        helper = self.helpers.get(server_of(image)) or self.helpers.get(image.domain) or self.store
        return asked_helper(helper, server_of(image)) if helper else None

    @property
    def names(self) -> list[str]:
        """The registries that there are entries for, as the file names them."""
        return [*self.auths, *self.helpers]


def load_credentials(folder: Path | None) -> Credentials:
    """
    Return what the config.json of a directory says, read anew each time.

    Raises:
        TryAgain: It cannot be read.

    """
    if folder is None:
        return Credentials(Path(CONFIG))
    file = folder / CONFIG
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Credentials(file)
    except OSError as error:
        raise TryAgain(f"{file} cannot be read: {error.strerror}") from None
    except ValueError:
        raise TryAgain(f"{file} is not JSON as 'docker login' writes it") from None
    parts = document if isinstance(document, dict) else {}
    auths, helpers = parts.get("auths") or {}, parts.get("credHelpers") or {}
    if not isinstance(auths, dict) or not isinstance(helpers, dict) or parts is not document:
        raise TryAgain(f"{file} is not JSON as 'docker login' writes it: {{\"auths\": {{...}}}}")
    return Credentials(file, auths, helpers, str(parts.get("credsStore") or ""))


def keys(image: Reference) -> Iterator[str]:
    """Yield what an entry for the image may be called, the closest first."""
    parts = image.repository.split("/")
    for count in range(len(parts), 0, -1):
        yield "/".join([image.domain, *parts[:count]])
    yield image.domain
    if image.domain == DOCKER_HUB:
        yield from map(plain, DOCKER_HUB_KEYS)


def plain(key: str) -> str:
    """Return a key without what older versions wrote around it: https://host/v2/ is host."""
    bare = key.removeprefix("https://").removeprefix("http://").rstrip("/")
    return bare.removesuffix("/v1").removesuffix("/v2")


def server_of(image: Reference) -> str:
    """Return what helpers call the registry of an image."""
    return DOCKER_HUB_KEYS[0] if image.domain == DOCKER_HUB else image.domain


def credential(entry: object, key: str, file: Path) -> Credential | None:
    """
    Return what an entry holds; None for one that is empty, as the store of a helper leaves it.

    Raises:
        TryAgain: It holds something else.

    """
    broken = TryAgain(
        f"{file}: the entry {key!r} has no auth in Base64 of user:password, nor username and "
        "password, nor identitytoken"
    )
    if not isinstance(entry, dict):
        raise broken
    username, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if entry.get("auth"):
        try:
            text = base64.b64decode(str(entry["auth"]), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise broken from None
        username, colon, password = text.partition(":")
        if not colon:
            raise broken
    found = Credential(
        username,
        # Some programs pad it. https://github.com/docker/cli/blob/v28.0.0/cli/config/configfile/file.go
        password.rstrip("\0"),
        str(entry.get("identitytoken") or ""),
        str(entry.get("registrytoken") or ""),
    )
    if any(found):
        return found
    if entry.keys() - {"auth", "email"}:
        raise broken
    return None


def asked_helper(name: str, server: str) -> Credential | None:
    """
    Return what the program docker-credential-<name> says; None where it knows nothing.

    Raises:
        TryAgain: There is no such program, or it is not understood.

    """
    program = f"docker-credential-{name}"
    if not HELPER.fullmatch(name):
        raise TryAgain(f"{program!r}, which the config.json asks for, is not the name of a program")
    try:
        done = subprocess.run(  # noqa: S603  (what `docker` runs as well)
            [program, "get"],
            input=server,
            capture_output=True,
            text=True,
            timeout=HELPER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise TryAgain(
            f"{program}, which the config.json asks for, does not run: {error}"
        ) from None
    if done.returncode:
        return None
    try:
        found = json.loads(done.stdout)
        username, secret = str(found["Username"]), str(found["Secret"])
    except (ValueError, LookupError, TypeError):
        raise TryAgain(f"{program} does not answer as a credential helper does") from None
    if username == TOKEN_USER:
        return Credential(identity_token=secret)
    return Credential(username, secret)
