"""A file server in the nodes' network, from which data sets are downloaded without a password."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.cluster.cluster import Cluster
from tests.e2e.node.configuration import ADDRESS
from tests.e2e.node.provider import ON_NODE
from tests.e2e.node.registry import is_heard

PORT = 8080
PROGRAM = "file-server"


@contextmanager
def served_files(cluster: Cluster, folder: Path, port: int = PORT) -> Iterator[str]:
    """
    Serve a folder over HTTP to Pods and nodes, until the end of the context.

    Args:
        cluster: Of the `NodeProvider`.
        folder: Neither below ``/run`` nor below ``/var``, which the nodes have of their own.
        port: Of the first node's address.

    Returns:
        The URL of the folder, without a slash at its end.

    Raises:
        NotReady: It did not start; with the end of its log.

    """
    name, address = f"{PROGRAM}-{port}", f"{ADDRESS}:{port}"
    serve = (sys.executable, "-u", "-m", "http.server", "--bind", ADDRESS, "--directory", folder)
    cluster.processes.start(name, (cluster.program(ON_NODE), *serve, port))
    try:
        cluster.processes.wait(name, lambda: is_heard(cluster, address))
        yield f"http://{address}"
    finally:
        cluster.processes.end(name)
