"""
Settings of an installation, from variables called ``METAKAITO_...``.

The only place that touches the environment. A setting that is absent or empty has its default.
"""

import ast
import hashlib
import inspect
import ipaddress
import os
import re
from enum import Enum
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    DirectoryPath,
    Field,
    FilePath,
    ValidationError,
)

from composite.catalog import (
    ADAPTER_BASE,
    IMAGE_PATTERN,
    RUNTIME_IMAGE,
    STEPS_IMAGE,
    Catalog,
    Cloud,
    NodeClass,
    Provisioner,
    Provisioning,
    Runtime,
)
from hooks.misspelt import misspelt
from presets import load_catalog

PREFIX = "METAKAITO_"

# Read by prometheus_client when it is imported and when a metric is made; it knows no other way.
# https://prometheus.github.io/client_python/multiprocess/
METRICS_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"

NODE_CLASSES = {
    # https://github.com/Azure/karpenter-provider-azure/tree/main/pkg/apis
    Cloud.AZURE: NodeClass(group="karpenter.azure.com", kind="AKSNodeClass"),
    # https://karpenter.sh/docs/concepts/nodeclasses/
    Cloud.AWS: NodeClass(group="karpenter.k8s.aws", kind="EC2NodeClass"),
}


def parse_address(text: str) -> tuple[str, int]:
    """
    Return host and port of ``host:port``, ``[host]:port`` or ``:port``.

    Raises:
        ValueError: The text is none of these.

    """
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:\[\]\s]*)):(\d{1,5})", text)
    if found is None or int(found[3]) > 65535:  # noqa: PLR2004  (ports have 16 bits)
        raise ValueError(f"{text!r} is not an address such as :8080, 127.0.0.1:8080 or [::1]:8080")
    return found[1] or found[2] or "", int(found[3])


def _checked_address(text: str) -> str:
    parse_address(text)
    return text


def _checked_networks(text: str) -> str:
    found = [ipaddress.ip_network(part.strip(), strict=False) for part in text.split(",") if part]
    return ",".join(map(str, found))


def _allowed(text: str) -> dict[str, Any]:
    return {"allowed": text}


Word = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9]([-.A-Za-z0-9]*[A-Za-z0-9])?$",
        max_length=253,
        json_schema_extra=_allowed("letters, digits, '-' and '.'"),
    ),
]


ImageReference = Annotated[
    str,
    Field(
        pattern=f"^{IMAGE_PATTERN}$",
        max_length=1024,
        json_schema_extra=_allowed("registry/repository:tag, or with @sha256:..."),
    ),
]


class Settings(BaseModel):
    """What differs from one installation to the next; :func:`meanings` has what is said of each."""

    model_config = ConfigDict(frozen=True)

    provisioner: Provisioner = Provisioner.MACHINE
    """
    What makes nodes: ``machine`` (karpenter.sh/v1alpha5 Machines, for Azure's gpu-provisioner),
    ``nodeclaim`` (karpenter.sh/v1 NodeClaims, for Karpenter) or ``none``.

    ``none`` turns it off: Workspaces run on nodes that exist. It must name an API that the cluster
    has, and agree with the attachments of the DecoratorController. It cannot be changed while
    Workspaces have Machines: those of the other kind would be nobody's. The default is what Kaito
    v0.3 uses.
    """

    cloud: Cloud = Cloud.AZURE
    """
    Whose instance types a Workspace can name: ``azure`` or ``aws``.

    It also decides the defaults of the node class. The default is Kaito's first cloud.
    """

    node_class_group: Word | None = None
    """
    API group of the ``nodeClassRef`` that NodeClaims get; used with provisioner ``nodeclaim`` only.

    The default follows the cloud, karpenter.azure.com or karpenter.k8s.aws, for a provisioner
    serves its own group only.
    """

    node_class_kind: Word | None = None
    """
    Kind of the ``nodeClassRef`` that NodeClaims get.

    The default follows the cloud: AKSNodeClass or EC2NodeClass.
    """

    node_class_name: Word = "default"
    """
    Name of the node class that NodeClaims get: it holds image, network and identity of the nodes.

    The default is the name in Karpenter's own examples.
    """

    image_registry: Annotated[
        str,
        Field(
            pattern=r"^[a-z0-9]([-._a-z0-9]*[a-z0-9])?(:\d{1,5})?(/[a-z0-9]+([-._]+[a-z0-9]+)*)*$",
            max_length=255,
            json_schema_extra=_allowed("host[:port][/path], without https:// and a last slash"),
        ),
    ] = "mcr.microsoft.com/aks/kaito"
    """
    Registry, and path in it, of the images of public presets.

    The default is where Kaito publishes them. A mirror must keep repositories and tags.
    """

    runtime: Runtime = Runtime.KAITO
    """
    Whose program serves and tunes a preset that both can: ``kaito`` (the images of the registry
    above, which bring the weights) or ``metakaito`` (the image below, with weights from where the
    preset says).

    A model that serves already stays with what it has. The default is what Kaito v0.3 does.
    """

    runtime_image: ImageReference = RUNTIME_IMAGE
    """
    Image of metakaito's model server and trainer.

    The default is that of this version; nobody publishes it yet.
    """

    steps_image: ImageReference = STEPS_IMAGE
    """
    Image that fetches the data of a training and pushes its result: metakaito's own.

    The default is that of this version; the Helm chart names the one that the hooks run from.
    """

    adapter_base: ImageReference = ADAPTER_BASE
    """
    Image that a pushed adapter is a layer on, or ``scratch``.

    The default has a shell and ``cp``, with which an adapter is copied out of its image.
    """

    fetch_allow_networks: Annotated[
        str,
        AfterValidator(_checked_networks),
        Field(json_schema_extra=_allowed("networks in CIDR notation, with commas between them")),
    ] = ""
    """
    Private networks that the data of a training may be fetched from, such as
    ``10.0.0.0/8,fd00::/8``.

    The default is none: only public addresses are asked, so that nobody reads with a Workspace what
    only the nodes can reach.
    """

    presets: Annotated[
        DirectoryPath | None, Field(json_schema_extra=_allowed("a directory that exists"))
    ] = None
    """
    Directory with presets of your own, in ``models/*.yaml`` and ``instance_types/*.yaml``.

    They are added to those that come with metakaito, and replace those of the same name. The
    default is none. It is read once, at the start.
    """

    bind: Annotated[
        str,
        AfterValidator(_checked_address),
        Field(
            json_schema_extra=_allowed("host:port, [host]:port or :port, the port from 0 to 65535")
        ),
    ] = ":8080"
    """
    Address to listen on. Without a host: every address, IPv4 and IPv6; port 0: any that is free.

    The default serves a Pod: its port needs no privileges. On a workstation use 127.0.0.1:8080,
    since hooks answer whoever asks.
    """

    token_file: Annotated[
        FilePath | None, Field(json_schema_extra=_allowed("a file that exists"))
    ] = None
    """
    File with a token. Hooks then answer only requests with ``Authorization: Bearer <token>``, and
    401 to others; probes and metrics are for everybody.

    The default is none. The file is read again when it changes.
    """

    workers: Annotated[int, Field(ge=1, le=64)] = 2
    """
    Processes that answer requests.

    An answer is a few milliseconds of pure Python, so a process serves one CPU: as many as the CPU
    limit has cores. The default keeps one free while the other answers for a large namespace.
    """

    threads: Annotated[int, Field(ge=1, le=256)] = 16
    """
    Requests that one process works at side by side.

    Metacontroller has at most ``--workers`` sync requests for each of our two controllers under
    way, 20 with the 10 we recommend, and customize requests besides. By default two processes of 16
    threads take all of them at once: none waits in line behind the requests of large namespaces,
    and neither does a probe. (Beside four requests for 1,000 Workspaces each, on two cores, a probe
    took up to 0.5 s with 16 threads and 2.4 s with 4.) More cost memory only.
    """

    max_request_bytes: Annotated[int, Field(ge=65536, le=1 << 30)] = 64 << 20
    """
    Largest request that is read, in bytes; a larger one is answered 413.

    The request for a namespace is about 8 KB for each of its Workspaces and the default, 64 MiB,
    has room for 8,000. It cannot be turned off: it bounds what one request can take of memory,
    about 10 times its size.
    """

    stop_seconds: Annotated[int, Field(ge=1, le=600)] = 20
    """
    How long requests under way may take after SIGTERM, in seconds.

    Metacontroller gives a request up after 10. Keep it below the Pod's
    ``terminationGracePeriodSeconds``, 30 by default.
    """

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """
    The least serious lines to be logged. ``debug`` adds probes; ``warning`` leaves only Workspaces
    that cannot be planned, malformed requests and errors.

    The default gives one line for every answer.
    """

    log_format: Literal["json", "text"] = "json"
    """
    ``json``: one object on each line, for log collectors. ``text``: for people.

    The default is for clusters.
    """

    record: Annotated[
        Path | None, Field(json_schema_extra=_allowed("a directory; it is made if need be"))
    ] = None
    """
    Directory to write each request and its answer to, for ``metakaito replay``.

    Values of ``env``, what ConfigMaps and Secrets hold, and what stands for a password in a URL
    are redacted before. The default is none: nothing is written. What cannot be written, on a
    disk that is full for example, is said in one line, and answered all the same.
    """

    record_max_requests: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """
    Requests that are kept in that directory, whoever wrote them; the oldest go first.

    They are counted at each request, which takes a millisecond with the default.
    """

    record_max_bytes: Annotated[int, Field(ge=1 << 20, le=1 << 40)] = 256 << 20
    """
    Bytes that all of them may have, together; the oldest go first.

    A request is about 20 KB for a Workspace, and 8 KB for each Workspace of a namespace: the
    default has room for 1,000 of either kind where namespaces are small. Keep it below the size of
    the volume.
    """

    virtual_clock: bool = Field(default=False, json_schema_extra=_allowed("true, false"))
    """
    Answer as of the time that a request names in its header ``Metakaito-Now``.

    For ``metakaito simulate --hooks`` and ``metakaito demo``, which play hours in seconds. Off by
    default, and to be left so in a cluster: the header would let whoever asks shift the back-off.
    """

    @property
    def node_class(self) -> NodeClass:
        """What NodeClaims point at: the cloud's own, where nothing else was set."""
        usual = NODE_CLASSES[self.cloud]
        return NodeClass(
            group=self.node_class_group or usual.group,
            kind=self.node_class_kind or usual.kind,
            name=self.node_class_name,
        )

    @property
    def provisioning(self) -> Provisioning:
        """The part of the settings that the core is told."""
        return Provisioning(
            provisioner=self.provisioner,
            cloud=self.cloud,
            node_class=self.node_class,
            image_registry=self.image_registry,
            runtime=self.runtime,
            runtime_image=self.runtime_image,
            steps_image=self.steps_image,
            adapter_base=self.adapter_base,
            fetch_networks=tuple(filter(None, self.fetch_allow_networks.split(","))),
        )

    def catalog(self) -> Catalog:
        """
        Read the presets and instance types that these settings ask for.

        Raises:
            presets.InvalidPresets: A file says something it cannot.

        """
        return load_catalog(cloud=self.cloud, overlay=self.presets, provisioning=self.provisioning)


def fingerprint(catalog: Catalog) -> dict[str, str]:
    """Return what decides the answers, so that two programs can find out that they differ."""
    known = catalog.model_dump_json(include={"presets", "instance_types"})
    where = catalog.provisioning
    return {
        "provisioner": where.provisioner.value,
        "cloud": where.cloud.value,
        "node class": f"{where.node_class.kind}.{where.node_class.group}/{where.node_class.name}",
        "image registry": where.image_registry,
        "runtime": f"{where.runtime.value}, {where.runtime_image}",
        "steps": ", ".join((where.steps_image, where.adapter_base, *where.fetch_networks)),
        "presets": hashlib.sha256(known.encode()).hexdigest()[:12],
    }


class InvalidSettings(Exception):  # noqa: N818  (it says what is so, as Refusal does)
    """Variables have values that cannot be used; one line for each."""


def load_settings() -> Settings:
    """
    Return the settings in the environment.

    Raises:
        InvalidSettings: A value cannot be used, or a variable is misspelt.

    """
    problems = [*misspelt(os.environ, PREFIX, VARIABLES)]  # noqa: TID251  (this is the place)
    try:
        settings = Settings.model_validate(set_variables())
    except ValidationError as error:
        problems += [
            f"{variable(str(detail['loc'][0]))}={str(detail['input'])[:80]!r} cannot be used; "
            f"allowed: {allowed(str(detail['loc'][0]))}"
            for detail in error.errors(include_url=False)
        ]
        raise InvalidSettings("\n".join(problems)) from error
    if problems:
        raise InvalidSettings("\n".join(problems))
    return settings


def set_variables() -> dict[str, str]:
    """Return the settings that the environment has, unchecked, by their names."""
    return {
        name: os.environ[variable(name)]  # noqa: TID251  (this is the place)
        for name in Settings.model_fields
        if os.environ.get(variable(name))  # noqa: TID251
    }


def meanings() -> dict[str, str]:
    """Return what the class says below each setting; read here, for no start should wait for it."""
    (told,) = ast.parse(inspect.getsource(Settings)).body
    assert isinstance(told, ast.ClassDef)  # noqa: S101  (it is one)
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in pairwise(told.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def variable(name: str) -> str:
    """Return the variable of a setting: ``log_level`` is ``METAKAITO_LOG_LEVEL``."""
    return f"{PREFIX}{name.upper()}"


def allowed(name: str) -> str:
    """Return in words which values a setting can have."""
    found = Settings.model_json_schema()["properties"][name]
    for choice in (found, *found.get("anyOf", ())):
        if "allowed" in choice:
            return str(choice["allowed"])
    if "minimum" in found:
        return f"a whole number from {found['minimum']} to {found['maximum']}"
    choices = Settings.model_fields[name].annotation
    if isinstance(choices, type) and issubclass(choices, Enum):
        return ", ".join(str(choice.value) for choice in choices)
    return ", ".join(found["enum"])


VARIABLES = [variable(name) for name in Settings.model_fields]


def share_metrics(directory: Path) -> None:
    """
    Let :mod:`prometheus_client`, once imported, keep its numbers in files in ``directory``.

    Processes then count together. The one variable we write, as the library takes no argument.
    """
    os.environ[METRICS_DIRECTORY] = str(directory)  # noqa: TID251  (see above)
