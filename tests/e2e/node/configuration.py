"""What the node's programs are told, as values; each is written to a file."""

from pathlib import Path
from typing import Any

NODE = "node0"
ADDRESS = "10.88.0.1"
"""Of the bridge, the node and the API server at once; it exists in the node's network only."""
PODS = "10.88.0.0/16"
SERVICES = "10.96.0.0/24"
DNS = "10.96.0.10"
API = f"https://{ADDRESS}:6443"
ETCD = "http://127.0.0.1:2379"
PAUSE = "metakaito.local/pause:1"

# Token, name and group of each user of the API server. Nobody else reaches it.
USERS = {
    "admin": ("admin", "system:masters"),
    "kubelet": (f"system:node:{NODE}", "system:nodes"),
    "proxy": ("system:kube-proxy", "metakaito:proxies"),
}


def tokens() -> str:
    """Return the file of `USERS` for the API server."""
    return "".join(f'{token},{user},{token},"{group}"\n' for token, (user, group) in USERS.items())


def containerd(work: Path, plugins: Path) -> str:
    """
    Return containerd's file, in TOML.

    Source: https://github.com/containerd/containerd/blob/v2.3.5/docs/cri/config.md
    """
    # restrict_oom_score_adj: without CAP_SYS_RESOURCE, as on many build machines, runc may not
    # lower a score, and dies with "can't get final child's PID from pipe: EOF".
    # netns_mounts_under_state_dir: nothing of ours belongs in /run/netns.
    return f"""\
version = 3
root = "{work}/containerd"
state = "{work}/containerd.state"

[grpc]
address = "{work}/containerd.sock"

[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = "{PAUSE}"

[plugins.'io.containerd.cri.v1.runtime']
netns_mounts_under_state_dir = true
restrict_oom_score_adj = true

[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ["{plugins}"]
conf_dir = "{work}/net.d"
use_internal_loopback = true
"""


def bridge() -> dict[str, Any]:
    """Return how a Pod gets its network: an interface on the node's bridge."""
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": PODS}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    # Hairpin: a Pod reaches itself through its Service.
    plugin = {"type": "bridge", "bridge": "pods0", "isGateway": True, "hairpinMode": True}
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [{**plugin, "ipam": addresses}]}


def kubelet(work: Path) -> dict[str, Any]:
    """Return the kubelet's configuration."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": ADDRESS,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(work / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{work.name}",
        "failCgroupV1": False,  # where a machine has version 1 still, it does
        "clusterDNS": [DNS],
        "clusterDomain": "cluster.local",
        "resolvConf": str(work / "resolv.conf"),
        "containerRuntimeEndpoint": f"unix://{work}/containerd.sock",
        "volumePluginDir": str(work / "volume-plugins"),
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
    """Return kube-proxy's configuration."""
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
