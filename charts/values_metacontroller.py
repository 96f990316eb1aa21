"""Values of Metacontroller, and of what it is told."""

from typing import Annotated, Literal

from pydantic import Field

from charts.values_parts import Image, Placement, Section, Word
from composite.models import JsonObject


class Metacontroller(Placement):
    """Metacontroller, which watches the cluster, asks the hooks and does what they say."""

    mode: Literal["private", "existing"] = "private"
    """
    private: one of our own, which looks at our controllers only and leaves any other alone. Another
    one in the cluster does the same only if it runs with --target-label-selector; without it, it
    takes up our controllers too: use existing then.
    existing: one that the cluster has, 4.17 or newer; it needs the rights that
    `metakaito generate rbac -f your-values.yaml` prints. Of this section applyStrategy and
    ownerReferencesPermissionEnforcement decide about these rights; nothing else of it is used then.
    """

    image: Image = Image(
        repository="ghcr.io/metacontroller/metacontroller",
        tag="v4.17.2",
    )
    """Image of Metacontroller."""

    replicas: Annotated[int, Field(ge=0, le=5)] = 1
    """
    How many Pods. With more than one they elect a leader, and the others stand by. A Pod on a node
    that is lost is not replaced before the node is deleted; where that takes long, let 2 run. 0:
    Workspaces are not looked at; models that run go on.
    """

    workers: Annotated[int, Field(ge=1, le=100)] = 10
    """Workspaces, and as many Namespaces, that it works at side by side."""

    qps: Annotated[int, Field(ge=1, le=10000)] = 200
    """Requests to the API server in a second, at most."""

    burst: Annotated[int, Field(ge=1, le=20000)] = 400
    """Requests to the API server at once, at most."""

    applyStrategy: Literal["dynamic-apply", "server-side-apply"] = "dynamic-apply"
    """
    How children are written. dynamic-apply: by a three-way merge, as `metakaito simulate` plays it;
    server-side-apply: by the API server, which also tells who set a field. With mode existing say
    here what the flag --apply-strategy of yours is: it needs other rights.
    """

    discoveryIntervalSeconds: Annotated[int, Field(ge=5, le=3600)] = 20
    """How often it looks for new APIs in the cluster, in seconds."""

    logLevel: Literal["debug", "info", "error"] = "info"
    """The least serious lines to be logged."""

    ownerReferencesPermissionEnforcement: bool = False
    """
    Whether the API server has the admission plugin of this name, as OpenShift does. Owning a child
    then needs the right to set its parent's finalizers.
    """

    resources: JsonObject = {
        "requests": {"cpu": "100m", "memory": "128Mi"},
        "limits": {"memory": "512Mi"},
    }
    """What each Pod asks for and may use."""

    goMemLimit: Annotated[str, Field(pattern=r"^(([0-9]+([KMGT]i)?B)|off)?$")] = ""
    """
    GOMEMLIMIT: at which use of memory Go collects more often, 460MiB, or off. Empty: nine tenths of
    the limit in resources, and nothing where there is none.
    """


class Controllers(Section):
    """What Metacontroller is told: our CompositeController and our DecoratorController."""

    resyncPeriodSeconds: Annotated[int, Field(ge=60, le=86400)] = 900
    """
    How often each Workspace is asked about without an event, in seconds. A safety net: every change
    in the cluster is an event.
    """

    syncTimeoutSeconds: Annotated[int, Field(ge=1, le=300)] = 10
    """How long a sync request may take, in seconds."""

    customizeTimeoutSeconds: Annotated[int, Field(ge=1, le=60)] = 2
    """
    How long a customize request may take, in seconds. Short: Metacontroller asks them one after
    another, and events wait meanwhile.
    """


class WebhookAuthentication(Section):
    """
    A token without which the hooks answer nobody.

    Metacontroller reads the Secret, for which it needs the right to list all Secrets of the
    cluster: it knows no narrower way. The NetworkPolicy asks for no right at all.
    """

    enabled: bool = False
    """Whether the hooks want a token and Metacontroller sends it."""

    secretName: Word = ""
    """
    Secret in the release's namespace that holds the token. For another token make another Secret
    and name it here: Metacontroller reads it once, when its name changes.
    """

    secretKey: Annotated[str, Field(pattern=r"^[-._a-zA-Z0-9]+$")] = "token"
    """Key in the Secret."""
