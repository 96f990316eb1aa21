"""What a Namespace's Machines depend on: the Workspaces in it, and nothing else."""

from composite import names
from composite.machines.api import Namespace
from composite.metacontroller import RelatedRule


def related_rules(namespace: Namespace) -> list[RelatedRule]:
    """Return the one rule; it is cached per Namespace and so must never change."""
    return [
        RelatedRule(
            apiVersion=names.API_VERSION,
            resource="workspaces",
            namespace=namespace.metadata.name,
        )
    ]
