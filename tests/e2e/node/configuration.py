"""What the node's programs are told, as values; each is written to a file."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple


class Node(NamedTuple):
    """
    One kubelet with a containerd of its own.

    All nodes share one network namespace: a bridge for each, routed by the kernel between them.
    """

    number: int

    @property
    def name(self) -> str:
        """What Kubernetes calls it, and the name of its folder."""
        return f"node{self.number}"

    @property
    def bridge(self) -> str:
        """The network interface that its Pods are connected to."""
        return f"pods{self.number}"

    @property
    def address(self) -> str:
        """Of the bridge and of the node at once; it exists in the nodes' network only."""
        return f"10.{88 + self.number}.0.1"

    @property
    def pods(self) -> str:
        """The network of its Pods."""
        return f"10.{88 + self.number}.0.0/16"

    @property
    def user(self) -> str:
        """Of its kubelet: the API server lets it see and change what concerns this node only."""
        return f"kubelet{self.number}"


MOST_NODES = 8
"""As many networks as `PODS` has room for."""

FIRST = Node(0)
NODE = FIRST.name
ADDRESS = FIRST.address
"""Of the API server, too, and of what else all nodes and Pods are to reach."""
PODS = "10.88.0.0/13"
"""The networks of the Pods of all nodes."""
SERVICES = "10.96.0.0/24"
DNS = "10.96.0.10"
API = f"https://{ADDRESS}:6443"
ETCD = "http://127.0.0.1:2379"
AUTHORITY = "ca.crt"
"""Certificate, in the nodes' folder, of who signs for all that is served and asked there."""
PAUSE = "metakaito.local/pause:1"
REGISTRY = f"{ADDRESS}:5000"
"""Where a registry answers if one is started; Pods and containerd reach it by the same name."""
REGISTRIES = "certs.d"
"""The folder that tells containerd how to speak to each registry."""

# Token and name at once, and group, of each user of the API server. Nobody else reaches it.
ADMIN = "admin"
PROXY = "proxy"
KEYS = {ADMIN: ("admin", "system:masters"), PROXY: ("system:kube-proxy", "metakaito:proxies")}


def nodes(count: int) -> list[Node]:
    """
    Return the first so many nodes.

    Raises:
        ValueError: There are addresses for fewer.

    """
    if not 1 <= count <= MOST_NODES:
        raise ValueError(f"there can be 1 to {MOST_NODES} nodes, not {count}")
    return [Node(number) for number in range(count)]


def tokens(members: Iterable[Node]) -> str:
    """Return the file of the API server's users: each line a token, a name, an id and a group."""
    kubelets = {node.user: (f"system:node:{node.name}", "system:nodes") for node in members}
    users = {**KEYS, **kubelets}
    return "".join(f'{token},{name},{token},"{group}"\n' for token, (name, group) in users.items())


def containerd(work: Path, node: Node, plugins: Path) -> str:
    """
    Return containerd's file, in TOML.

    Source: https://github.com/containerd/containerd/blob/v2.3.5/docs/cri/config.md
    """
    # restrict_oom_score_adj: without CAP_SYS_RESOURCE, as on many build machines, runc may not
    # lower a score, and dies with "can't get final child's PID from pipe: EOF".
    # netns_mounts_under_state_dir: nothing of ours belongs in /run/netns.
    # disabled_plugins: "opt" makes /opt/containerd on the machine, which nobody removes; the socket
    # of "nri" has one place, which two nodes would fight for.
    own = work / node.name
    return f"""\
version = 3
root = "{own}/containerd"
state = "{own}/containerd.state"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri"]

[grpc]
address = "{own}/containerd.sock"

[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = "{PAUSE}"

[plugins.'io.containerd.cri.v1.images'.registry]
config_path = "{work}/{REGISTRIES}"

[plugins.'io.containerd.cri.v1.runtime']
netns_mounts_under_state_dir = true
restrict_oom_score_adj = true

[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ["{plugins}"]
conf_dir = "{own}/net.d"
use_internal_loopback = true
"""


def registry_hosts(work: Path) -> str:
    """
    Return whom containerd trusts to be `REGISTRY`.

    Source: https://github.com/containerd/containerd/blob/v2.3.5/docs/hosts.md
    """
    return f"""\
server = "https://{REGISTRY}"

[host."https://{REGISTRY}"]
capabilities = ["pull", "resolve", "push"]
ca = "{work}/{AUTHORITY}"
"""


def bridge(work: Path, node: Node) -> dict[str, Any]:
    """Return how a Pod gets its network: an interface on the node's bridge."""
    addresses = {
        "type": "host-local",
        "dataDir": str(work / node.name / "addresses"),
        "ranges": [[{"subnet": node.pods}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    # Hairpin: a Pod reaches itself through its Service.
    plugin = {"type": "bridge", "bridge": node.bridge, "isGateway": True, "hairpinMode": True}
    return {"cniVersion": "1.0.0", "name": node.bridge, "plugins": [{**plugin, "ipam": addresses}]}


def kubelet(work: Path, node: Node) -> dict[str, Any]:
    """Return the kubelet's configuration."""
    own = work / node.name
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": node.address,
        "healthzBindAddress": node.address,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(work / AUTHORITY)},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{work.name}/{node.name}",
        "failCgroupV1": False,  # where a machine has version 1 still, it does
        "clusterDNS": [DNS],
        "clusterDomain": "cluster.local",
        "resolvConf": str(work / "resolv.conf"),
        "containerRuntimeEndpoint": f"unix://{own}/containerd.sock",
        # A kubelet removes the logs of Pods that it does not know: of the other nodes, too.
        "podLogsDir": str(own / "pods"),
        "volumePluginDir": str(own / "volume-plugins"),
        # An image that was collected could not be had again.
        "imageGCHighThresholdPercent": 100,
        # A machine for tests is often full, and a Pod that was evicted says little of us.
        "evictionHard": {
            "memory.available": "200Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
        },
        "makeIPTablesUtilChains": False,  # nftables only
        "nodeStatusReportFrequency": "10s",
        "syncFrequency": "10s",
    }


def proxy(work: Path) -> dict[str, Any]:
    """Return kube-proxy's configuration: there is one, for the one network namespace."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "bindAddress": ADDRESS,
        "clientConnection": {"kubeconfig": str(work / "proxy.kubeconfig")},
        "clusterCIDR": PODS,
        "conntrack": {"maxPerCore": 0},  # it belongs to the machine: leave it
        "hostnameOverride": NODE,
        "nftables": {"minSyncPeriod": "100ms"},
    }
