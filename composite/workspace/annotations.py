"""
What a Workspace asks for by annotations, and what is said of one that asks in vain.

Kaito compares with ``True`` to the letter, and so do we, also for an annotation of ours.

Source: https://github.com/kaito-project/kaito/blob/v0.3.2/pkg/controllers/workspace_controller.go
"""

from collections.abc import Iterator

from composite import names
from composite.workspace.api import ParentMeta, WorkspaceSpec

ON = "True"
# What YAML, or somebody, takes for the same.
LIKE_ON = frozenset({"true", "yes", "on", "y", "1"})

# What each asks for, and how it is without.
BALANCES = "makes the Service a LoadBalancer: it stays a ClusterIP"
RELEASES = "gives the nodes back after the training: they are kept"


def is_on(meta: ParentMeta, annotation: str) -> bool:
    """Whether a Workspace asks for this."""
    return (meta.annotations or {}).get(annotation) == ON


def annotation_notes(meta: ParentMeta, spec: WorkspaceSpec) -> Iterator[str]:
    """Say which annotation was likely meant to ask for something, and does not."""
    if not meta.annotations:
        return
    serves = spec.inference is not None and spec.inference.preset is not None
    for annotation, is_of_use, what in (
        (names.ANNOTATION_ENABLE_LB, serves, BALANCES),
        (names.ANNOTATION_RELEASE_NODES, spec.tuning is not None, RELEASES),
    ):
        value = meta.annotations.get(annotation, "")
        if is_of_use and value != ON and value.lower() in LIKE_ON:
            yield f'metadata.annotations[{annotation}]: is "{value}", and only "{ON}" {what}'
