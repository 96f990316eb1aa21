"""A folder is served to Pods, as a web site serves a data set."""

from pathlib import Path

import pytest

from tests.e2e.cluster.cluster import Cluster
from tests.e2e.node.configuration import nodes
from tests.e2e.node.file_server import served_files
from tests.e2e.node.pods import python_pod, said_by

FETCH = "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=20).read())"


@pytest.mark.parametrize("node", [node.name for node in nodes(2)])
def test_a_pod_downloads_a_file(pair: Cluster, restricted: str, node: str, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    with served_files(pair, tmp_path) as url:
        pod = python_pod("fetches", restricted, FETCH, f"{url}/rows.csv", nodeName=node)

        assert said_by(pair, pod) == "b'a,b\\n1,2\\n'\n"
