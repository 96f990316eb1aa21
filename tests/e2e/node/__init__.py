"""
A real node on this machine, without Docker: kubelet, containerd, runc, CNI, kube-proxy and CoreDNS.

Everything runs in namespaces of its own, so that several nodes can run side by side, on the same
addresses, and nothing is left of one when it ends.
"""
