"""Where clusters come from, by name."""

from tests.e2e.cluster.cluster import Provider
from tests.e2e.cluster.existing import ExistingProvider
from tests.e2e.cluster.kind import KindProvider
from tests.e2e.cluster.local import LocalProvider
from tests.e2e.node.provider import NodeProvider

PROVIDERS: dict[str, Provider] = {
    provider.name: provider
    for provider in (LocalProvider(), KindProvider(), NodeProvider(), ExistingProvider())
}
