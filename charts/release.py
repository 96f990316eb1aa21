"""A release without Helm: its name and namespace, and what the chart makes of them."""

from typing import NamedTuple

from charts.values import Values

CHART = "metakaito"
NAMESPACE = "metakaito-system"

# By this label Metacontroller finds our controllers and leaves others alone.
PART_OF = {"app.kubernetes.io/part-of": "metakaito"}

# What a cluster needs for each provisioner, as Helm writes it.
APIS = {
    "machine": "karpenter.sh/v1alpha5/Machine",
    "nodeclaim": "karpenter.sh/v1/NodeClaim",
}


class Release(NamedTuple):
    """
    What Helm knows of a release besides its values.

    ``api_versions`` are the APIs of the cluster, as far as they are known: ``GROUP/VERSION/KIND``.
    """

    name: str = CHART
    namespace: str = NAMESPACE
    api_versions: frozenset[str] = frozenset()

    def fullname(self, values: Values) -> str:
        """Return the first part of the names, as the chart's ``metakaito.fullname`` does."""
        if values.fullnameOverride:
            return values.fullnameOverride
        chart = values.nameOverride or CHART
        whole = self.name if chart in self.name else f"{self.name}-{chart}"
        return whole[:40].rstrip("-")

    def labels(self, values: Values, component: str) -> dict[str, str]:
        """Return the labels of one of our objects, without those that say that Helm made it."""
        return {
            **values.commonLabels,
            "app.kubernetes.io/name": values.nameOverride or CHART,
            "app.kubernetes.io/instance": self.name,
            "app.kubernetes.io/component": component,
            **PART_OF,
        }

    def provisioner(self, values: Values) -> str:
        """
        Return what makes nodes; ``auto`` takes what the cluster has.

        Raises:
            Undecided: The cluster has both APIs, or nobody has said that it has one.

        """
        if values.provisioner != "auto":
            return values.provisioner
        found = [name for name, api in APIS.items() if api in self.api_versions]
        if len(found) > 1:
            raise Undecided(
                "provisioner: the cluster has both karpenter.sh/v1alpha5 Machine and "
                "karpenter.sh/v1 NodeClaim; set it to machine or nodeclaim"
            )
        if not found:
            raise Undecided(
                "provisioner: is auto, and no cluster is asked what it has; set it to machine, "
                "nodeclaim or none (metakaito generate: --provisioner nodeclaim), or say "
                "--api-versions karpenter.sh/v1/NodeClaim"
            )
        return found[0]


class Undecided(Exception):  # noqa: N818  (it says what is so, as Refusal does)
    """The values leave open what only a person can decide."""
