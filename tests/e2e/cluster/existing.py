"""A cluster that is there already, named by a kubeconfig; nothing of it is created or ended."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.cluster.cluster import Cluster
from tests.e2e.cluster.processes import Processes

VARIABLE = "METAKAITO_TEST_KUBECONFIG"
IMAGE_VARIABLE = "METAKAITO_TEST_IMAGE"


class ExistingProvider:
    """
    The cluster of the kubeconfig that METAKAITO_TEST_KUBECONFIG names.

    Its Pods run, so METAKAITO_TEST_IMAGE has to name an image of metakaito that it can pull. The
    bundle is installed there and removed: take a cluster for tests.
    """

    name = "existing"

    def why_not(self) -> str | None:
        """Return why it cannot be used, or None."""
        for variable in (VARIABLE, IMAGE_VARIABLE):
            if not os.environ.get(variable):  # noqa: TID251  (tells a test what to use)
                return f"an existing cluster needs {variable}, which is not set"
        return None

    @contextmanager
    def started(self, work: Path) -> Iterator[Cluster]:
        """Give it out; end only what was started beside it."""
        processes = Processes(work)
        try:
            yield Cluster(
                provider=self.name,
                kubeconfig=Path(os.environ[VARIABLE]),  # noqa: TID251  (the same)
                processes=processes,
                real_pods=True,
                image=os.environ[IMAGE_VARIABLE],  # noqa: TID251  (the same)
            )
        finally:
            processes.end_all()
