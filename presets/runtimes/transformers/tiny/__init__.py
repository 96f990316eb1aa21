"""
A model small enough for tests and demonstrations: Phi-3's architecture, random weights.

It knows nothing and says nothing sensible until it is tuned; but it is loaded, asked, tuned and
served like a big one, in milliseconds and half a megabyte.
"""

from tiny.model import make_model

__all__ = ["make_model"]
