"""
The generated schemas, and what they say about a document.

``crd/`` and the ``*.schema.json`` files beside this one are written by ``python -m schemas``.
"""

from schemas.reading import problems

__all__ = ["problems"]
