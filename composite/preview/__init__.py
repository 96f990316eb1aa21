"""
What applying Workspaces would do, foreseen on a copy of the cluster and with nothing touched.

:mod:`.playing` has the embedded cluster play it until the nodes are there and pods would start.
What Metacontroller writes in it is what the real one will write: :mod:`.changes` says it object by
object and field by field, :mod:`.effects` what becomes of what runs, :mod:`.preview` what it needs
and costs, :mod:`.sums` what that is in all. :mod:`.api` is the result as a value.
"""

from composite.preview.api import Preview
from composite.preview.playing import Unforeseeable, World
from composite.preview.preview import preview

__all__ = ["Preview", "Unforeseeable", "World", "preview"]
