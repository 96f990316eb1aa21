"""
The container image, made by Python: the interpreter, what the lock pins, our wheel, a bill of it.

The ``Dockerfile`` runs it inside a pinned base image; where there is no Docker, the same steps take
this machine's Python and write an archive that container runtimes import. Nothing else is in the
image: no shell, no compiler, no pip. Its users are numbers, and its files need not be written to.
"""
